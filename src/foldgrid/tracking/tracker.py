"""What a tracker is: a place where the runs of a sweep are looked at, on this machine or elsewhere.

The records are the truth; a tracker shows them. It has a run for each fit or trial, a point for
each epoch of it, and one run of them all. The rules, whatever dies and whenever:

1. *Every epoch once, in order.* The run of what is finished has each of its epochs exactly once,
   with the epoch as its step, and no step after a later one. A lost worker tells epochs again, and
   one that goes on from a checkpoint brings those of an earlier launch.
2. *Whole or made again.* A run is whole once its last word is written, and only then says so. After
   a kill at any moment whatever is not whole is made again from the records, in place of what is
   there.
3. *Never in the way.* A tracker works on a thread of its own. What fails there becomes one warning,
   and what it does not take in time is left to a later launch: training neither stops nor waits.
4. *Offline.* Nothing is lost where there is no network, and no account is needed to train.
5. *Only what* `privacy` *lets out.* A tracker is given headers, points, endings and contents, which
   are made there; it reads no record, and adds no host, path or user of its own.
6. *In its own folder.* On this machine it writes below ``Place.folder`` and nowhere else.

`Projection` keeps the first two for every tracker, `RunProjector` the third; one suite of tests
holds all trackers to them. A tracker that writes files is a `FolderTracker`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foldgrid.specs.errors import SweepError
from foldgrid.specs.registry import Registry
from foldgrid.specs.sweep import TrackingSpec
from foldgrid.tracking.runs import Ending, Point, RunHeader

if TYPE_CHECKING:
    from foldgrid.tracking.summary import SummaryContent


@dataclass(frozen=True)
class Place:
    """Where a tracker's runs belong.

    Attributes:
        folder: The tracker's own folder on this machine, ``runs/<sweep>/<tracker>``.
        location: The run folder as a user names it.
        settings: What the sweep says under ``tracking``.
    """

    folder: Path
    location: str
    settings: TrackingSpec


class OpenRun(ABC):
    """A run that is being written.

    Attributes:
        logged_through: The last step that it has from an earlier launch, and goes on after.
        can_be_replaced: Whether what it was sent can be taken back.
    """

    logged_through: int = 0
    can_be_replaced: bool = True

    @abstractmethod
    def log(self, point: Point) -> None:
        """Writes an epoch; its step is greater than those before it."""

    @abstractmethod
    def end(self, ending: Ending) -> None:
        """Writes the last word and closes the run, which is whole then."""

    @abstractmethod
    def fail(self, last_word: Mapping[str, str]) -> None:
        """Closes the run as failed; it is not whole."""


class RunWriter(ABC):
    """A tracker at work, on one thread: opens runs, and knows which are whole.

    Attributes:
        title: What people call the tracker.
        later: What brings what it did not take: a command, or the next launch.
        close_seconds: How long a launch waits at its end for what is still to be written.
        hurried_seconds: The same after a Ctrl-C.
        fallback_seconds: How long it may take to write another way what is left then.
        warnings: By the kind of trouble, a line for people.
    """

    later: str = "the next launch"
    close_seconds: float = 120.0
    hurried_seconds: float = 3.0
    fallback_seconds: float = 3.0

    def __init__(self, title: str) -> None:
        self.title = title
        self.warnings: dict[str, str] = {}

    def warn(self, kind: str, message: str) -> None:
        """Notes trouble; of each kind only the first."""
        self.warnings.setdefault(kind, message)

    @abstractmethod
    def is_whole(self, run_id: str) -> bool:
        """Whether a run has its last word. May be called from any thread."""

    @abstractmethod
    def open_run(self, header: RunHeader) -> OpenRun:
        """A run in place of whatever there is of it; no longer whole until it has ended."""

    @abstractmethod
    def write_summary(self, header: RunHeader, content: SummaryContent) -> None:
        """Writes the run of them all, in place of an earlier one."""

    def fall_back(self, error: BaseException) -> bool:
        """After an error: whether it writes another way from now on.

        All open runs are opened again then, and told all that they were reported.
        """
        del error
        return False

    def abort(self) -> None:  # noqa: B027 - most trackers never hang
        """Makes whatever hangs fail, now. May be called from any thread."""

    def close(self) -> None:  # noqa: B027 - most trackers have nothing to let go
        """Lets go of what it holds. May be called twice."""


class Tracker(ABC):
    """An experiment tracker by name, as a user asks for it; writes nothing until opened.

    Attributes:
        title: What people call it.
        package: The distribution that does its work, whose version goes into the provenance.

    Example:
        >>> TRACKERS.named("tensorboard").title
        'TensorBoard'
    """

    title: str
    package: str = ""

    def asked(self, way: str) -> Tracker:
        """This tracker, in the way that a user wants it, here and now.

        Args:
            way: Such as ``offline``; empty where the tracker has only one.

        Raises:
            SweepError: It has no such way, or cannot be used here.
        """
        if way:
            raise SweepError(f'{self.title}: found "{way}". It goes one way only; leave it out.')
        return self

    @abstractmethod
    def words(self, what: str) -> str:
        """What the plan says of it.

        Args:
            what: ``fit`` or ``trial``, which has a run each.
        """

    @abstractmethod
    def open(self, place: Place) -> RunWriter | None:
        """Whoever writes the runs; none where nothing is to be written."""

    @abstractmethod
    def forget(self, place: Place, run_id: str) -> None:
        """A run is not whole any more: its record is corrupt, and is about to be made again.

        Called for every tracker there is, also where the launch tells it nothing.
        """

    def shown_at(self, place: Place) -> str:
        """Where its runs are, for people; empty where there is nothing to say."""
        del place
        return ""

    def next_command(self, place: Place) -> str:
        """What a user may want to type after a launch; empty where there is nothing."""
        del place
        return ""


TRACKERS: Registry[Tracker] = Registry("tracker", Tracker, home="foldgrid.tracking")
"""All trackers; a package adds one by an entry point of the group ``foldgrid.trackers``."""
