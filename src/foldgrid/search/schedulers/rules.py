"""What a stopping rule receives and answers; what all rules share.

`specs.schedulers` has the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from foldgrid.metrics import METRICS, Metric
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialStatus

if TYPE_CHECKING:
    import pandas as pd

NEVER_STOPPED = 0
"""The sweep's default configuration trains to its end: everything is compared with it."""

Retask = Callable[[int, dict[str, Value]], Any]
"""A trial's number and its values to its job."""


class StoppingRule(Protocol):
    """Evaluates trials by their epochs so far."""

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        """Whether trial ``number`` is stopped after ``epoch``, which was not its last."""
        ...

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        """Learns of a trial that is over; also of those of earlier launches, all at once."""
        ...


@dataclass(frozen=True)
class Searched:
    """What a scheduler is made for: one study.

    Attributes:
        settings: How the search goes.
        units: The study's units: subject, reference; in the order of ``TrialEpoch.predicted``.
        max_epochs: The most epochs that any trial is planned to train.
        metrics: The task's.
        space: What may vary; none where nobody changes values in training.
        seed: The sweep's.
        remake_job: Makes the job of a trial that goes on with other values.
    """

    settings: SearchSettings
    units: pd.DataFrame
    max_epochs: int
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)
    space: SearchSpace | None = None
    seed: int = 0
    remake_job: Retask | None = None

    @property
    def objective(self) -> str:
        """The value that trials are evaluated by."""
        return self.settings.objectives[0]

    def rule(self) -> StoppingRule | None:
        """A fresh rule of the search's scheduler; none where it stops none."""
        rule: StoppingRule | None = self.settings.scheduling.rule(self, self.settings.own)
        return rule

    def tune(self) -> Any:
        """A fresh scheduler of Ray Tune's, where the search's is one that pauses trials."""
        return self.settings.scheduling.tune(self, self.settings.own)


def rung_epochs(grace: int, factor: float, max_epochs: int) -> tuple[int, ...]:
    """The epochs at which trials are evaluated: ``grace`` and every ``factor``-fold of it."""
    rungs, epoch = [], float(grace)
    while round(epoch) < max_epochs:
        rungs.append(round(epoch))
        epoch = max(epoch * factor, epoch + 1)
    return tuple(rungs)


def score_key(objective: str, epoch: TrialEpoch) -> float:
    """The epoch's value with the sign of an error: smaller is better; infinite without one."""
    return float(METRICS[objective].sort_key(epoch.oof.get(objective)))
