"""A launch that ends because going on would be of no use: it is not the fits that are at fault."""

from __future__ import annotations

from typing import Self

from foldgrid.specs.errors import SweepError
from foldgrid.specs.failure import SHARED_BY_ALL, Failure


class UselessToGoOn(BaseException):
    """Ends a launch from within an event; see ``deadline.TimeIsUp`` for why it is no error."""


class FailureLimit:
    """Ends a ``with`` block when tasks fail for a reason that all of them share.

    That is at once where the disk is full, the storage is away, or only the user can mend the
    input; else when so many have failed with none finished between.

    Args:
        num_in_a_row: How many.

    Attributes:
        ended_by: The failure that ended the block; nothing where it ended by itself.
    """

    def __init__(self, num_in_a_row: int) -> None:
        self.num_in_a_row = num_in_a_row
        self.ended_by: Failure | None = None
        self._row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        is_mine = kind is not None and issubclass(kind, UselessToGoOn)
        if is_mine and self.ended_by is not None and self.ended_by.kind == "bad_input":
            raise SweepError(self.ended_by.message) from None
        return is_mine

    def started(self, task: object) -> None:
        """Says nothing about whether it will last."""

    def epoch_done(self, task: object, record: object) -> None:
        """See ``started``."""

    def finished(self, task: object, record: object) -> None:
        """Whatever failed before had its own reason."""
        self._row = 0

    def failed(self, task: object, failure: Failure) -> None:
        """Raises ``UselessToGoOn`` where it is."""
        self._row += 1
        if self._row >= self.num_in_a_row or failure.kind in SHARED_BY_ALL:
            self.ended_by = failure
            raise UselessToGoOn
