"""How sure a study's scores are: the statistics of a ranking, with trials for models.

Everything is over the out-of-fold predictions of the trials that trained to their end, subjects
resampled. What the corrected score corrects, and what not: choosing the best of these trials by
the subjects that it is then evaluated by. It does not undo that a sampler or a scheduler looked at
the same subjects before, so where those did much it is still flattered a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foldgrid.analysis.search.results import StudyResults
from foldgrid.analysis.statistics.differences import differences_to
from foldgrid.analysis.statistics.facts import Difference, Interval, Selection
from foldgrid.analysis.statistics.intervals import FEWEST_SUBJECTS
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.analysis.statistics.selection import correct_selections, losses


@dataclass(frozen=True)
class StudyCertainty:
    """How sure the scores of a study's complete trials are.

    Attributes:
        num_resamples: Draws of the subjects.
        num_subjects: Subjects that were drawn from.
        num_visits: Their visits.
        intervals: By objective and trial, the 95 % interval of the out-of-fold metric.
        selections: By objective, choosing the best of the complete trials, naive and corrected.
        worse_than_default: By objective and trial, how much worse it is than trial 0, paired by
            subject; below 0 it is better. Nothing where trial 0 is not complete.
    """

    num_resamples: int
    num_subjects: int
    num_visits: int
    intervals: dict[str, dict[int, Interval]]
    selections: dict[str, Selection]
    worse_than_default: dict[str, dict[int, Difference]]


def assess_study(
    study: StudyResults, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
) -> StudyCertainty:
    """Resamples the subjects of a study.

    Args:
        study: Its trials.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    table = study.units
    part = (
        Resampled.of(table, study.scoring, num_resamples, seed, study.objectives)
        if study.complete
        else None
    )
    numbers = [trial.number for trial in study.complete]
    return StudyCertainty(
        num_resamples=num_resamples,
        num_subjects=table.num_subjects,
        num_visits=table.num_units,
        intervals={}
        if part is None
        else {
            name: dict(zip(numbers, part.intervals(name), strict=True)) for name in study.objectives
        },
        selections={}
        if part is None
        else correct_selections(part, range(len(numbers)), study.objectives),
        worse_than_default={}
        if part is None or 0 not in numbers
        else {name: _worse_than_default(part, numbers, name) for name in study.objectives},
    )


def _worse_than_default(
    part: Resampled, numbers: Sequence[int], name: str
) -> dict[int, Difference]:
    if part.sums.num_subjects < FEWEST_SUBJECTS:
        return {}
    found = differences_to(
        list(numbers).index(0),
        losses(part.metrics[name], part.metric_values[name]),
        losses(part.metrics[name], part.values_RM[name]),
        part.sums.num_subjects,
        part.draws(name).num_strata,
    )
    return {
        number: difference
        for number, difference in zip(numbers, found, strict=True)
        if difference is not None
    }


def better_by(difference: Difference) -> tuple[float, float | None, float | None]:
    """A difference turned so that above 0 is better: the value and both ends of its interval."""
    low, high = difference.interval.low, difference.interval.high
    ends = (None, None) if low is None or high is None else (-high, -low)
    return -difference.worse_by, *ends
