"""Places to search in, one of each kind, opened as each of several launches would open them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import Engine, event

from foldgrid.search.storage.choice import choose_storage
from foldgrid.search.storage.storage import SearchStorage
from tests.postgresql_on_localhost import PostgresqlServer

KINDS = ("journal", "sqlite", "postgresql")


@contextmanager
def plugged_in() -> Iterator[None]:
    """Files of this process are not waited for until they are on the disk: the plug stays in."""

    def leave_to_the_system(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", leave_to_the_system)
    try:
        with mock.patch("os.fsync"):
            yield
    finally:
        event.remove(Engine, "connect", leave_to_the_system)


@dataclass(frozen=True)
class Place:
    """Where a search remembers."""

    journal: Path
    url: str | None
    opened: list[SearchStorage] = field(default_factory=list)

    def open(self) -> SearchStorage:
        """What another launch would open."""
        self.opened.append(choose_storage(self.url, self.journal))
        return self.opened[-1]

    def close(self) -> None:
        """Ends all these launches."""
        for storage in self.opened:
            storage.close()


def new_place(kind: str, folder: Path, postgresql: PostgresqlServer) -> Place:
    """An empty place of a kind."""
    journal = folder / "search" / "journal.log"
    if kind == "journal":
        return Place(journal, None)
    if kind == "sqlite":
        return Place(journal, f"sqlite:///{folder}/trials.db")
    return Place(journal, postgresql.url(postgresql.new_database()))
