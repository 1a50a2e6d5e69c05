"""Storages of one machine: Optuna's journal file, and SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import create_engine

from foldgrid.tuning.search.launches import LaunchMark
from foldgrid.tuning.search.storage import SearchStorage, has_studies

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
        return JournalStorage(JournalFileBackend(str(self.path)))


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
