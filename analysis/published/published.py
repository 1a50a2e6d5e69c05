"""The published values of One-Step PASI beside those of a sweep, and how far both orders agree.

Knows rankings and the study's tables; of the records behind a ranking only what
``comparability`` asks.
"""

from __future__ import annotations

import numpy as np

from foldgrid.analysis.published.comparability import Difference, differences_from_paper, verdict
from foldgrid.analysis.published.study import METRIC_NAMES, SOURCE, PublishedModel, published_models
from foldgrid.analysis.ranking.ranking import RankedModel, Ranking
from foldgrid.records import RunStore
from foldgrid.specs.base import Spec
from foldgrid.specs.fits import FitConfig

COMPARED = ("mae", "ccc")
"""The values whose order is compared."""


class ComparedModel(Spec):
    """One model, ours and theirs; null where one side has none.

    Attributes:
        model: Our name; "" where this sweep has no such model.
        paper_name: The study's name; "" where it has no such model.
        kind: What it is.
        published: The study's test values by metric.
        published_rank: Its place among the study's 33 models by MAE; equals share the best place.
        oof: Ours, out of fold.
        test: Ours, on the test set.
        left_out: Why ours has no values; "" where it has.
    """

    model: str
    paper_name: str
    kind: str
    published: dict[str, float | None]
    published_rank: int | None
    oof: dict[str, float | None]
    test: dict[str, float | None]
    left_out: str = ""


class RankCorrelation(Spec):
    """How far two orders of the base learners agree; null where undefined.

    Attributes:
        metric: ``mae`` or ``ccc``, on both sides.
        partition: Our ``oof`` or ``test``; the published side is always its test set.
        num_models: Base learners that both sides have.
        spearman: Spearman's rho, -1 to 1; 1 is the same order.
        spearman_p: Fraction of random orders at least as far from 0, either way; see
            ``rank_correlation``.
        kendall: Kendall's tau-b.
        kendall_p: Its permutation p-value.
    """

    metric: str
    partition: str
    num_models: int
    spearman: float | None = None
    spearman_p: float | None = None
    kendall: float | None = None
    kendall_p: float | None = None


class PublishedComparison(Spec):
    """A sweep beside the published study.

    Attributes:
        sweep: The sweep's name.
        location: The run folder.
        verdict: What may and what may not be compared, in a sentence or two.
        differences: What this sweep did unlike the study.
        rows: Every model of either side, by published MAE, those that the study lacks last.
        correlations: Of the base learners, MAE and CCC, OOF and test.
        source: Where the published values are from.
    """

    sweep: str
    location: str
    verdict: str
    differences: tuple[Difference, ...]
    rows: tuple[ComparedModel, ...]
    correlations: tuple[RankCorrelation, ...]
    source: str = SOURCE


def compare_with_published(
    store: RunStore, ranking: Ranking, config: FitConfig | None = None
) -> PublishedComparison:
    """Sets a ranking beside the published study.

    Args:
        store: The run folder that the ranking is of.
        ranking: Ours.
        config: Of its first finished fit, where that was read already.
    """
    differences = differences_from_paper(store, ranking, config)
    rows = compared_models(ranking)
    return PublishedComparison(
        sweep=ranking.sweep,
        location=ranking.location,
        verdict=verdict(differences),
        differences=differences,
        rows=rows,
        correlations=tuple(
            _correlate(rows, metric, partition)
            for metric in COMPARED
            for partition in ("oof", "test")
        ),
    )


def compared_models(ranking: Ranking) -> tuple[ComparedModel, ...]:
    """Every model of either side, by published MAE; what the study lacks last, in our order."""
    published = published_models()
    ours = {row.paper_name or row.model: row for row in ranking.rows}
    errors = sorted(model.metric_values["mae"] for model in published.values())
    theirs = sorted(published.values(), key=lambda model: (model.metric_values["mae"], model.model))
    rows = [
        _side_by_side(ours.get(model.model), model, errors.index(model.metric_values["mae"]) + 1)
        for model in theirs
    ]
    rows += [_side_by_side(row, None, None) for name, row in ours.items() if name not in published]
    return tuple(rows)


def _correlate(rows: tuple[ComparedModel, ...], metric: str, partition: str) -> RankCorrelation:
    pairs = [
        (getattr(row, partition).get(metric), row.published.get(metric))
        for row in rows
        if row.kind == "base_learner"
    ]
    both = np.array([pair for pair in pairs if None not in pair], dtype=np.float64).reshape(-1, 2)
    values = rank_correlation(both[:, 0], both[:, 1])
    names = ("spearman", "spearman_p", "kendall", "kendall_p")
    defined = {n: None if np.isnan(v) else v for n, v in zip(names, values, strict=True)}
    return RankCorrelation(metric=metric, partition=partition, num_models=len(both), **defined)


def _side_by_side(
    ours: RankedModel | None, theirs: PublishedModel | None, place: int | None
) -> ComparedModel:
    nothing: dict[str, float | None] = dict.fromkeys(METRIC_NAMES)
    kind = ours.kind if ours else (theirs.kind if theirs else "")
    return ComparedModel(
        model=ours.model if ours else "",
        paper_name=theirs.model if theirs else "",
        kind=kind,
        published=dict(theirs.metric_values) if theirs else nothing,
        published_rank=place,
        oof=ours.oof if ours else nothing,
        test=ours.test if ours else nothing,
        left_out=ours.left_out if ours else "not in this sweep",
    )


NUM_PERMUTATIONS = 1999
FEWEST_MODELS = 3
"""Two models are in the same order half the time."""


def rank_correlation(
    ours: np.ndarray, theirs: np.ndarray, seed: int = 0
) -> tuple[float, float, float, float]:
    """Spearman's rho and Kendall's tau-b with permutation p-values.

    The models are permuted, 1,999 times, both ways counted, the found order as one of them: the
    p-value asks whether the orders agree more than two shuffled lists would. It knows nothing of
    the error in each value, nor that models of one family resemble each other.

    Args:
        ours: One side's values, a model each.
        theirs: The other side's.
        seed: Of the permutations.

    Returns:
        rho, its p, tau, its p; all NaN below three models or where one side is constant.
    """
    from scipy.stats import kendalltau, rankdata, spearmanr

    if len(ours) < FEWEST_MODELS or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return (np.nan,) * 4
    # PN: permutations by models; MN: pairs of models.
    shuffled_PN = np.random.default_rng(seed).permuted(
        np.tile(rankdata(theirs), (NUM_PERMUTATIONS, 1)), axis=1
    )
    rank_N = rankdata(ours)
    centred_N = rank_N - rank_N.mean()
    product = abs(float(centred_N @ rankdata(theirs)))
    spearman_p = _fraction_beyond(np.abs(shuffled_PN @ centred_N), product)
    first, second = np.triu_indices(len(ours), k=1)
    order_M = np.sign(rank_N[first] - rank_N[second])
    concordance_P = np.sign(shuffled_PN[:, first] - shuffled_PN[:, second]) @ order_M
    their_rank = rankdata(theirs)
    concordance = abs(float(np.sign(their_rank[first] - their_rank[second]) @ order_M))
    kendall_p = _fraction_beyond(np.abs(concordance_P), concordance)
    rho, tau = spearmanr(ours, theirs).statistic, kendalltau(ours, theirs).statistic
    return float(rho), spearman_p, float(tau), kendall_p


def _fraction_beyond(permuted: np.ndarray, found: float) -> float:
    # Sums of ranks are whole or half numbers; the slack is for rounding alone.
    return float((1 + np.count_nonzero(permuted >= found - 1e-6)) / (1 + len(permuted)))
