"""Weight files downloaded before a launch trains, or by the command that does nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from foldgrid.models import WeightFile, check_room_for, fetch_weight_file
from foldgrid.models.download import Progress as OnProgress
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem, SweepError

MOST_NAMED = 4


def check_mirror(mirror: str | None) -> None:
    """Refuses a mirror that is no URL.

    Raises:
        SweepError: It is none.
    """
    if mirror is not None and urlsplit(mirror).scheme not in ("http", "https", "file"):
        raise SweepError(
            f'--mirror: found "{mirror}". A URL is needed, such as https://mirror.example/weights.'
        )


def fetch_weights(console: Console, mirror: str | None, files: Sequence[WeightFile]) -> None:
    """Downloads weight files one after another, and says so; see ``fetch_weight_file``.

    Args:
        console: Where to show it.
        mirror: A folder's URL that holds the same file names; nothing for the publishers'.
        files: What is missing.

    Raises:
        InputError: Files that could not be fetched: all of them, after the others are here.
        SweepError: They are larger than what is free; nothing was fetched.
    """
    check_room_for(files)
    console.print(f"Fetching {describe_files(files)}", markup=False, soft_wrap=True)
    failures: dict[str, str] = {}
    for file in files:
        try:
            with download_progress(console, file.backbone) as on_progress:
                fetch_weight_file(file, mirror, on_progress)
        except SweepError as error:
            failures[file.backbone] = str(error).splitlines()[0]
            console.print(f"  {file.backbone}   failed", markup=False, soft_wrap=True)
            continue
        size = format_bytes(file.path.stat().st_size)
        console.print(f"  {file.backbone}   {size}   {file.name}", markup=False, soft_wrap=True)
    if failures:
        raise not_fetched(failures)


def not_fetched(failures: dict[str, str]) -> InputError:
    """What could not be fetched and why, by backbone, and what to do about it."""
    return InputError(
        "weights that could not be fetched",
        [Problem(name, "", message) for name, message in failures.items()],
        "Check the connection, or name a folder that holds them with --mirror; files copied by "
        "hand go to the folder that `foldgrid weights list` names. What broke off goes "
        "on where it was.",
    )


def describe_files(files: Sequence[WeightFile]) -> str:
    """``2 weight files, 141.9 MB (resnet18 46.8 MB, resnet34)``: as far as sizes are known."""
    known = sum(file.num_bytes for file in files)
    is_all = all(file.num_bytes for file in files)
    total = f", {'' if is_all else 'at least '}{format_bytes(known)}" if known else ""
    named = ", ".join(map(_with_size, files[:MOST_NAMED]))
    more = f", … {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"{counted(len(files), 'weight file')}{total} ({named}{more})"


def _with_size(file: WeightFile) -> str:
    size = f" {format_bytes(file.num_bytes)}" if file.num_bytes else ""
    return f"{file.backbone}{size}"


def format_bytes(num_bytes: int) -> str:
    """``46.8 MB``: in millions of bytes."""
    return f"{num_bytes / 1e6:,.1f} MB"


@contextmanager
def download_progress(console: Console, what: str) -> Iterator[OnProgress | None]:
    """A bar while a file is downloaded, gone when it is done; none outside a terminal."""
    if not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
