"""All statistics of a ranking in one call.

V visits, S subjects, M models, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldgrid.scoring.units import UnitTable
from analysis.statistics.critical_difference import critical_difference
from analysis.statistics.differences import SIGNIFICANCE, differences_to
from analysis.statistics.facts import Assessment, Difference, Interval, Selection, Standing
from analysis.statistics.intervals import FEWEST_SUBJECTS, expanded_percentiles
from analysis.statistics.ranks import rank_ranges, shares_of_firsts
from analysis.statistics.resamples import NUM_RESAMPLES, SEED, SubjectResamples
from analysis.statistics.selection import correct_selection, losses
from analysis.statistics.subject_sums import SubjectSums
from foldgrid.scoring import METRICS

FloatArray = NDArray[np.float64]


def assess(
    oof: UnitTable,
    test: UnitTable,
    base_learners: Collection[str],
    baseline: str,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
) -> Assessment:
    """Figures with intervals over both partitions, and over OOF who is really best.

    Args:
        oof: The training visits, predicted out of fold.
        test: The test visits, of the same models.
        base_learners: The models that a user would choose one of; the selection is theirs.
        baseline: A model that is compared with the best but never is the best.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    parts = {
        name: Resampled.of(table, num_resamples, seed)
        for name, table in (("oof", oof), ("test", test))
    }
    whole = parts["oof"]
    rivals = [place for place, model in enumerate(whole.models) if model != baseline]
    learners = [place for place in rivals if whole.models[place] in base_learners]
    return Assessment(
        num_resamples=num_resamples,
        seed=seed,
        figures={name: _by_model(part) for name, part in parts.items()},
        intervals={name: _intervals(part) for name, part in parts.items()},
        standings={metric: _standings(whole, metric, rivals, learners) for metric in METRICS},
        selections={metric: _selection(whole, metric, learners) for metric in METRICS},
        critical_difference=critical_difference(
            [whole.models[place] for place in rivals], whole.sums.mean_absolute_errors()[:, rivals]
        ),
    )


@dataclass(frozen=True)
class Resampled:
    """The models of one partition, as they are and resampled.

    Attributes:
        models: Their names, in the order of the columns.
        sums: Their sums by subject.
        resamples: The draws of its subjects.
        figures: By metric, of each model over all visits; NaN is undefined.
        figures_RM: By metric, over the resamples.
    """

    models: tuple[str, ...]
    sums: SubjectSums
    resamples: SubjectResamples
    figures: dict[str, FloatArray]
    figures_RM: dict[str, FloatArray]

    @classmethod
    def of(
        cls, table: UnitTable, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
    ) -> Resampled:
        """Resamples the subjects of a table; without any visit every figure is NaN."""
        reference_V = table.units["reference"].to_numpy(dtype=np.float64)
        predicted_VM = table.predicted.to_numpy(dtype=np.float64)
        if not len(reference_V):
            sums = SubjectSums(np.zeros((1, 3)), np.full((1, 6, predicted_VM.shape[1]), np.nan))
        else:
            subjects = table.units["subject"].to_numpy(dtype=str)
            sums = SubjectSums.of(subjects, reference_V, predicted_VM)
        resamples = SubjectResamples.draw(sums.num_subjects, num_resamples, seed)
        # Over all visits the metrics' own functions, so that a table shows what they return.
        plain = {
            name: np.array([metric(reference_V, column) for column in predicted_VM.T])
            for name, metric in METRICS.items()
        }
        return cls(
            tuple(table.predicted.columns),
            sums,
            resamples,
            plain,
            sums.figures(resamples.counts_RS),
        )


def _by_model(part: Resampled) -> dict[str, dict[str, float | None]]:
    return {
        metric: {
            model: None if math.isnan(value) else float(value)
            for model, value in zip(part.models, values, strict=True)
        }
        for metric, values in part.figures.items()
    }


def _intervals(part: Resampled) -> dict[str, dict[str, Interval]]:
    return {
        metric: dict(
            zip(
                part.models,
                expanded_percentiles(
                    part.figures_RM[metric],
                    part.sums.num_subjects,
                    ~np.isnan(part.figures[metric]),
                ),
                strict=True,
            )
        )
        for metric in METRICS
    }


def _standings(
    part: Resampled, metric: str, rivals: Sequence[int], learners: Collection[int]
) -> dict[str, Standing]:
    losses_M = losses(metric, part.figures[metric])
    losses_RM = losses(metric, part.figures_RM[metric])
    candidates = [
        (losses_M[place], place not in learners, part.models[place], place)
        for place in rivals
        if not math.isnan(losses_M[place])
    ]
    num_subjects = part.sums.num_subjects
    if not candidates or num_subjects < FEWEST_SUBJECTS:
        return {}
    best = min(candidates)[-1]
    differences = differences_to(best, losses_M, losses_RM, num_subjects)
    ranges_2M = rank_ranges(losses_RM)
    is_learner = np.isin(rivals, list(learners))
    firsts = dict(zip(rivals, shares_of_firsts(losses_RM[:, rivals], is_learner), strict=True))
    return {
        model: _standing(place == best, differences[place], firsts.get(place), ranges_2M[:, place])
        for place, model in enumerate(part.models)
        if not math.isnan(losses_M[place])
    }


def _standing(
    is_best: bool,
    difference: Difference | None,
    probability: float | None,
    ranks: NDArray[np.int64],
) -> Standing:
    p = difference.p_holm if difference else None
    return Standing(
        is_best=is_best,
        is_tied=p is not None and p >= SIGNIFICANCE,
        difference=difference,
        probability_best=None if probability is None or math.isnan(probability) else probability,
        rank_low=int(ranks[0]),
        rank_high=int(ranks[1]),
    )


def _selection(part: Resampled, metric: str, learners: Sequence[int]) -> Selection:
    return correct_selection(
        metric,
        [part.models[place] for place in learners],
        part.sums.of_models(learners),
        part.resamples,
        part.figures_RM[metric][:, learners],
        part.figures[metric][learners],
    )
