"""All statistics of a ranking in one call, whatever kind of predictions it is of.

Where models land when the subjects are drawn again is a measure of how stable an order is, not the
chance that a model is the best.

M models, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from foldgrid.analysis.statistics.critical_difference import critical_difference
from foldgrid.analysis.statistics.differences import SIGNIFICANCE, differences_to
from foldgrid.analysis.statistics.facts import Assessment, Difference, Interval, Standing
from foldgrid.analysis.statistics.intervals import FEWEST_SUBJECTS, LEVEL
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.analysis.statistics.selection import correct_selections, losses
from foldgrid.specs.learners import is_ablation
from foldgrid.tasks.scoring import Scoring
from foldgrid.tasks.units import UnitTable


def assess(
    scoring: Scoring,
    oof: UnitTable,
    test: UnitTable,
    base_learners: Collection[str],
    baseline: str,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = SEED,
    further: Sequence[str] = (),
    *,
    has_folds: bool = True,
) -> Assessment:
    """Values with intervals over both partitions, and over OOF who is really best.

    Args:
        scoring: The task's.
        oof: The training units, predicted out of fold.
        test: The test units, of the same models.
        base_learners: The models that a user would choose one of; the selection is theirs.
        baseline: A model that is compared with the best but never is the best.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
        further: Metrics beside the task's standard ones, by name.
        has_folds: Whether the folds of the training units are those that were held out.
    """
    return assess_resampled(
        Resampled.of(oof, scoring, num_resamples, seed, further, has_folds=has_folds),
        Resampled.of(test, scoring, num_resamples, seed, further),
        base_learners,
        baseline,
    )


def assess_resampled(
    oof: Resampled, test: Resampled, base_learners: Collection[str], baseline: str
) -> Assessment:
    """The same of predictions of any kind.

    Args:
        oof: The training units, predicted out of fold, resampled.
        test: The test units, of the same models and by the same metrics.
        base_learners: The models that a user would choose one of; the selection is theirs.
        baseline: A model that is compared with the best but never is the best. So are ablations
            of a backbone, which answer another question, unless there is nothing else.
    """
    parts = {"oof": oof, "test": test}
    others = {baseline, *filter(is_ablation, oof.models)}
    rivals = [place for place, model in enumerate(oof.models) if model not in others] or [
        place for place, model in enumerate(oof.models) if model != baseline
    ]
    learners = [place for place in rivals if oof.models[place] in base_learners]
    return Assessment(
        num_resamples=len(oof.resamples.counts_RS),
        seed=oof.resamples.seed,
        metric_values={name: _by_model(part) for name, part in parts.items()},
        intervals={name: _intervals(part) for name, part in parts.items()},
        standings={name: _standings(oof, name, rivals, learners) for name in oof.metrics},
        selections=correct_selections(oof, learners, oof.metrics),
        critical_difference=critical_difference(
            [oof.models[place] for place in rivals], oof.sums.subject_losses()[:, rivals]
        ),
    )


def _by_model(part: Resampled) -> dict[str, dict[str, float | None]]:
    return {
        metric: {
            model: None if math.isnan(value) else float(value)
            for model, value in zip(part.models, values, strict=True)
        }
        for metric, values in part.metric_values.items()
    }


def _intervals(part: Resampled) -> dict[str, dict[str, Interval]]:
    return {
        metric: dict(zip(part.models, part.intervals(metric), strict=True))
        for metric in part.metrics
    }


def _standings(
    part: Resampled, metric: str, rivals: Sequence[int], learners: Collection[int]
) -> dict[str, Standing]:
    losses_M = losses(part.metrics[metric], part.metric_values[metric])
    losses_RM = losses(part.metrics[metric], part.values_RM[metric])
    candidates = [
        (losses_M[place], place not in learners, part.models[place], place)
        for place in rivals
        if not math.isnan(losses_M[place])
    ]
    num_subjects = part.sums.num_subjects
    if not candidates or num_subjects < FEWEST_SUBJECTS:
        return {}
    best = min(candidates)[-1]
    num_strata = part.draws(metric).num_strata
    differences = differences_to(best, losses_M, losses_RM, num_subjects, num_strata)
    ranges_2M = rank_ranges(losses_RM)
    is_learner = np.isin(rivals, list(learners))
    firsts = dict(zip(rivals, fractions_of_firsts(losses_RM[:, rivals], is_learner), strict=True))
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
    p = difference.p_adjusted if difference else None
    return Standing(
        is_best=is_best,
        is_tied=p is not None and p >= SIGNIFICANCE,
        difference=difference,
        probability_best=None if probability is None or math.isnan(probability) else probability,
        rank_low=int(ranks[0]),
        rank_high=int(ranks[1]),
    )


FloatArray = NDArray[np.float64]


def fractions_of_firsts(
    losses_RM: FloatArray, is_simple_M: NDArray[np.bool_] | None = None
) -> FloatArray:
    """The fraction of the resamples in which each model is the best; models that tie share it.

    Args:
        losses_RM: NaN never wins; a resample in which all are NaN does not count.
        is_simple_M: Models that go before the others in a tie: a meta-learner that repeats a base
            learner takes nothing from it.

    Returns:
        One fraction a model, summing to 1; NaN for all where no resample counts.
    """
    known_RM = np.where(np.isnan(losses_RM), np.inf, losses_RM)
    lowest_R1 = known_RM.min(axis=1, keepdims=True, initial=np.inf)
    counts = np.isfinite(lowest_R1[:, 0])
    if not counts.any():
        return np.full(losses_RM.shape[1], np.nan)
    is_first = known_RM[counts] == lowest_R1[counts]
    if is_simple_M is not None:
        has_simple_R = (is_first & is_simple_M).any(axis=1, keepdims=True)
        is_first &= is_simple_M | ~has_simple_R
    return np.asarray((is_first / is_first.sum(axis=1, keepdims=True)).mean(axis=0))


def rank_ranges(losses_RM: FloatArray) -> NDArray[np.int64]:
    """The ranks that hold the middle 95 % of the resamples, both ends included.

    Args:
        losses_RM: NaN ranks last. Models that tie have the same, the better, rank.

    Returns:
        Two rows, the best and the worst rank; a column a model.
    """
    ranks_RM = rankdata(np.where(np.isnan(losses_RM), np.inf, losses_RM), method="min", axis=1)
    tail = (1 - LEVEL) / 2
    return np.vstack(
        [
            np.quantile(ranks_RM, tail, axis=0, method="lower"),
            np.quantile(ranks_RM, 1 - tail, axis=0, method="higher"),
        ]
    ).astype(np.int64)
