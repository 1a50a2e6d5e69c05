"""A Ctrl-C that cannot get lost.

Python raises ``KeyboardInterrupt`` wherever the main thread is. In a destructor or another callback
that may not raise, it is printed and forgotten, and a sweep of days would just go on.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupt:
    """Remembers a Ctrl-C inside a ``with`` block, and raises it again at the next event.

    It listens to fits and to trials, before all other listeners. Off the main thread, where
    signals cannot be answered, it does nothing.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._is_asked = True
        raise KeyboardInterrupt

    def started(self, task: object) -> None:
        """Raises ``KeyboardInterrupt`` where one was lost."""
        self._check()

    def epoch_done(self, task: object, record: object) -> None:
        """See ``started``."""
        self._check()

    def finished(self, task: object, record: object) -> None:
        """A record that is complete is told first; the next event raises."""

    def failed(self, task: object, message: str) -> None:
        """See ``finished``."""

    def _check(self) -> None:
        if self._is_asked:
            raise KeyboardInterrupt
