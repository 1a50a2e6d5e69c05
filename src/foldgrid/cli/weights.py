"""``foldgrid weights …``: published pre-trained weights on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console

from foldgrid.cli.terminal import SweepName, backbones_of_sweep
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError

if TYPE_CHECKING:
    from foldgrid.models import WeightFile

MAIN_SWEEP = "all_backbones"
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
    from foldgrid.launching.fetching import check_mirror, not_fetched

    check_mirror(mirror)
    names = _chosen(sweep, backbone)
    from foldgrid.models import check_room_for, find_weight_file

    failures: dict[str, str] = {}
    here: list[Path] = []
    files = {name: find_weight_file(name) for name in names}
    check_room_for(filter(None, files.values()))
    for name, file in files.items():
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
        _say(name, f"{what:15} {_megabytes(file.path)}  {file.name}")
    total = sum(path.stat().st_size for path in here)
    print(
        f"{len(here)} of {counted(len(names), 'network')} have their weights here, "
        f"{total / 1e6:,.1f} MB."
    )
    if failures:
        raise not_fetched(failures)


@app.command(name="list")
def list_files(*, sweep: SweepName | None = None, backbone: Backbones = ()) -> None:
    """Show which weight files are here, with their size and the start of their SHA-256.

    Args:
        sweep: Those of a sweep, a name in sweeps/ or a YAML file; without it, of all_backbones.
        backbone: Those of this network instead. May be repeated.
    """
    names = _chosen(sweep, backbone)
    from foldgrid.models import find_weight_file, weights_folder

    files = [find_weight_file(name) for name in names]
    if any(files):
        print(f"{weights_folder()}:")
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


def _fetched(file: WeightFile, mirror: str | None) -> str:
    """Fetches a file unless it is here, and says which."""
    from foldgrid.launching.fetching import download_progress
    from foldgrid.models import fetch_weight_file

    with download_progress(Console(stderr=True), file.backbone) as on_progress:
        return "fetched" if fetch_weight_file(file, mirror, on_progress) else "already here"


def _description(file: WeightFile | None) -> str:
    from foldgrid.models import weights_folder

    if file is None:
        return "none published"
    if not file.is_here:
        brought = "" if file.url else f"  comes with {file.package} (foldgrid[demo])"
        return f"{'missing':8} {'':11}  {file.name}{brought}"
    found = file.sha256()
    verdict = ""
    if not found.startswith(file.promised):
        verdict = "  not what its name promises: remove it, and fetch it again"
    elsewhere = file.path.parent != weights_folder()
    place = f"  in {file.path.parent}" if elsewhere else ""
    return f"{found[:8]:8} {_megabytes(file.path)}  {file.name}{place}{verdict}"


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:>8,.1f} MB"


def _say(name: str, text: str) -> None:
    # Flushed: a download takes minutes, and who monitors through a pipe wants to see each.
    print(f"{name:26} {text}", flush=True)
