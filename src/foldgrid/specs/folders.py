"""Where sweeps, search spaces and recipes are, by name. Reads no file, so that naming is quick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foldgrid.specs.errors import SweepError, did_you_mean


def sweep_folders() -> tuple[Path, ...]:
    """Where sweeps are found by name: ``./sweeps``, then those that come with the package."""
    return _folders("sweeps")


def space_folders() -> tuple[Path, ...]:
    """Where search spaces are: ``./search_spaces``, then those that come with the package."""
    return _folders("search_spaces")


def recipe_folders() -> tuple[Path, ...]:
    """Where recipes are: ``./recipes``, then those that come with the package."""
    return _folders("recipes")


def _folders(kind: str) -> tuple[Path, ...]:
    here, shipped = Path(kind), Path(__file__).parents[1] / kind
    if not here.is_dir():
        return (shipped,)
    # In a clone the package's folder is a link to the working folder's.
    return (here,) if here.samefile(shipped) else (here, shipped)


def yaml_files(*folders: Path) -> dict[str, Path]:
    """The files in folders by name, sorted; of two of one name the first folder's."""
    files = {path.stem: path for folder in reversed(folders) for path in folder.glob("*.yaml")}
    return dict(sorted(files.items()))


def find_sweep(name: str, folders: Sequence[Path]) -> Path:
    """The file of the sweep ``name``: a name in ``folders``, or a path.

    Args:
        name: Such as ``quickstart`` or ``mine/quickstart.yaml``.
        folders: See ``sweep_folders``.

    Raises:
        SweepError: There is none; the nearest names are offered.
    """
    files = yaml_files(*folders)
    if name in files:
        return files[name]
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path
    raise SweepError(
        f'No sweep "{name}" in {folder_names(folders)}. {did_you_mean(name, files)}\n'
        "Give one of their names, or the path of a YAML file; `foldgrid list` shows them."
    )


def find_named(kind: str, named: object, folders: Sequence[Path], beside: Path) -> Path:
    """The file of a search space or a recipe that a sweep names: a name in ``folders``, or a path.

    Args:
        kind: What it is called in a message, ``space`` or ``recipe``.
        named: What the sweep says.
        folders: See ``space_folders`` and ``recipe_folders``.
        beside: Where the sweep's file lies, from which a path is seen.

    Raises:
        ValueError: There is none; the nearest names are offered.
    """
    files = yaml_files(*folders)
    if isinstance(named, str) and Path(named).suffix in (".yaml", ".yml"):
        # Of a user's own, wherever it is.
        files = {named: beside / named} if (beside / named).is_file() else {}
    if isinstance(named, str) and named in files:
        return files[named]
    guess = did_you_mean(str(named), files) + " " if files else ""
    raise ValueError(
        f'no such {kind} "{named}". {guess}{kind.capitalize()}s are the files in '
        f"{folder_names(folders)}, or give the path of a YAML file, as seen from the sweep's own."
    )


def folder_names(folders: Sequence[Path]) -> str:
    """Folders in a message: ``sweeps/ or mine/``."""
    return " or ".join(f"{folder}/" for folder in folders)
