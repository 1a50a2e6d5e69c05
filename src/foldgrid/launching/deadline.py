"""A launch that ends when its time is up: what runs then goes on at the next launch."""

from __future__ import annotations

import re
import time
from typing import Self

from foldgrid.specs.errors import SweepError

UNIT_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}


def parse_duration(text: str) -> float:
    """Seconds of ``2h``, ``90m``, ``1h30m`` or ``1.5d``.

    Raises:
        SweepError: It is not written so, or it is nothing.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text)
    seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not seconds:
        raise SweepError(
            f'--time-budget: found "{text}"; a duration is a number with d, h, m or s after it, '
            "or several.\nGive for example 2h, 90m or 1h30m."
        )
    return seconds


class TimeIsUp(BaseException):
    """Ends a launch from within an event.

    Not an ``Exception``: those count as a failure of the job that the event is about.
    """


class Deadline:
    """Ends a ``with`` block at the first event after a time has passed.

    It listens to fits and to trials. An epoch that is being trained is not cut short, so a launch
    ends an epoch late at most.

    Args:
        seconds: From now; nothing for ever.

    Attributes:
        cut_short: Whether the block was ended, or would have been given more to do.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self.cut_short = False

    @classmethod
    def after(cls, time_budget: str | None) -> Deadline:
        """The end of ``--time-budget``.

        Raises:
            SweepError: It is no duration.
        """
        return cls(parse_duration(time_budget) if time_budget is not None else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        is_mine = kind is not None and issubclass(kind, TimeIsUp)
        self.cut_short = self.cut_short or is_mine
        return is_mine

    @property
    def has_passed(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and time.monotonic() >= self._end

    def gives_room(self) -> bool:
        """Whether another job may start; notes where one may not."""
        self.cut_short = self.cut_short or self.has_passed
        return not self.has_passed

    def started(self, job: object) -> None:
        """Raises ``TimeIsUp`` where it is."""
        self._check()

    def epoch_done(self, job: object, record: object) -> None:
        """See ``started``."""
        self._check()

    def finished(self, job: object, record: object) -> None:
        """See ``started``; the record is on disk, and the others have received it."""
        self._check()

    def failed(self, job: object, failure: object) -> None:
        """See ``started``."""
        self._check()

    def _check(self) -> None:
        if self.has_passed:
            raise TimeIsUp
