"""What the statistics say: plain, frozen, storable. Starts without pandas or SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field

from foldgrid.specs.base import Spec

SIMULATED: Mapping[str, tuple[tuple[int, float], ...]] = MappingProxyType(
    {
        "mae": ((54, 0.048), (20, 0.062), (0, 0.051)),
        "rmse": ((54, 0.066), (20, 0.069), (0, 0.059)),
        "ccc": ((54, 0.040), (20, 0.028), (0, 0.015)),
        "auc": ((54, 0.040), (0, 0.013)),
        "kappa": ((54, 0.066), (20, 0.075), (0, 0.022)),
    }
)
"""By metric, from how many subjects on, in what fraction of 1,000 simulated studies of equally good
models some model was marked as worse than the best: the highest of 2, 3, 29 and 43 models, with
errors that correlate by 0 and by 0.7 (decision 0011; of AUC 136 to 1,000 studies)."""

AS_PROMISED = 0.06
"""A simulated fraction up to this is taken for the 5 % that are asked for."""


def falsely_marked(metric: str, num_subjects: int) -> float:
    """How often a ranking of equally good models marks any as worse than the best.

    Args:
        metric: What orders it; of one that was not simulated, the highest of those that were.
        num_subjects: Of whom it is.
    """
    rates = [SIMULATED[metric]] if metric in SIMULATED else SIMULATED.values()
    return max(next(rate for fewest, rate in each if num_subjects >= fewest) for each in rates)


class Interval(Spec):
    """A 95 % interval over resampled subjects, or why there is none.

    Attributes:
        low: Its lower end; null where there is no interval.
        high: Its upper end; null where there is no interval.
        num_undefined: Resamples in which the value could not be computed; they are left out.
        reason: Why there is no interval; "" where there is one.
    """

    low: float | None = None
    high: float | None = None
    num_undefined: int = 0
    reason: str = ""


class Difference(Spec):
    """How much worse a model is than the best, over the same visits.

    Attributes:
        worse_by: In the metric's own unit, below 0 only where the baseline is better; of a metric
            that is best at zero, the difference of the distances to zero.
        interval: 95 % interval of it over resampled subjects.
        p: Of the hypothesis that it is 0; null where it cannot be computed.
        p_adjusted: The same, adjusted for the number of models and for the best having been picked
            from the same data; see ``foldgrid.analysis.statistics.differences``.
    """

    worse_by: float
    interval: Interval
    p: float | None = None
    p_adjusted: float | None = None


class Standing(Spec):
    """Where a model stands by one metric, and how sure that is.

    Attributes:
        is_best: Whether it is the best of the table, the baseline apart.
        is_tied: Whether it cannot be distinguished from the best; false for the best itself, and
            where nothing can be computed.
        difference: To the best; null for the best itself.
        probability_best: Fraction of the resamples in which it is the best; null for the baseline.
        rank_low: The best rank that it has in the middle 95 % of the resamples.
        rank_high: The worst.
    """

    is_best: bool = False
    is_tied: bool = False
    difference: Difference | None = None
    probability_best: float | None = None
    rank_low: int | None = None
    rank_high: int | None = None

    @property
    def ranks(self) -> str:
        """``3 to 7``, or ``1`` where it always has the same; only where there are resamples."""
        low, high = self.rank_low, self.rank_high
        return str(low) if low == high else f"{low} to {high}"


class Selection(Spec):
    """The value of "take the best of the base learners", as it stands and corrected.

    Attributes:
        num_learners: Base learners that the best was taken of.
        winner: The best; "" where there is none.
        naive: Its value over all visits: what a reader of the table would quote.
        corrected: What choosing is worth on subjects that it did not go by (BBC-CV, at the size of
            all subjects); never better than ``naive``.
        interval: The winner's 95 % interval, moved by as much.
        reason: Why there is no corrected value; "" where there is one.
    """

    num_learners: int
    winner: str = ""
    naive: float | None = None
    corrected: float | None = None
    interval: Interval = Field(default_factory=Interval)
    reason: str = ""


class CriticalDifference(Spec):
    """Mean ranks of the models with subjects as blocks: the facts of a critical-difference diagram.

    Attributes:
        num_subjects: The blocks.
        mean_ranks: By model, best first; 1 would be the best for every subject.
        statistic: Friedman's chi-square, corrected for ties.
        p: Of the hypothesis that subjects find all models alike.
        critical_difference: Nemenyi: mean ranks nearer than this cannot be distinguished.
        groups: Models that cannot be distinguished, each group as long as can be, best first.
        reason: Why nothing was computed; "" where it was.
    """

    num_subjects: int
    mean_ranks: dict[str, float] = Field(default_factory=dict)
    statistic: float | None = None
    p: float | None = None
    critical_difference: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    reason: str = ""


class Assessment(Spec):
    """Everything that is known of the models of a ranking.

    Attributes:
        num_resamples: Draws of the subjects.
        seed: Of the draws.
        metric_values: By partition (``oof``, ``test``), metric and model; null is undefined.
        intervals: Their intervals, by the same keys.
        standings: By metric and model, over the OOF visits.
        selections: By metric, over the OOF visits.
        critical_difference: By each subject's own loss over the OOF visits: its mean absolute
            error, or its mean Brier score where classes are predicted.
    """

    num_resamples: int
    seed: int
    metric_values: dict[str, dict[str, dict[str, float | None]]]
    intervals: dict[str, dict[str, dict[str, Interval]]]
    standings: dict[str, dict[str, Standing]]
    selections: dict[str, Selection]
    critical_difference: CriticalDifference
