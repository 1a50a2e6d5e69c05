"""A package that is not this one, with a task in one file, found by its entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foldgrid.specs.task import TASKS

CODE = Path(__file__).with_name("one_vs_rest.py")


def write_package(folder: Path, code: str | None = None, name: str = "one_vs_rest") -> Path:
    """A folder that holds the package as if it were installed there; returns the task's file."""
    folder.mkdir(parents=True, exist_ok=True)
    module = folder / "their_task.py"
    module.write_text(CODE.read_text(encoding="utf-8") if code is None else code, encoding="utf-8")
    facts = folder / "their_task-1.0.dist-info"
    facts.mkdir(exist_ok=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: their-task\nVersion: 1.0\n")
    entry = f"[foldgrid.tasks]\n{name} = their_task:ONE_VS_REST\n"
    (facts / "entry_points.txt").write_text(entry)
    return module


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """This process, as if it had been started with the package on its path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TASKS, "_things", {name: TASKS[name] for name in TASKS})
        patch.setattr(TASKS, "_is_complete", False)
        patch.syspath_prepend(str(folder))
        try:
            yield
        finally:
            sys.modules.pop("their_task", None)
