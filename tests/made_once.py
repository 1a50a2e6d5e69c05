"""What is made once a test run, whichever of its workers needs it first, and then only read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


@dataclass(frozen=True)
class MadeOnce:
    """Folders that all workers of a test run share.

    Args:
        base: Where they lie; empty when the run begins.
    """

    base: Path

    def __call__(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder of this name, which ``make`` fills the first time that anybody asks for it."""
        folder, done = self.base / name, self.base / f"{name}.done"
        with FileLock(self.base / f"{name}.lock"):
            if not done.exists():
                folder.mkdir(parents=True)
                make(folder)
                done.touch()
        return folder


def shared_base(worker_base: Path) -> Path:
    """The temporary folder of the whole run: a worker's own one lies in it."""
    return worker_base.parent if "PYTEST_XDIST_WORKER" in os.environ else worker_base
