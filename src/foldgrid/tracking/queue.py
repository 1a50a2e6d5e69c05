"""One thread that does what it is given, in order, so that no launch waits for a tracker."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class SerialWorker:
    """Runs calls one after another on a thread of its own.

    Its laws: calls run in the order they were submitted; a call that raises is reported and the
    next one runs; nothing submitted is dropped before ``close``.

    Args:
        name: The thread's name.
        on_error: Told what failed and how, on the worker's thread.
    """

    def __init__(self, name: str, on_error: Callable[[str, BaseException], None]) -> None:
        self._name = name
        self._on_error = on_error
        self._calls: queue.SimpleQueue[tuple[str, Callable[[], None]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, what: str, call: Callable[[], None]) -> None:
        """Queues ``call``; ``what`` names it should it fail."""
        if self._thread is None:
            # A daemon: a tracker that hangs must not keep the launcher from ending.
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._calls.put((what, call))

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            what, call = item
            try:
                call()
            # SystemExit too: a tracker's library may raise it where its service died.
            except (Exception, SystemExit) as error:
                self._on_error(what, error)

    def wait(self, seconds: float) -> bool:
        """Waits until all that was submitted so far has run; False where time ran out."""
        if self._thread is None or not self._thread.is_alive():
            return True
        done = threading.Event()
        self.submit("wait", done.set)
        return done.wait(seconds)

    def close(self, seconds: float) -> bool:
        """Runs what is queued, then ends the thread; False where time ran out first."""
        if self._thread is None:
            return True
        self._calls.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()
