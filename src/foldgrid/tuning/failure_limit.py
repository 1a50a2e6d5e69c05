"""A launch that ends when one task after another fails: then it is not the tasks."""

from __future__ import annotations

from typing import Self


class TooManyFailures(BaseException):
    """Ends a launch from within an event; see ``deadline.TimeIsUp`` for why it is no error."""


class FailureLimit:
    """Ends a ``with`` block when so many fits or trials have failed with none finished between.

    Args:
        num_in_a_row: How many.

    Attributes:
        was_reached: Whether the block was ended.
    """

    def __init__(self, num_in_a_row: int) -> None:
        self.num_in_a_row, self.was_reached = num_in_a_row, False
        self._row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        is_mine = kind is not None and issubclass(kind, TooManyFailures)
        self.was_reached = self.was_reached or is_mine
        return is_mine

    def started(self, task: object) -> None:
        """Says nothing about whether it will last."""

    def epoch_done(self, task: object, record: object) -> None:
        """See ``started``."""

    def finished(self, task: object, record: object) -> None:
        """Whatever failed before had its own reason."""
        self._row = 0

    def failed(self, task: object, message: str) -> None:
        """Raises ``TooManyFailures`` where it is one too many."""
        self._row += 1
        if self._row >= self.num_in_a_row:
            raise TooManyFailures
