"""Storages of one machine: Optuna's journal file, and SQLite."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy import create_engine

from foldgrid.search.storage.launches import LaunchMark
from foldgrid.search.storage.storage import SearchStorage, has_studies
from foldgrid.specs.errors import SweepError

SQLITE_SECONDS = 60
"""How long a write to SQLite waits for those of others."""


class FileSearchStorage(SearchStorage):
    """A storage in a file: every launch marks itself beside it.

    Args:
        path: The file.
        title: See ``SearchStorage``.
    """

    def __init__(self, path: Path, title: str) -> None:
        self.path = path
        self.title = self.dashboard = title
        self._folder = path.with_name(f"{path.name}.launches")
        self.mark = LaunchMark(self._folder)

    def exists(self) -> bool:
        """See ``SearchStorage``."""
        return self.path.exists()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See ``SearchStorage``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "exclusive"):
            yield

    def is_gone(self, launch: str) -> bool:
        """See ``SearchStorage``."""
        return self.mark.is_gone(launch)

    def keep_alive(self, trial_id: int) -> None:
        """The mark is enough."""

    def let_go(self, trial_id: int) -> None:
        """See ``keep_alive``."""


class JournalSearchStorage(FileSearchStorage):
    """Optuna's journal file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, str(path))

    def _open(self) -> BaseStorage:
        if self.path.exists():
            self._mend()
        return JournalStorage(JournalFileBackend(str(self.path)))

    def _mend(self) -> None:
        """Takes the last line off where a crash tore it: Optuna would write on in it.

        Raises:
            SweepError: Another line is corrupt, and Optuna could not read past it.
        """
        lock = JournalFileSymlinkLock(str(self.path))
        lock.acquire()
        try:
            *lines, torn = self.path.read_bytes().split(b"\n")
            for number, line in enumerate(lines, start=1):
                self._check_line(number, line)
            if torn:
                os.truncate(self.path, self.path.stat().st_size - len(torn))
        finally:
            lock.release()

    def _check_line(self, number: int, line: bytes) -> None:
        try:
            json.loads(line)
        except ValueError as error:
            raise SweepError(
                f"{self.path}: line {number} is corrupt ({error}).\n"
                "Move the file away and run the same command again: trials that are over are read "
                "from their folders, and the sampler begins anew."
            ) from error


class SqliteSearchStorage(FileSearchStorage):
    """A SQLite file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, f"sqlite:///{path}")

    def exists(self) -> bool:
        """See ``SearchStorage``."""
        if not super().exists():
            return False
        engine = create_engine(self.title)
        try:
            return has_studies(engine)
        finally:
            engine.dispose()

    def _open(self) -> BaseStorage:
        return RDBStorage(self.title, engine_kwargs={"connect_args": {"timeout": SQLITE_SECONDS}})
