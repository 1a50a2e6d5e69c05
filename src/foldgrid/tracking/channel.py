"""One tracker behind a thread of its own: nothing that it does makes the launcher wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from foldgrid.tracking.projection import Projection, first_line
from foldgrid.tracking.tracker import RunWriter

UNNOTICED_SECONDS = 3.0
"""How long a launch may wait for a tracker at its end without saying so."""


class Channel:
    """What one tracker is reported, in order; the third rule of a tracker is kept here.

    Args:
        writer: The tracker's.
    """

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer
        self._projection = Projection(writer)
        self._worker = SerialWorker(f"{writer.title} tracker", self._note_failure)

    def submit(self, what: str, act: Callable[[Projection], None]) -> None:
        """Queues ``act``; ``what`` names it should it fail."""
        self._worker.submit(what, lambda: act(self._projection))

    def wait(self, seconds: float) -> bool:
        """Waits until everything so far is written; False where it took longer."""
        return self._worker.wait(seconds)

    def close(self, *, is_hurried: bool, say: Callable[[str], None] | None) -> None:
        """Writes what is queued and lets the tracker go; see ``RunProjector.close``."""
        writer = self.writer
        if say and not is_hurried and not self._worker.wait(UNNOTICED_SECONDS):
            say(f"Waiting for {writer.title}; Ctrl-C leaves the rest to {writer.later}.")
        seconds = writer.hurried_seconds if is_hurried else writer.close_seconds
        is_over = self._worker.close(seconds)
        if not is_over:
            writer.abort()
            is_over = self._worker.close(writer.fallback_seconds)
        if is_over:
            writer.close()
        else:
            words = f"{writer.title} did not finish in time. What it lacks is made at the next run"
            writer.warn("close", words)

    def _note_failure(self, what: str, error: BaseException) -> None:
        self.writer.warn(
            type(error).__name__,
            f"{self.writer.title}: {what} was not written ({first_line(error)}). Its records are "
            "whole; run the sweep again to write it",
        )


class SerialWorker:
    """Runs calls one after another on a thread of its own.

    Its rules: calls run in the order they were submitted; a call that raises is reported and the
    next one runs; nothing submitted is dropped before ``close``.

    Args:
        name: The thread's name.
        on_error: Notified what failed and how, on the worker's thread.
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
