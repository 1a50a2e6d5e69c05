"""``launch.lock``: who trains into a run folder, so that no two launches do at once."""

from __future__ import annotations

import os
import platform
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import Field

from foldgrid.records.files import FileRoot
from foldgrid.specs.base import Record
from foldgrid.specs.errors import SweepError

LOCK_FILE = "launch.lock"
BEAT_SECONDS = 20.0
"""How often the holder says that it is alive."""
SILENT_SECONDS = 180.0
"""After so long without a word a holder on another machine is taken for dead."""
SETTLE_SECONDS = 0.5
"""An object store has no exclusive write: who finds their own mark after this long has it."""


class Holder(Record):
    """Who holds a run folder.

    Attributes:
        token: Of this launch.
        host: The machine's name.
        pid: The launcher's process there.
        started: When that process began, by the machine's own count; a later process with the same
            number is another one.
        since: When it took the folder, in ISO 8601, UTC.
        beat: Its last sign of life, in seconds since 1970.
    """

    token: str
    host: str
    pid: int
    started: str
    since: str
    beat: float = Field(ge=0)

    @classmethod
    def me(cls) -> Holder:
        """This process, now."""
        now = datetime.now(UTC)
        return cls(
            token=uuid.uuid4().hex,
            host=platform.node(),
            pid=os.getpid(),
            started=_process_start(os.getpid()),
            since=now.isoformat(timespec="seconds"),
            beat=now.timestamp(),
        )

    def is_alive(self) -> bool:
        """Whether the holder still runs: known on this machine, elsewhere by its silence."""
        if self.host == platform.node():
            return _is_running(self.pid) and _process_start(self.pid) == self.started
        return time.time() - self.beat < SILENT_SECONDS

    def describe(self) -> str:
        """``process 4711 on gpu3, since 2026-11-20T14:03:00+00:00``."""
        return f"process {self.pid} on {self.host}, since {self.since}"


class RunLock:
    """Holds a run folder inside a ``with`` block.

    Args:
        root: The run folder.

    Attributes:
        taken_from: Who held it and is gone without having said so; nothing where nobody did.

    Raises:
        SweepError: Another launch that is alive holds it (on entering).
    """

    def __init__(self, root: FileRoot) -> None:
        self._root, self._me = root, Holder.me()
        self._is_over = threading.Event()
        self._beating: threading.Thread | None = None
        self.taken_from: Holder | None = None
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        if self._root.is_local:
            path = self._root.local_path
            self._made = [each for each in (path, *path.parents) if not each.exists()]
        found = read_holder(self._root)
        if found is not None:
            self._refuse_if_alive(found)
            self.taken_from = found
            self._root.remove(LOCK_FILE)
        self._take()
        if not self._root.is_local or self.taken_from is not None:
            self._make_sure()
        self._beating = threading.Thread(target=self._beat, name="run-lock", daemon=True)
        self._beating.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        if self._beating is not None:
            self._beating.join()
        found = read_holder(self._root)
        if found is not None and found.token == self._me.token:
            self._root.remove(LOCK_FILE)
        self._clear_away()

    def _clear_away(self) -> None:
        """Removes the folders that were made for the lock, if nothing else came into them."""
        for folder in self._made:
            if any(folder.iterdir()):
                return
            folder.rmdir()

    def _take(self) -> None:
        data = self._me.model_dump_json().encode()
        if self._root.is_local:
            self._create(data)
        else:
            self._root.write_bytes(LOCK_FILE, data)

    def _make_sure(self) -> None:
        """Of several that took it from the same dead holder, the last one has it."""
        time.sleep(SETTLE_SECONDS)
        found = read_holder(self._root)
        if found is not None and found.token != self._me.token:
            self._refuse_if_alive(found)

    def _create(self, data: bytes) -> None:
        try:
            self._root.create(LOCK_FILE, data)
        except FileExistsError:
            # Taken in this moment, or torn by a crash: then nobody stands in it for long.
            time.sleep(SETTLE_SECONDS)
            found = read_holder(self._root)
            if found is not None:
                self._refuse_if_alive(found)
            self._root.write_bytes(LOCK_FILE, data)

    def _refuse_if_alive(self, holder: Holder) -> None:
        if not holder.is_alive():
            return
        raise SweepError(
            f"{self._root.location}: another launch trains into this run folder: "
            f"{holder.describe()}.\n"
            "Wait for it or stop it; or give the sweep another name or --storage. If that process "
            f"is surely gone, remove {LOCK_FILE} there."
        )

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            alive = self._me.model_copy(update={"beat": time.time()})
            try:
                self._root.write_bytes(LOCK_FILE, alive.model_dump_json().encode())
            except OSError:
                # Storage that is away for a moment; the next beat tells.
                continue


def read_holder(root: FileRoot) -> Holder | None:
    """Who holds a run folder; nobody where the file is torn, which a crash may leave."""
    try:
        return Holder.model_validate_json(root.read_bytes(LOCK_FILE))
    except (FileNotFoundError, ValueError):
        return None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _process_start(pid: int) -> str:
    """What tells a process from a later one with its number; empty where the system has no word."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
