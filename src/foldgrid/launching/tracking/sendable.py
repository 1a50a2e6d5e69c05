"""What a run folder has for a tracker: the fits or trials that are over, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd

from foldgrid.tracking import (
    RunKind,
    SummaryContent,
)

Config = TypeVar("Config")


Epoch = TypeVar("Epoch")


Record = TypeVar("Record")


GridSummary = tuple[Sequence[Mapping[str, Any]], pd.DataFrame, Mapping[str, Any]]
"""The ranking's rows, the best learner's visits, further facts."""


@dataclass(frozen=True)
class FinishedRun(Generic[Config, Epoch, Record]):
    """A fit or a trial that is over.

    Attributes:
        name: For people.
        read: Its configuration and its record.
        read_history: All its epochs.
    """

    name: str
    read: Callable[[], tuple[Config, Record]]
    read_history: Callable[[], Sequence[Epoch]]


@dataclass(frozen=True)
class Sendable(Generic[Config, Epoch, Record]):
    """What a run folder has for a tracker.

    Attributes:
        what: ``fit`` or ``trial``.
        kind: What leaves of one.
        finished: All that are over, in the plan's order.
        num_unfinished: How many are begun or planned and not over.
        summarise: Makes the run of all of them; nothing where another launch has to.
    """

    what: str
    kind: RunKind[Config, Epoch, Record]
    finished: tuple[FinishedRun[Config, Epoch, Record], ...]
    num_unfinished: int
    summarise: Callable[[], SummaryContent | None]
