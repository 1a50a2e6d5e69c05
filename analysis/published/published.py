"""The published figures of One-Step PASI beside those of a sweep.

Knows rankings and the study's tables; of the records behind a ranking only what
``comparability`` asks.
"""

from __future__ import annotations

import numpy as np

from analysis.published.comparability import Difference, differences_from_paper, verdict
from analysis.published.orders import rank_correlation
from analysis.published.study import FIGURES, SOURCE, PublishedModel, published_models
from analysis.ranking.board import RankedModel, Ranking
from foldgrid.records import RunStore
from foldgrid.specs.base import Spec
from foldgrid.specs.fits import FitConfig

COMPARED = ("mae", "ccc")
"""The figures whose order is compared."""


class ComparedModel(Spec):
    """One model, ours and theirs; null where one side has none.

    Attributes:
        model: Our name; "" where this sweep has no such model.
        paper_name: The study's name; "" where it has no such model.
        kind: What it is.
        published: The study's test figures by metric.
        published_rank: Its place among the study's 33 models by MAE; equals share the best place.
        oof: Ours, out of fold.
        test: Ours, on the test set.
        left_out: Why ours has no figures; "" where it has.
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
        spearman_p: Share of random orders at least as far from 0, either way; see
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
        source: Where the published figures are from.
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
    errors = sorted(model.figures["mae"] for model in published.values())
    theirs = sorted(published.values(), key=lambda model: (model.figures["mae"], model.model))
    rows = [
        _side_by_side(ours.get(model.model), model, errors.index(model.figures["mae"]) + 1)
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
    nothing: dict[str, float | None] = dict.fromkeys(FIGURES)
    kind = ours.kind if ours else (theirs.kind if theirs else "")
    return ComparedModel(
        model=ours.model if ours else "",
        paper_name=theirs.model if theirs else "",
        kind=kind,
        published=dict(theirs.figures) if theirs else nothing,
        published_rank=place,
        oof=ours.oof if ours else nothing,
        test=ours.test if ours else nothing,
        left_out=ours.left_out if ours else "not in this sweep",
    )
