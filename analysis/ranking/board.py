"""What a ranking holds: plain, frozen, storable. Starts without pandas or scikit-learn."""

from __future__ import annotations

from typing import Any, Literal

from foldgrid.scoring import METRICS, Metric
from foldgrid.specs.base import Spec
from foldgrid.specs.errors import SweepError, did_you_mean

FORMAT = 2
"""Raised when a stored leaderboard can no longer be read as it was, or its figures change."""

FIGURES = ("mae", "mse", "pcc", "ccc")
"""The metrics of a ranking in the order of its columns; each can order it."""

Kind = Literal["base_learner", "meta_learner", "baseline"]
KIND_TITLES: dict[Kind, str] = {
    "base_learner": "base learner",
    "meta_learner": "meta-learner",
    "baseline": "baseline",
}


class RankedModel(Spec):
    """One row.

    Attributes:
        rank: 1 is best; null where the ordering figure is undefined or the model is left out.
        model: Its name.
        kind: What it is.
        folds: Usable over planned fold fits, ``5/5``; "" for what has no fits of its own.
        oof: Figures over the training visits, each predicted out of fold; null is undefined.
        test: Figures over the test visits.
        paper_name: What the paper calls it, where that differs.
        weights: Where a base learner's first weights came from.
        left_out: Why it has no figures; "" where it has.
    """

    rank: int | None = None
    model: str
    kind: Kind
    folds: str = ""
    oof: dict[str, float | None]
    test: dict[str, float | None]
    paper_name: str = ""
    weights: str = ""
    left_out: str = ""


class Note(Spec):
    """Something to know before believing a figure.

    Attributes:
        topic: One or two words.
        text: A sentence or two.
        is_warning: Whether it changes what the figures mean.
    """

    topic: str
    text: str
    is_warning: bool = False


class Ranking(Spec):
    """The models of one sweep in order, and the reading behind the figures.

    Attributes:
        format: ``FORMAT`` when it was made.
        made_from: Digest of the plan and the finished fits it was computed from.
        sweep: The sweep's name.
        title: The sweep's title.
        location: The run folder, as it was given.
        by: The OOF metric that orders the rows.
        num_visits: Visits behind the figures: ``oof`` and ``test``.
        num_subjects: Subjects behind the figures: ``oof`` and ``test``.
        rows: Best first; models without a rank last.
        notes: The warnings, then the facts.
    """

    format: int = FORMAT
    made_from: str
    sweep: str
    title: str
    location: str
    by: str
    num_visits: dict[str, int]
    num_subjects: dict[str, int]
    rows: tuple[RankedModel, ...]
    notes: tuple[Note, ...]

    @property
    def metric(self) -> Metric:
        """The metric that orders the rows."""
        return METRICS[self.by]

    @property
    def best(self) -> RankedModel:
        """The best model that learned something; the baseline only where it stands alone."""
        learned = [row for row in self.rows if row.kind != "baseline" and not row.left_out]
        return learned[0] if learned else self.rows[0]

    def ordered_by(self, metric: str) -> Ranking:
        """The same ranking ordered by another OOF figure.

        Args:
            metric: One of ``FIGURES``. Its direction says which end is best; ties go to base
                learners, then by name.

        Raises:
            SweepError: A ranking has no such figure; the message offers the nearest.
        """
        check_figure(metric)
        key = METRICS[metric].sort_key
        rows = sorted(
            self.rows,
            key=lambda row: (bool(row.left_out), key(row.oof.get(metric)), row.kind, row.model),
        )
        ranked = [
            row.model_copy(update={"rank": None if row.oof.get(metric) is None else place})
            for place, row in enumerate(rows, start=1)
        ]
        return self.model_copy(update={"by": metric, "rows": tuple(ranked)})

    def best_figures(self) -> dict[tuple[str, str], float]:
        """The best value of each column, by partition (``oof``, ``test``) and metric."""
        best = {}
        for partition in ("oof", "test"):
            for name in FIGURES:
                values = [getattr(row, partition).get(name) for row in self.rows]
                defined = [value for value in values if value is not None]
                if defined:
                    best[partition, name] = min(defined, key=METRICS[name].sort_key)
        return best


def check_figure(name: str) -> None:
    """Refuses a figure that a ranking does not have.

    Raises:
        SweepError: The message offers the nearest name.
    """
    if name not in FIGURES:
        raise SweepError(
            f'--by: a ranking has no figure "{name}". {did_you_mean(name, FIGURES)}\n'
            f"Order it by one of: {', '.join(FIGURES)}."
        )


def ranking_table(ranking: Ranking) -> list[dict[str, Any]]:
    """The rows flat, for CSV, W&B and data frames: ``oof_mae`` … ``test_ccc``, None undefined."""
    return [
        {
            "rank": row.rank,
            "model": row.model,
            "kind": row.kind,
            "folds": row.folds,
            **{f"oof_{name}": row.oof.get(name) for name in FIGURES},
            **{f"test_{name}": row.test.get(name) for name in FIGURES},
            "paper_name": row.paper_name,
            "weights": row.weights,
            "left_out": row.left_out,
        }
        for row in ranking.rows
    ]
