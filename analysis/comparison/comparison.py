"""What a comparison of sweeps holds: plain, frozen, storable. Starts without pandas.

The first run is the reference; each other run is compared with it. People read them as A, B, C.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from string import ascii_uppercase

from pydantic import Field

from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.ranking.ranking import Kind
from foldgrid.specs.base import Spec
from foldgrid.specs.task import AnyTask, default_task
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring

LETTERS = ascii_uppercase
"""What the runs are called in tables, in the order in which they were given."""

MetricValues = dict[str, float | None]
"""OOF values by metric; None is undefined."""


class Difference(Spec):
    """A value of one model minus that of another, on the same visits.

    Attributes:
        value: The difference; None where a value is undefined.
        low: The lower end of the 95 % interval by resampling whole subjects; None as above.
        high: Its upper end.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


class BestModel(Spec):
    """The best of one run by the ordering metric: a base learner or a meta-learner."""

    model: str
    kind: Kind
    oof: MetricValues


class ComparedRun(Spec):
    """One run folder, or some base learners of one.

    Attributes:
        letter: ``A`` for the reference, then ``B`` and so on.
        location: The run folder, as it was given.
        learners: Which learners of it, by what their names add to their backbone's, such as
            ``+fine_tuned`` or ``@optimizer=sgd``; "" for the backbones, and for all.
        sweep: The sweep's name.
        complete: Base learners with all their folds.
        planned: Base learners that the sweep plans.
        best: Its best model.
        minus_reference: The best model's value minus that of the reference's best; null for the
            reference.
    """

    letter: str
    location: str
    learners: str = ""
    sweep: str
    complete: int
    planned: int
    best: BestModel
    minus_reference: Difference | None = None

    @property
    def called(self) -> str:
        """The run folder, and which learners of it."""
        return f"{self.location} {self.learners}".rstrip()


class ComparedModel(Spec):
    """A base learner that is complete in the reference and in at least one other run.

    Attributes:
        model: Its name.
        oof: OOF values, run by run; null where the run has no complete one.
        minus_reference: Its value minus the reference's, run by run; null for the reference and
            where the run has no complete one.
    """

    model: str
    oof: tuple[MetricValues | None, ...]
    minus_reference: tuple[Difference | None, ...]


class SettingDifference(Spec):
    """A setting in which the runs differ.

    Attributes:
        key: As ``--set`` writes it: ``training.learning_rate``.
        values: Each run's value in words, in the order of the runs.
    """

    key: str
    values: tuple[str, ...]


class Comparison(Spec):
    """Two or more runs, or learners of one, on the same data and split.

    Attributes:
        by: The OOF value that is compared, one of the task's.
        task: What is predicted.
        num_units: Training visits or photographs behind every value.
        num_subjects: Subjects that these are of.
        runs: The runs, the reference first.
        rows: The base learners, the reference's best first.
        settings: What differs between the runs.
        notes: What to know before believing a difference, warnings first.
    """

    by: str
    task: AnyTask = Field(default_factory=default_task)
    num_units: int
    num_subjects: int
    runs: tuple[ComparedRun, ...]
    rows: tuple[ComparedModel, ...]
    settings: tuple[SettingDifference, ...]
    notes: tuple[Note, ...]

    @cached_property
    def scoring(self) -> Scoring:
        """What the values mean."""
        return make_scoring(self.task)

    @property
    def is_of_one_run(self) -> bool:
        """Whether learners of one run are compared with their backbones."""
        return any(run.learners for run in self.runs)

    def paired_rows(
        self, run: ComparedRun
    ) -> Iterator[tuple[str, MetricValues, MetricValues, Difference]]:
        """The base learners that are complete in the reference and in this run, by name.

        Yields:
            The name, the reference's values, this run's values, and their difference.
        """
        place = self.runs.index(run)
        for row in self.rows:
            first, second, difference = row.oof[0], row.oof[place], row.minus_reference[place]
            if first is not None and second is not None and difference is not None:
                yield row.model, first, second, difference

    def reading(self, difference: Difference, letter: str) -> str:
        """Who does better by this difference: ``B better``, ``A better``, ``not clear``."""
        if difference.value is None:
            return "undefined"
        if difference.value == difference.low == difference.high == 0:
            return "identical"
        if not difference.is_clear:
            return "not clear"
        is_lower = difference.value < 0
        is_better = is_lower == (self.scoring.metrics[self.by].direction == "lower")
        return f"{letter if is_better else LETTERS[0]} better"
