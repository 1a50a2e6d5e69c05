"""What a ranking holds: plain, frozen, storable. Starts without pandas or scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.statistics.facts import CriticalDifference, Interval, Selection, Standing
from foldgrid.metrics import Metric
from foldgrid.specs.base import Spec
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.specs.learners import is_ablation
from foldgrid.specs.task import AnyTask, default_task
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 5
"""Raised when a stored leaderboard can no longer be read as it was, or its values change."""

RULES: Mapping[int, str] = MappingProxyType(
    {
        5: "ties are marked against the studentised range; the value corrected for the choice is "
        "at the size of all subjects, and there is none of the bias; meta-learners are fitted on "
        "predictions brought to one level; AUC, average precision and Spearman's correlation "
        "compare units of one fold; intervals of a sensitivity, a specificity, an AUC or a "
        "mean over classes are as wide as the classes' own subjects make them",
    }
)
"""By format, which values the rules of that format made differently from those before."""

Kind = Literal["base_learner", "meta_learner", "baseline"]
KIND_TITLES: dict[Kind, str] = {
    "base_learner": "base learner",
    "meta_learner": "meta-learner",
    "baseline": "baseline",
}


class RankedModel(Spec):
    """One row.

    Attributes:
        rank: 1 is best; null where the ordering metric is undefined or the model is left out.
        model: Its name.
        kind: What it is.
        folds: Usable over planned fold fits, ``5/5``; "" for what has no fits of its own.
        oof: Every metric over the training units, each predicted out of fold; null is undefined.
        test: Every metric over the test units.
        oof_intervals: Their 95 % intervals over resampled subjects, by metric.
        test_intervals: The same over the test units.
        standings: Against the other models, by metric and over the training units; none where
            the metric is undefined.
        paper_name: What the paper calls it, where that differs.
        weights: Where a base learner's first weights came from.
        left_out: Why it has no values; "" where it has.
    """

    rank: int | None = None
    model: str
    kind: Kind
    folds: str = ""
    oof: dict[str, float | None]
    test: dict[str, float | None]
    oof_intervals: dict[str, Interval] = Field(default_factory=dict)
    test_intervals: dict[str, Interval] = Field(default_factory=dict)
    standings: dict[str, Standing] = Field(default_factory=dict)
    paper_name: str = ""
    weights: str = ""
    left_out: str = ""

    def value(self, partition: str, metric: str) -> float | None:
        """One of its values; None is undefined."""
        value: float | None = getattr(self, partition).get(metric)
        return value

    def interval(self, partition: str, metric: str) -> Interval:
        """A value's 95 % interval; empty, with the reason, where there is none."""
        known: dict[str, Interval] = getattr(self, f"{partition}_intervals")
        return known.get(metric) or Interval(reason="not computed")


