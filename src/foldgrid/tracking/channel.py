"""One tracker behind a thread of its own: nothing that it does makes the launcher wait."""

from __future__ import annotations

from collections.abc import Callable

from foldgrid.tracking.projection import Projection, first_line
from foldgrid.tracking.queue import SerialWorker
from foldgrid.tracking.tracker import RunWriter

UNNOTICED_SECONDS = 3.0
"""How long a launch may wait for a tracker at its end without saying so."""


class Channel:
    """What one tracker is told, in order; the third law of a tracker is kept here.

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
