"""How far a launch has come, as it says so itself while it runs. Plain data."""

from __future__ import annotations

from foldgrid.specs.base import Record
from foldgrid.specs.failure import Failure


class RunningJob(Record):
    """A fit or a trial that a worker has taken up.

    Attributes:
        since: When, in seconds since 1970.
        epoch: The last epoch that was received; 0 before the first.
    """

    since: float
    epoch: int = 0


class LaunchProgress(Record):
    """``progress.json``: the state of a launch, or of the last one.

    Attributes:
        updated: When this was written, in seconds since 1970.
        num_done: Fits or trials that are over, earlier launches included.
        num_total: How many there are to be.
        seconds_left: Estimated; null where nothing is known yet.
        running: By name, what is being trained: a fit's id, or ``<study>/<number>`` of a trial.
        failures: By name, what failed in this launch and was not tried again since, and why.
    """

    updated: float
    num_done: int
    num_total: int
    seconds_left: float | None = None
    running: dict[str, RunningJob]
    failures: dict[str, Failure]