class Ranking(Spec):
    """A leaderboard: the models of one sweep by one metric, with intervals, ties and notes.

    Attributes:
        format: ``FORMAT`` when it was made: by which rules its values are.
        replaced: The format of the earlier ranking that stood in the run folder before; 0 is none.
        made_from: Digest of the plan and the finished fits it was computed from.
        sweep: The sweep's name.
        title: The sweep's title.
        location: The run folder, as it was given.
        by: The OOF metric that orders the rows.
        task: What is predicted; it says which metrics there are.
        num_units: Visits or photographs behind the values: ``oof`` and ``test``.
        num_subjects: Subjects behind the values: ``oof`` and ``test``.
        rows: Best first; models without a rank last.
        notes: The warnings, then the facts; ``all_notes`` adds those of the order at hand.
        num_resamples: Draws of the subjects behind intervals and standings; 0 is none.
        selections: By metric, the value of taking the best base learner, naive and corrected.
        critical_difference: The models' mean ranks with subjects as blocks.
        shown: The metrics that a table shows, in place of the task's; not stored.

    Example:
        >>> ranking = foldgrid.open_run(folder).ranking
        >>> ranking.best.kind, ranking.metric.title
        ('meta_learner', 'MAE')
        >>> ranking.ordered_by("ccc").frame()["rank"].tolist()[:3]
        [1, 2, 3]
    """

    format: int = FORMAT
    replaced: int = 0
    made_from: str
    sweep: str
    title: str
    location: str
    by: str
    task: AnyTask = Field(default_factory=default_task)
    num_units: dict[str, int]
    num_subjects: dict[str, int]
    rows: tuple[RankedModel, ...]
    notes: tuple[Note, ...]
    num_resamples: int = 0
    selections: dict[str, Selection] = Field(default_factory=dict)
    critical_difference: CriticalDifference | None = None
    shown: tuple[str, ...] = Field(default=(), exclude=True)

    @property
    def metric(self) -> Metric:
        """The metric that orders the rows."""
        return self.metrics[self.by]

    @cached_property
    def scoring(self) -> Scoring:
        """What the values mean."""
        return make_scoring(self.task)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics that it holds: the task's standard ones, then what else was asked for."""
        held = (name for row in self.rows for name in row.oof)
        known = (name for name in held if name in self.scoring.metrics)
        return self.scoring.measured(*known)

    @property
    def best(self) -> RankedModel:
        """The best model that learned something; the baseline only where it stands alone.

        An ablation of a backbone is the best only where there are ablations alone.
        """
        learned = [row for row in self.rows if row.kind != "baseline" and not row.left_out]
        backbones = [row for row in learned if not is_ablation(row.model)]
        return next(iter((*backbones, *learned, *self.rows)))

    def ordered_by(self, metric: str) -> Ranking:
        """The same ranking ordered by another OOF metric.

        Args:
            metric: Its name. Its direction says which end is best; ties go to base learners,
                then by name.

        Raises:
            SweepError: The task has no such metric, or this ranking does not hold it.
        """
        check_metric(metric, self.scoring)
        if metric not in self.metrics:
            raise SweepError(
                f"{self.location}: this ranking holds {', '.join(self.metrics)}, and no {metric}.\n"
                f"`foldgrid rank {self.location} --by {metric}` computes it."
            )
        key = self.scoring.metrics[metric].sort_key
        rows = sorted(
            self.rows,
            key=lambda row: (bool(row.left_out), key(row.oof.get(metric)), row.kind, row.model),
        )
        ranked = [
            row.model_copy(update={"rank": None if row.oof.get(metric) is None else place})
            for place, row in enumerate(rows, start=1)
        ]
        return self.model_copy(update={"by": metric, "rows": tuple(ranked)})

    def standing(self, row: RankedModel) -> Standing:
        """Where a model stands by the metric that orders the rows."""
        return row.standings.get(self.by) or Standing()

    def frame(self) -> pd.DataFrame:
        """The ranking as a data frame, a row a model, best first.

        Returns:
            ``rank``, ``model``, ``kind``, ``folds``; where the model stands against the best by
            the ordering metric (``is_tied``, ``probability_best``, ``rank_low``, ``rank_high``,
            ``worse_by``, ``p_adjusted`` and more); every metric as ``oof_mae`` and ``test_mae``,
            with the ends of its 95 % interval (``oof_mae_low``, ``oof_mae_high``). NaN is
            undefined.

        Example:
            >>> run = foldgrid.open_run("runs/quickstart")
            >>> run.ranking.frame()[["rank", "model", "oof_mae", "oof_mae_low", "oof_mae_high"]]
        """
        import pandas as pd

        return pd.DataFrame(ranking_table(self)).astype({"rank": "Int64"})

    def _shown_frame(self) -> pd.DataFrame:
        """What a prompt or a notebook shows: the columns of a table, rounded, ties marked."""
        import pandas as pd

        rows = []
        for row in self.rows:
            tied = "~" if self.standing(row).is_tied else ""
            cells = {"#": f"{row.rank or ''}{tied}", "model": row.model}
            for partition in ("oof", "test"):
                for name in self.columns():
                    digits, value = self.scoring.decimals(name), row.value(partition, name)
                    text = "-" if value is None else f"{value:.{digits}f}"
                    ends = row.interval(partition, name)
                    if name == self.by and ends.low is not None:
                        text += f" [{ends.low:.{digits}f}, {ends.high:.{digits}f}]"
                    title = "OOF" if partition == "oof" else "test"
                    cells[f"{title} {self.metrics[name].title}"] = text
            rows.append(cells)
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        """A table for a prompt; ``frame`` has all the numbers."""
        return f"{self._heading}\n{self._shown_frame().to_string(index=False)}"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        warnings = "".join(
            f"<li><b>{escape(note.topic)}</b>: {escape(note.text)}</li>"
            for note in self.notes
            if note.is_warning
        )
        below = f"<ul>{warnings}</ul>" if warnings else ""
        table = self._shown_frame().to_html(index=False, border=0)
        return f"<p>{escape(self._heading)}</p>{table}{below}"

    @property
    def _heading(self) -> str:
        units = self.scoring.unit_name.count(self.num_units["oof"])
        return (
            f"{self.sweep or 'ranking'}: {counted(len(self.rows), 'model')} by out-of-fold "
            f"{self.metric.title} over {units} of {counted(self.num_subjects['oof'], 'subject')}, "
            f"with 95 % "
            "intervals; ~ is tied with the best"
        )

    def columns(self) -> tuple[str, ...]:
        """The metrics that a table shows, the ordering one among them.

        Of the task's own columns it takes the place of the second.
        """
        shown = self.shown or self.scoring.shown
        if self.by in shown:
            return shown
        if self.shown:
            return self.by, *shown
        return (self.by, *(name for place, name in enumerate(shown) if place != 1))

    def best_values(self) -> dict[tuple[str, str], float]:
        """The best value of each column, by partition (``oof``, ``test``) and metric."""
        best = {}
        for partition in ("oof", "test"):
            for name in self.metrics:
                values = [row.value(partition, name) for row in self.rows]
                defined = [value for value in values if value is not None]
                if defined:
                    best[partition, name] = min(defined, key=self.metrics[name].sort_key)
        return best


