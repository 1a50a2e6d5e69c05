"""What ``--search-storage`` means: its URL read, its storage chosen and looked at."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from foldgrid.search.storage.files import JournalSearchStorage, SqliteSearchStorage
from foldgrid.search.storage.postgresql import PostgresqlSearchStorage
from foldgrid.search.storage.storage import SearchStorage, said_by
from foldgrid.specs.errors import SweepError
from foldgrid.specs.passwords import hide_passwords

POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
ALLOWED = (
    "Allowed are postgresql://USER@HOST:5432/DATABASE, for many machines, and "
    "sqlite:///FOLDER/FILE.db, for one. Without --search-storage a search remembers in a journal "
    "file in its run folder."
)


def choose_storage(url: str | None, journal: Path) -> SearchStorage:
    """The storage that ``url`` names, or the journal file.

    Args:
        url: ``--search-storage``, if it is given.
        journal: Where the journal file is otherwise.

    Raises:
        SweepError: ``url`` is wrong, or what it names cannot be used; found within seconds.
    """
    if url is None:
        return JournalSearchStorage(journal)
    parsed = _read(url)
    if parsed.drivername in POSTGRESQL:
        storage = PostgresqlSearchStorage(parsed)
        try:
            storage.check()
        except SweepError:
            storage.close()
            raise
        return storage
    return _sqlite(parsed.database or "")


def check_storage(url: str) -> None:
    """Looks whether the storage can be used, and leaves it as it was.

    Raises:
        SweepError: It cannot.
    """
    choose_storage(url, Path()).close()


def _read(url: str) -> URL:
    shown = hide_passwords(url)
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in (*POSTGRESQL, "sqlite"):
        found = f'the scheme "{scheme}" is not known' if separator else "this is not a URL"
        raise SweepError(f"--search-storage {shown}: {found}.\n{ALLOWED}")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    # A password with an @ in it would be shown as a part of the host.
    if parsed is None or "@" in (parsed.host or ""):
        # SQLAlchemy's own words may quote a part of the password.
        raise SweepError(
            f"--search-storage {shown}: the URL cannot be read.\n{ALLOWED}\n"
            "In a user's name or a password @ is written %40, : %3A and / %2F."
        )
    return parsed


def _sqlite(name: str) -> SqliteSearchStorage:
    path = Path(name)
    where = f"--search-storage sqlite:///{name}"
    if name in ("", ":memory:"):
        raise SweepError(f"{where}: names no file, so nothing would be kept.\n{ALLOWED}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise SweepError(
            f"{where}: the folder {path.parent} is not there or may not be written to.\n"
            "Make it, or name a file elsewhere."
        )
    storage = SqliteSearchStorage(path)
    try:
        storage.exists()
    except SQLAlchemyError as error:
        raise SweepError(
            f"{where}: {said_by(error)}.\nName a file that SQLite made, or one that is not there."
        ) from error
    return storage
