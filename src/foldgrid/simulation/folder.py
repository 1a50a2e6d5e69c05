"""A simulated study's folder: complete or not at all, drawn by several processes.

Knows folders and tasks; does not know what is drawn.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foldgrid.specs.errors import InputError, Problem

SETTINGS_FILE = "settings.json"
MANIFEST_FILE = "manifest.csv"


def describe_settings(settings: dict[str, Any]) -> str:
    """The text of `SETTINGS_FILE`, by which a folder is known again."""
    return json.dumps(settings, indent=2) + "\n"


def write_complete_folder(folder: Path, description: str, fill: Callable[[Path], None]) -> Path:
    """Fill a folder in a hidden sibling and rename it: it exists if and only if it is complete.

    Args:
        folder: Where to; its parents are made. It may exist if it is empty or this very study,
            which is left as it is.
        description: What decides the content: `describe_settings`.
        fill: Writes everything but the settings into the folder that it is given.

    Returns:
        The path of the manifest.

    Raises:
        InputError: `folder` holds something else.
    """
    # Absolute, because the processes that draw may have started in another folder.
    folder = Path(folder).absolute()
    if not is_complete(folder, description):
        _refuse_other_content(folder)
        with _renamed_when_complete(folder, description) as workplace:
            fill(workplace)
            (workplace / SETTINGS_FILE).write_text(description, encoding="utf-8")
    return folder / MANIFEST_FILE


def is_complete(folder: Path, description: str) -> bool:
    """Tell whether a folder holds the study of exactly these settings."""
    written = folder / SETTINGS_FILE
    if not (written.is_file() and (folder / MANIFEST_FILE).is_file()):
        return False
    return written.read_text(encoding="utf-8") == description


def draw_all(
    draw: Callable[..., int],
    tasks: Sequence[tuple[Any, ...]],
    total: int,
    num_processes: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    """Draw photographs.

    Args:
        draw: Draws one task's photographs and returns how many they were.
        tasks: Its arguments, task by task.
        total: Photographs in all.
        num_processes: Processes that draw, at least 1; no influence on the result.
        on_progress: Called after each task with photographs done and photographs in all.
    """
    done = 0
    if num_processes == 1:
        for task in tasks:
            done += draw(*task)
            if on_progress:
                on_progress(done, total)
        return
    from joblib import Parallel, delayed

    # joblib starts fresh processes (the caller may have threads running, of torch or Ray) and,
    # unlike multiprocessing, without importing the caller's script again.
    pool = Parallel(n_jobs=num_processes, return_as="generator_unordered")
    for number in pool(delayed(draw)(*task) for task in tasks):
        done += number
        if on_progress:
            on_progress(done, total)


def _refuse_other_content(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        found = "holds another trial" if (folder / SETTINGS_FILE).is_file() else "is not empty"
        raise InputError(
            str(folder),
            [Problem("folder", "", f"{found}. A trial is written into a new or an empty folder.")],
            "Name another folder, or remove this one.",
        )


@contextmanager
def _renamed_when_complete(folder: Path, description: str) -> Iterator[Path]:
    """Give a workplace beside `folder` that takes its name at the end, or vanishes on failure."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    workplace = folder.parent / f".{folder.name}.partial-{os.getpid()}-{secrets.token_hex(4)}"
    workplace.mkdir()
    try:
        yield workplace
        try:
            workplace.rename(folder)
        except OSError:
            # Somebody else finished the same trial first: theirs is as good.
            if not is_complete(folder, description):
                raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
