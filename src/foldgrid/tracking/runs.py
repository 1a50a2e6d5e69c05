"""What is shown as a run each, whatever it is: fits and trials are two kinds of it.

A kind turns its records into the three things that a run is made of: a header, points, an ending.
Trackers get these and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from foldgrid.specs.sweep import TrackingSpec

Config = TypeVar("Config", contravariant=True)
Epoch = TypeVar("Epoch", contravariant=True)
Record = TypeVar("Record", contravariant=True)

EPOCH_SECONDS = "epoch_seconds"
"""The key of a point that never repeats, though the epoch does."""

LONGEST_RUN_ID = 64


def run_id_of(sweep: str, name: str) -> str:
    """The id of a sweep's run: always the same for the same two names, else different.

    Args:
        sweep: The sweep's name.
        name: A fit's id, a trial's study and number, or the summary's name.

    Returns:
        ``<sweep>-<name>`` where that is a valid id, else the valid part of it and a hash.

    Example:
        >>> run_id_of("tiny", "resnet18-fold0-1f2e3d4c5b")
        'tiny-resnet18-fold0-1f2e3d4c5b'
    """
    wanted = f"{sweep}-{name}"
    # Trackers may allow other characters; these need no quoting in a path or an address.
    valid = re.sub(r"[^A-Za-z0-9_-]", "-", wanted)
    if valid == wanted and len(valid) <= LONGEST_RUN_ID:
        return valid
    digest = hashlib.sha256(wanted.encode()).hexdigest()[:10]
    return f"{valid[: LONGEST_RUN_ID - 11]}-{digest}"


@dataclass(frozen=True)
class Point:
    """One epoch.

    Attributes:
        step: The epoch, from 1.
        values: What is plotted over it.
    """

    step: int
    values: Mapping[str, float]

    @property
    def metric_values(self) -> str:
        """What is alike where the epoch is; as text, because NaN does not equal itself."""
        return repr({key: value for key, value in self.values.items() if key != EPOCH_SECONDS})


@dataclass(frozen=True)
class Ending:
    """How a run that is over is closed.

    Attributes:
        num_epochs: How many points it has.
        summary: Its last word.
        is_success: Whether it is shown as finished, not as failed.
        tags: Tags that it gets beside the header's.
        config: Settings that were not what the header said.
    """

    num_epochs: int
    summary: dict[str, Any]
    is_success: bool = True
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)


class RunKind(Protocol[Config, Epoch, Record]):
    """One kind of thing that has a run each: its rules and words, and nothing of a tracker.

    Rules: the same config always gives the same run id, two configs two; what is made of a record
    is what was made of the same thing while it trained.
    """

    @property
    def tracking(self) -> TrackingSpec:
        """Where its runs go."""
        ...

    def header(self, config: Config, /) -> RunHeader:
        """How a run is filed."""
        ...

    def point(self, epoch: Epoch, /) -> Point:
        """What an epoch adds."""
        ...

    def ending(self, record: Record, /) -> Ending:
        """How a run is closed."""
        ...

    def summary_header(self) -> RunHeader:
        """How the run of all of them is filed."""
        ...


@dataclass(frozen=True)
class RunHeader:
    """What a run is called and filed under.

    Attributes:
        run_id: At most 64 characters of ``A-Za-z0-9_-``; see `run_id_of`.
        name: What people see.
        group: The base learner, or the study.
        job_type: ``fold``, ``trial`` or ``summary``.
        tags: For filtering, each 1 to 64 characters.
        config: What decided the run, nested, no dots in keys.
    """

    run_id: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)
