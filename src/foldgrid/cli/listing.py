"""``foldgrid list``: the sweeps and the search spaces there are, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from foldgrid.specs.errors import SweepError
from foldgrid.specs.resolving import (
    read_space,
    resolve_sweep,
    space_folders,
    sweep_folders,
    yaml_files,
)


def list_sweeps() -> None:
    """Print the sweeps and the search spaces there are.

    A line each, by where they come from.

    A file in sweeps/ or search_spaces/ of the working folder goes before one of the same name that
    comes with foldgrid. A broken one is listed with what is wrong.
    """
    console = Console()
    spaces = space_folders()
    _print_files(
        "Sweeps",
        sweep_folders(),
        lambda path: resolve_sweep(path, "paper", spaces=spaces).sweep.title,
        console,
    )
    _print_files("Search spaces", spaces, lambda path: read_space(path).title, console)


def _print_files(
    heading: str, folders: tuple[Path, ...], read_title: Callable[[Path], str], console: Console
) -> None:
    chosen = yaml_files(*folders)
    for folder in folders:
        whence = f"in {folder}/" if not folder.is_absolute() else "that come with foldgrid"
        console.print(f"{heading} {whence}", highlight=False)
        for name, path in yaml_files(folder).items():
            if chosen[name] != path:
                title = f"hidden by {chosen[name]}"
            else:
                title = _title(path, read_title)
            line = f"  {name:<16} {title}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _title(path: Path, read_title: Callable[[Path], str]) -> str:
    try:
        return read_title(path)
    except SweepError as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
