"""All statistics of a ranking in one call, whatever kind of predictions it is of.

M models, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.critical_difference import critical_difference
from analysis.statistics.differences import SIGNIFICANCE, differences_to
from analysis.statistics.facts import Assessment, Difference, Interval, Selection, Standing
from analysis.statistics.intervals import FEWEST_SUBJECTS, expanded_percentiles
from analysis.statistics.ranks import rank_ranges, shares_of_firsts
from analysis.statistics.resampled import Resampled
from analysis.statistics.resamples import NUM_RESAMPLES, SEED
from analysis.statistics.selection import correct_selection, losses
from foldgrid.specs.variants import is_variant
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
) -> Assessment:
    """Figures with intervals over both partitions, and over OOF who is really best.

    Args:
        scoring: The task's.
        oof: The training units, predicted out of fold.
        test: The test units, of the same models.
        base_learners: The models that a user would choose one of; the selection is theirs.
        baseline: A model that is compared with the best but never is the best.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
        further: Metrics beside the task's standard ones, by name.
    """
    return assess_resampled(
        Resampled.of(oof, scoring, num_resamples, seed, further),
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
        baseline: A model that is compared with the best but never is the best. So are variants
            of a backbone, which answer another question, unless there is nothing else.
    """
    parts = {"oof": oof, "test": test}
    others = {baseline, *filter(is_variant, oof.models)}
    rivals = [place for place, model in enumerate(oof.models) if model not in others] or [
        place for place, model in enumerate(oof.models) if model != baseline
    ]
    learners = [place for place in rivals if oof.models[place] in base_learners]
    return Assessment(
        num_resamples=len(oof.resamples.counts_RS),
        seed=oof.resamples.seed,
        figures={name: _by_model(part) for name, part in parts.items()},
        intervals={name: _intervals(part) for name, part in parts.items()},
        standings={name: _standings(oof, name, rivals, learners) for name in oof.metrics},
        selections={name: _selection(oof, name, learners) for name in oof.metrics},
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
        for metric in part.metrics
    }


def _standings(
    part: Resampled, metric: str, rivals: Sequence[int], learners: Collection[int]
) -> dict[str, Standing]:
    losses_M = losses(part.metrics[metric], part.figures[metric])
    losses_RM = losses(part.metrics[metric], part.figures_RM[metric])
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
        part.metrics[metric],
        [part.models[place] for place in learners],
        part.sums.of_models(learners),
        part.resamples,
        part.figures_RM[metric][:, learners],
        part.figures[metric][learners],
    )
