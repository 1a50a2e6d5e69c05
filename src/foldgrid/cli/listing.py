"""``foldgrid list``: the sweeps, search spaces and recipes there are, and where each is from."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from foldgrid.specs.errors import InputError
from foldgrid.specs.folders import recipe_folders, space_folders, sweep_folders, yaml_files
from foldgrid.specs.reading import read_document


def list_sweeps() -> None:
    """Print the sweeps, search spaces and recipes there are.

    A line each, by where they come from.

    A file in sweeps/, search_spaces/ or recipes/ of the working folder goes before one of the same
    name that comes with foldgrid. A file that is no YAML is listed with what is wrong; what else
    may be wrong with a sweep, `foldgrid launch NAME --plan` says.
    """
    console = Console()
    _print_files("Sweeps", sweep_folders(), console)
    _print_files("Search spaces", space_folders(), console)
    _print_files("Recipes", recipe_folders(), console)


def _print_files(heading: str, folders: tuple[Path, ...], console: Console) -> None:
    chosen = yaml_files(*folders)
    for folder in folders:
        whence = f"in {folder}/" if not folder.is_absolute() else "that come with foldgrid"
        console.print(f"{heading} {whence}", highlight=False)
        for name, path in yaml_files(folder).items():
            title = _title(path) if chosen[name] == path else f"hidden by {chosen[name]}"
            line = f"  {name:<16} {title}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _title(path: Path) -> str:
    # The file alone: checking it as a launch does would import what trains, for a line of text.
    try:
        return str(read_document(path).values.get("title") or "has no title")
    except InputError as error:
        return f"cannot be read: {' '.join(str(error).split())}"
