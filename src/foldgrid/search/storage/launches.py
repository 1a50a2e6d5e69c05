"""Which launches of a search are alive: a lock file that dies with its process, and a heartbeat.

Knows neither trials nor studies.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

KEPT_SECONDS = 24 * 3600
"""How long the mark of a launch that is gone says so; after that, having none does."""


class LaunchMark:
    """This launch's lock file; the system lets go of it however the process ends.

    Args:
        folder: Where the launches of this machine leave theirs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, uuid.uuid4().hex
        self._lock: FileLock | None = None

    def show(self) -> None:
        """Marks this launch as alive, and clears away the marks of those long gone."""
        if self._lock is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._path(self.name))
            self._lock.acquire()
            self._clear_away()

    def release(self) -> None:
        """Ends the mark, as the end of the process would."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def is_known(self, name: str) -> bool:
        """Whether the launch ``name`` left a mark here."""
        return self._path(name).exists()

    def is_gone(self, name: str) -> bool:
        """Whether nobody holds the mark of the launch ``name``; one without a mark is gone."""
        return name != self.name and _is_free(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.launch"

    def _clear_away(self) -> None:
        # A new one may be there and not be held yet; those of days ago are.
        oldest = time.time() - KEPT_SECONDS
        for path in self.folder.glob("*.launch"):
            # Another launch may be clearing away too.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest and _is_free(path):
                    path.unlink()


def _is_free(path: Path) -> bool:
    if not path.exists():
        return True
    try:
        with FileLock(path, timeout=0):
            return True
    except Timeout:
        return False


class Heart:
    """Beats in a thread of its own while there is something to keep alive.

    Args:
        beat: Called with each number that is kept alive.
        seconds: Between two beats.
        forgiven: Errors after which it goes on: whoever uses the server next receives the events of
            them too, and after an outage shorter than the others' patience nothing was missed.
    """

    def __init__(
        self,
        beat: Callable[[int], None],
        seconds: float,
        forgiven: tuple[type[Exception], ...] = (),
    ) -> None:
        self._beat, self._seconds, self._forgiven = beat, seconds, forgiven
        self._kept: set[int] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, number: int) -> None:
        """Beats for ``number`` at once, and from now on."""
        self._beat(number)
        self._kept.add(number)
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
            self._thread.start()

    def release(self, number: int) -> None:
        """Beats for ``number`` no more."""
        self._kept.discard(number)

    def stop(self) -> None:
        """Beats for nobody any more."""
        self._kept.clear()
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            for number in tuple(self._kept):
                try:
                    self._beat(number)
                except self._forgiven:
                    break