def check_metric(name: str, scoring: Scoring, option: str = "--by") -> None:
    """Refuses a metric that cannot be computed of this task.

    Raises:
        SweepError: The message offers the nearest name.
    """
    if name not in scoring.metrics:
        raise SweepError(
            f'{option}: a ranking has no metric "{name}". {did_you_mean(name, scoring.metrics)}\n'
            f"Name one of: {', '.join(scoring.metrics)}."
        )


def known_metric(by: str | None, scoring: Scoring) -> str:
    """The metric that was asked for, or the task's first.

    Raises:
        SweepError: The task has no such metric; the message offers the nearest.
    """
    chosen = by or next(iter(scoring.metrics))
    check_metric(chosen, scoring)
    return chosen


def ranking_table(ranking: Ranking) -> list[dict[str, Any]]:
    """The rows flat, for CSV, trackers and data frames; None is undefined or does not exist.

    ``oof_mae`` … ``test_bias`` (or the task's own), each followed by the ends of its interval
    (``oof_mae_low``, ``oof_mae_high``); the standing columns are those of the metric that orders
    the rows.
    """
    return [
        {
            "rank": row.rank,
            "model": row.model,
            "kind": row.kind,
            "folds": row.folds,
            **_flat_standing(ranking.standing(row)),
            **_flat_values(row, "oof", ranking.metrics),
            **_flat_values(row, "test", ranking.metrics),
            "paper_name": row.paper_name,
            "weights": row.weights,
            "left_out": row.left_out,
        }
        for row in ranking.rows
    ]


def _flat_values(
    row: RankedModel, partition: str, metrics: Iterable[str]
) -> dict[str, float | None]:
    cells = {}
    for name in metrics:
        interval = row.interval(partition, name)
        cells[f"{partition}_{name}"] = row.value(partition, name)
        cells[f"{partition}_{name}_low"] = interval.low
        cells[f"{partition}_{name}_high"] = interval.high
    return cells


def _flat_standing(standing: Standing) -> dict[str, Any]:
    difference = standing.difference
    return {
        "is_tied": standing.is_tied,
        "probability_best": standing.probability_best,
        "rank_low": standing.rank_low,
        "rank_high": standing.rank_high,
        "worse_by": difference and difference.worse_by,
        "worse_by_low": difference and difference.interval.low,
        "worse_by_high": difference and difference.interval.high,
        "p": difference and difference.p,
        "p_adjusted": difference and difference.p_adjusted,
    }
