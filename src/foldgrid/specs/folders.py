"""Where sweeps and search spaces are, by name. Reads no file, so that naming them is quick."""

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


def _folders(kind: str) -> tuple[Path, ...]:
    here, shipped = Path(kind), Path(__file__).parents[1] / kind
    if not here.is_dir():
        return (shipped,)
    # In a clone the package's folder is a link to the working folder's.
    return (here,) if here.samefile(shipped) else (here, shipped)


def yaml_files(*folders: Path) -> dict[str, Path]:
    """The sweeps or search spaces in folders by name, sorted; of two the first folder's."""
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


def folder_names(folders: Sequence[Path]) -> str:
    """Folders in a message: ``sweeps/ or mine/``."""
    return " or ".join(f"{folder}/" for folder in folders)
