"""The models of one partition, as they are and resampled: what all statistics start from.

U units (V visits where they are PASIs), S subjects, M models, K classes, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foldgrid.analysis.statistics.facts import Interval
from foldgrid.analysis.statistics.intervals import expanded_percentiles
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from foldgrid.metrics import Metric
from foldgrid.metrics.computations import num_subjects_of
from foldgrid.metrics.sums import SubjectSums
from foldgrid.tasks.scoring import Scoring
from foldgrid.tasks.units import UnitTable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Resampled:
    """The models of one partition, as they are and resampled.

    Attributes:
        models: Their names, in the order of the columns.
        metrics: By name, what they are evaluated by.
        sums: Their sums by subject.
        resamples: The draws of its subjects.
        within: The draws for metrics that compare units of one fold only: within each fold.
        metric_values: By metric, of each model over all units; NaN is undefined.
        values_RM: By metric, over the resamples.
    """

    models: tuple[str, ...]
    metrics: Mapping[str, Metric]
    sums: SubjectSums
    resamples: SubjectResamples
    within: SubjectResamples
    metric_values: dict[str, FloatArray]
    values_RM: dict[str, FloatArray]

    def intervals(self, name: str) -> tuple[Interval, ...]:
        """Each model's 95 % interval of a metric."""
        return expanded_percentiles(
            self.values_RM[name],
            num_subjects_of(self.metrics[name], self.sums),
            ~np.isnan(self.metric_values[name]),
            self.draws(name).num_strata,
        )

    @classmethod
    def of(
        cls,
        table: UnitTable,
        scoring: Scoring,
        num_resamples: int = NUM_RESAMPLES,
        seed: int = SEED,
        further: Sequence[str] = (),
        *,
        has_folds: bool = True,
    ) -> Resampled:
        """Resamples the subjects of a table; without any unit every value is NaN.

        Args:
            table: The units, and what the models predicted of them.
            scoring: The task's.
            num_resamples: Draws of the subjects.
            seed: Of the draws.
            further: Metrics beside the task's standard ones, by name.
            has_folds: Whether units of two folds were predicted by two fits.
        """
        predicted = [table.predicted_by(name) for name in table.models]
        subjects_U = table.units["subject"].to_numpy(dtype=str)
        folds_U = table.units["fold"].to_numpy() if has_folds else None
        sums = SubjectSums.of(
            subjects_U, table.reference, np.stack(predicted, axis=1), scoring.target, folds_U
        )
        metrics = scoring.measured(*further)
        return cls.of_sums(
            table.models,
            metrics,
            sums,
            _plain(metrics, table.reference, predicted, folds_U),
            num_resamples,
            seed,
        )

    @classmethod
    def of_sums(
        cls,
        models: tuple[str, ...],
        metrics: Mapping[str, Metric],
        sums: SubjectSums,
        metric_values: dict[str, FloatArray],
        num_resamples: int = NUM_RESAMPLES,
        seed: int = SEED,
    ) -> Resampled:
        """The same of units that were gathered by subject already; see the attributes."""
        resamples = within = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
        if sums.fold_S is not None:
            within = SubjectResamples.within(sums.fold_S, num_resamples, seed)
        part = cls(models, metrics, sums, resamples, within, metric_values, {})
        return replace(part, values_RM=part.over(lambda draws: draws.counts_RS))

    def draws(self, name: str) -> SubjectResamples:
        """The draws by which a metric is resampled."""
        return self.within if self.metrics[name].is_within_folds else self.resamples

    def over(
        self,
        weights: Callable[[SubjectResamples], FloatArray],
        names: Iterable[str] | None = None,
        models: Sequence[int] | None = None,
    ) -> dict[str, FloatArray]:
        """Metrics under weightings that follow from the draws.

        Args:
            weights: From draws, (R, S) how often each subject counts.
            names: The metrics; all without.
            models: The models, by position; all without.
        """
        sums = self.sums if models is None else self.sums.of_models(models)
        asked = self.metrics if names is None else {name: self.metrics[name] for name in names}
        found: dict[str, FloatArray] = {}
        for draws in (self.resamples, self.within)[: 1 + (self.within is not self.resamples)]:
            own = {name: each for name, each in asked.items() if self.draws(name) is draws}
            if own:
                found |= sums.metric_values(own, weights(draws))
        return {name: found[name] for name in asked}


def _plain(
    metrics: Mapping[str, Metric],
    reference_U: NDArray[np.generic],
    predicted: Sequence[FloatArray],
    folds_U: NDArray[np.generic] | None,
) -> dict[str, FloatArray]:
    """Values over all units by the metrics' own functions, so a table shows what they return."""
    return {
        name: np.array([metric(reference_U, each, folds_U) for each in predicted])
        for name, metric in metrics.items()
    }
