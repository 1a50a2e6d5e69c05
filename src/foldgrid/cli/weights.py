"""``foldgrid weights …``: published pre-trained weights on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from foldgrid.cli.terminal import SweepName, backbones_of_sweep
from foldgrid.specs.errors import InputError, Problem, SweepError

if TYPE_CHECKING:
    from foldgrid.models import WeightFile

MAIN_SWEEP = "all_backbones"
SILENCE_SECONDS = 30.0
"""A server that says nothing for so long is given up: some firewalls swallow requests."""

Backbones = Annotated[tuple[str, ...], Parameter(negative=())]

app = App(name="weights", help="Pre-trained weights: which are here, and fetch the others.")


@app.command
def fetch(
    *, sweep: SweepName | None = None, backbone: Backbones = (), mirror: str | None = None
) -> None:
    """Fetch the weight files that are missing; each is checked against the hash in its name.

    Args:
        sweep: Those of a sweep, a name in sweeps/ or a YAML file; without it, of all_backbones.
        backbone: Those of this network instead. May be repeated.
        mirror: The URL of a folder that holds the same files, for networks without the internet.
    """
    if mirror is not None:
        _check_mirror(mirror)
    names = _chosen(sweep, backbone)
    from foldgrid.models import find_weight_file

    failures: dict[str, str] = {}
    here: list[Path] = []
    for name in names:
        file = find_weight_file(name)
        if file is None:
            _say(name, "none published")
            continue
        try:
            what = _fetched(file, mirror)
        except SweepError as error:
            failures[name] = str(error).splitlines()[0]
            _say(name, "failed")
            continue
        here.append(file.path)
        _say(name, f"{what:15} {_megabytes(file.path)}  {file.path.name}")
    total = sum(path.stat().st_size for path in here)
    print(f"{len(here)} of {len(names)} networks have their weights here, {total / 1e6:,.1f} MB.")
    if failures:
        raise InputError(
            "weights that could not be fetched",
            [Problem(name, "", message) for name, message in failures.items()],
            "Check the connection, or name a folder that holds them with --mirror; files copied by "
            "hand go to the folder that `foldgrid weights list` names.",
        )


@app.command(name="list")
def list_files(*, sweep: SweepName | None = None, backbone: Backbones = ()) -> None:
    """Show which weight files are here, with their size and the start of their SHA-256.

    Args:
        sweep: Those of a sweep, a name in sweeps/ or a YAML file; without it, of all_backbones.
        backbone: Those of this network instead. May be repeated.
    """
    names = _chosen(sweep, backbone)
    from foldgrid.models import find_weight_file

    files = [find_weight_file(name) for name in names]
    folder = next((file.path.parent for file in files if file), None)
    if folder is not None:
        print(f"{folder}:")
    for name, file in zip(names, files, strict=True):
        _say(name, _description(file))


def _chosen(sweep: str | None, backbones: Sequence[str]) -> tuple[str, ...]:
    """The networks asked for, all known, each once."""
    from foldgrid.models import check_backbones

    if backbones and sweep is not None:
        raise SweepError("--sweep and --backbone: found both. Give one of them.")
    source = "--backbone"
    if not backbones:
        backbones, source = backbones_of_sweep(sweep or MAIN_SWEEP)
    names = tuple(dict.fromkeys(backbones))
    check_backbones(names, source, {})
    return names


def _check_mirror(mirror: str) -> None:
    if urlsplit(mirror).scheme not in ("http", "https", "file"):
        raise SweepError(
            f'--mirror: found "{mirror}". A URL is needed, such as https://mirror.example/weights.'
        )


def _fetched(file: WeightFile, mirror: str | None) -> str:
    """Fetches a file unless it is here, and says which."""
    from foldgrid.models import fetch_weight_file

    try:
        with _patience(SILENCE_SECONDS):
            return "fetched" if fetch_weight_file(file, mirror) else "already here"
    except HTTPException as error:
        raise SweepError(f"{mirror or file.url}: is not answered in HTTP ({error}).") from error


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """How long a silent server is waited for; torch's own download would wait forever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _description(file: WeightFile | None) -> str:
    from foldgrid.models.weights import promised_hash

    if file is None:
        return "none published"
    if not file.is_here:
        return f"{'missing':8} {'':11}  {file.path.name}"
    found, promised = file.sha256(), promised_hash(file.path.name)
    verdict = ""
    if promised and not found.startswith(promised):
        verdict = "  not what its name promises: remove it, and fetch it again"
    return f"{found[:8]:8} {_megabytes(file.path)}  {file.path.name}{verdict}"


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:>8,.1f} MB"


def _say(name: str, text: str) -> None:
    # Flushed: a download takes minutes, and who watches through a pipe wants to see each.
    print(f"{name:26} {text}", flush=True)
