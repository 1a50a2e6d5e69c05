"""PostgreSQL, for launches on many machines: an advisory lock, and a heartbeat for every trial."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from foldgrid.search.storage.launches import Heart, LaunchMark
from foldgrid.search.storage.storage import SearchStorage, has_studies, said_by
from foldgrid.specs.errors import SweepError
from foldgrid.specs.passwords import hide_passwords

DRIVER = "postgresql+psycopg"
CONNECT_SECONDS = 10
HEARTBEAT_SECONDS = 15
GRACE_SECONDS = 120
"""How long a launch on another machine may be silent before its trials are taken up."""

ADVISORY_KEY = int.from_bytes(b"foldgrid", "big")
ADMIT_ONE = (
    # Should this machine vanish inside, the server ends the wait of the others.
    text("SET LOCAL idle_in_transaction_session_timeout = '5min'"),
    text(f"SELECT pg_advisory_xact_lock({ADVISORY_KEY})"),
)


class PostgresqlSearchStorage(SearchStorage):
    """A PostgreSQL database.

    A launch of this machine that died is known at once by its lock file, one of another machine
    by its trials' heartbeats, which the server's clock dates.

    Args:
        url: Its address; a password in it goes no further than to the driver.

    Raises:
        SweepError: psycopg cannot be loaded.
    """

    def __init__(self, url: URL) -> None:
        self.title = hide_passwords(url.set(drivername="postgresql").render_as_string())
        self.dashboard = hide_passwords(url.set(drivername=DRIVER).render_as_string())
        self._url, self._connect = _without_password(url)
        user = os.getuid() if hasattr(os, "getuid") else "here"
        self.mark = LaunchMark(Path(tempfile.gettempdir()) / f"foldgrid-launches-{user}")
        self._heart: Heart | None = None
        try:
            self._engine: Engine = create_engine(self._url, **self._settings(pool_size=1))
        except ImportError as error:
            raise SweepError(
                f"--search-storage {self.title}: its driver cannot be loaded ({error}).\n"
                'Install it: python -m pip install "psycopg[binary]".'
            ) from error

    def _settings(self, pool_size: int) -> dict[str, Any]:
        # A server that was started again in between has forgotten its connections.
        return {"connect_args": self._connect, "pool_pre_ping": True, "pool_size": pool_size}

    def check(self) -> None:
        """Looks whether it can be used, within seconds; makes nothing.

        Raises:
            SweepError: It cannot.
        """
        try:
            if not self.exists() and not self._may_make_tables():
                raise SweepError(
                    f"--search-storage {self.title}: this user may not make tables there, and "
                    "Optuna's are not there yet.\n"
                    "Let its owner run: GRANT CREATE ON SCHEMA public TO the user; or name a "
                    "database of the user's own."
                )
        except DBAPIError as error:
            raise SweepError(
                f"--search-storage {self.title}: {said_by(error)}\n{_what_to_do(said_by(error))}"
            ) from error

    def exists(self) -> bool:
        """See ``SearchStorage``."""
        return has_studies(self._engine)

    def _may_make_tables(self) -> bool:
        asked = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
        with self._engine.connect() as connection:
            return bool(connection.execute(asked).scalar())

    def _open(self) -> BaseStorage:
        storage = RDBStorage(
            self._url.render_as_string(hide_password=False),
            engine_kwargs=self._settings(pool_size=2),
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE_SECONDS,
            skip_compatibility_check=True,
        )
        found, needed = storage.get_current_version(), storage.get_head_version()
        if found != needed:
            storage.remove_session()
            storage.engine.dispose()
            raise SweepError(
                f"--search-storage {self.title}: its tables are of Optuna's format {found}; this "
                f"Optuna, {optuna.__version__}, reads {needed}.\n"
                "Name another database, or bring this one up to date: "
                f"optuna storage upgrade --storage {self.dashboard}"
            )
        forgiven = StorageInternalError, SQLAlchemyError
        self._heart = Heart(storage.record_heartbeat, HEARTBEAT_SECONDS, forgiven)
        return storage

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See ``SearchStorage``."""
        with self._engine.begin() as connection:
            for statement in ADMIT_ONE:
                connection.execute(statement)
            yield

    def is_gone(self, launch: str) -> bool:
        """See ``SearchStorage``."""
        return self.mark.is_known(launch) and self.mark.is_gone(launch)

    def keep_alive(self, trial_id: int) -> None:
        """See ``SearchStorage``."""
        if self._heart is not None:
            self._heart.keep(trial_id)

    def let_go(self, trial_id: int) -> None:
        """See ``SearchStorage``."""
        if self._heart is not None:
            self._heart.release(trial_id)

    def close(self) -> None:
        """See ``SearchStorage``."""
        if self._heart is not None:
            self._heart.stop()
        super().close()
        self._engine.dispose()


def _without_password(url: URL) -> tuple[URL, dict[str, Any]]:
    """The address as it may be shown, and what the driver is given besides."""
    connect: dict[str, Any] = {}
    if "connect_timeout" not in url.query:
        connect["connect_timeout"] = CONNECT_SECONDS
    password = url.password or url.query.get("password")
    if password is not None:
        connect["password"] = str(password)
    bare = URL.create(DRIVER, url.username, None, url.host, url.port, url.database, url.query)
    return bare.difference_update_query(["password"]), connect


def _what_to_do(said: str) -> str:
    if "password" in said:
        return (
            "Give user and password as postgresql://USER@HOST/DATABASE with the password in "
            "PGPASSWORD or in ~/.pgpass, or as postgresql://USER:PASSWORD@HOST/DATABASE."
        )
    if "database" in said and "not exist" in said:
        return "Make the database first: createdb -h HOST -U USER NAME."
    return (
        "See to it that the server runs and lets this machine in, and that host and port are "
        "right: postgresql://USER@HOST:5432/DATABASE."
    )
