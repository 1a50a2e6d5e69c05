"""A Ctrl-C that cannot get lost, and a SIGTERM that is answered like one.

Python raises ``KeyboardInterrupt`` wherever the main thread is. In a destructor or another callback
that may not raise, it is printed and forgotten, and a sweep of days would just go on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

ANSWERED = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM: what a batch system sends before it kills."""


class Interrupt:
    """Answers signals inside a ``with`` block: the first ends it in order, the second at once.

    The first is remembered and raised again at the next event, should Python have lost it. It
    listens to fits and to trials, before all other listeners. Off the main thread, where signals
    cannot be answered, it does nothing.

    Args:
        ends_process: Whether the second ends the process; else it is raised where it comes.
    """

    def __init__(self, *, ends_process: bool = True) -> None:
        self._ends_process = ends_process
        self._asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._note) for each in ANSWERED}
        return self

    def take_back(self) -> None:
        """Answers signals again where something started inside the block has taken them."""
        for each in self._before:
            signal.signal(each, self._note)

    @contextmanager
    def as_asked(self) -> Iterator[None]:
        """Raises what was asked for where something made a plain Ctrl-C of it, as Ray does."""
        try:
            yield
        except KeyboardInterrupt:
            self._raise()
            raise

    def __exit__(self, *exception: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None and self._ends_process:
            # Whoever asks twice does not want to wait. The records are whole at any moment.
            print("\nStopped at once.", file=sys.stderr, flush=True)
            os._exit(128 + number)
        self._asked = signal.Signals(number)
        self._raise()

    def started(self, job: object) -> None:
        """Raises what was asked for where it was lost."""
        self._raise()

    def epoch_done(self, job: object, record: object) -> None:
        """See ``started``."""
        self._raise()

    def finished(self, job: object, record: object) -> None:
        """A record that is complete is reported first; the next event raises."""

    def failed(self, job: object, failure: object) -> None:
        """See ``finished``."""

    def _raise(self) -> None:
        if self._asked is not None:
            raise Terminated if self._asked == signal.SIGTERM else KeyboardInterrupt
