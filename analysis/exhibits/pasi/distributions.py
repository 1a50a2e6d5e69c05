"""How the physician scored, train against test (the paper's figure 2).

Knows the physician's scores alone; no model is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Figure, Numbers, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import beside_each_other
from foldgrid.analysis.drawing.numbers import percent
from foldgrid.analysis.drawing.palette import ACCENT, INK, MUTED
from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.pasi.components import physician_scores
from foldgrid.analysis.run import Run
from foldgrid.records import RunStore
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA, SCORES, max_pasi

BIN_WIDTH = 5.0
"""Of the PASI's histogram."""


@dataclass(frozen=True)
class ScoreDistributions:
    """Histograms of the physician's scores.

    Attributes:
        scores: score, grade, train and test (samples with that grade), train_share and test_share
            (of the partition's samples; NaN where it has none): every grade of each of the four
            scores, also those that nobody got. Empty where ``not_applicable``.
        pasi: low, high, train, test, train_share, test_share: visits by PASI in steps of 5; a
            value on a border belongs to the upper bin, the end of the scale to the last one.
        differences: By score and for ``pasi``: the largest part of one partition that would have
            to change its value to look like the other (total variation, 0 to 1); NaN where a
            partition is empty.
        imbalance: What the split minimised: the mean absolute difference of the scaling grades'
            fractions between train and test, adjusted for their sizes; None where not recorded.
        not_applicable: Why there are no single scores; "" where there are.
    """

    scores: pd.DataFrame
    pasi: pd.DataFrame
    differences: dict[str, float]
    imbalance: float | None
    not_applicable: str = ""


def score_distributions(
    evaluation: Evaluation, store: RunStore | None = None
) -> ScoreDistributions:
    """Histograms of every score and of the PASI, train against test.

    Args:
        evaluation: What ``evaluate`` returned.
        store: The run folder, for the split's recorded imbalance.
    """
    is_test = evaluation.table.samples["partition"] == "test"
    known = physician_scores(evaluation.table)
    tables, reason = [], ""
    if evaluation.table.scoring.target_names == SCORES:
        test_rows = is_test.loc[known.index].to_numpy()
        for score in SCORES:
            grades = np.arange(int(SCORE_MAXIMA[score]) + 1)
            values = known[score].to_numpy()
            counts = [
                (values[part] == grades[:, None]).sum(axis=1) for part in (~test_rows, test_rows)
            ]
            tables.append(_fractions(pd.DataFrame({"score": score, "grade": grades}), *counts))
    else:
        reason = "The records hold a region's composite, no single scores."
    edges = np.arange(0.0, max_pasi(evaluation.parts) + BIN_WIDTH, BIN_WIDTH)
    pasi_counts = [
        np.histogram(table.units["reference"], bins=edges)[0]
        for table in (evaluation.oof, evaluation.test)
    ]
    bins = _fractions(pd.DataFrame({"low": edges[:-1], "high": edges[1:]}), *pasi_counts)
    scores = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    differences = {str(table["score"].iloc[0]): _difference(table) for table in tables}
    return ScoreDistributions(
        scores=scores,
        pasi=bins,
        differences={**differences, "pasi": _difference(bins)},
        imbalance=recorded_imbalance(store) if store else None,
        not_applicable=reason,
    )


def recorded_imbalance(store: RunStore) -> float | None:
    """The imbalance in ``split.json``, or nothing where there is none."""
    try:
        found = store.read_split_facts().get("imbalance")
    except FileNotFoundError:
        return None
    return float(found) if isinstance(found, int | float) else None


def _fractions(table: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    fractions = {
        f"{name}_share": counts / counts.sum() if counts.sum() else np.full(len(counts), np.nan)
        for name, counts in (("train", train), ("test", test))
    }
    return table.assign(train=train, test=test, **fractions)


def _difference(table: pd.DataFrame) -> float:
    gaps = (table["train_share"] - table["test_share"]).abs()
    return float(gaps.sum() / 2) if gaps.notna().all() else float("nan")


_PANEL_HEIGHT = 92.0


def draw_distributions(facts: ScoreDistributions) -> Drawing:
    """Paired bars: the fraction of each grade, and of each band of the PASI."""
    return draw(
        "distributions",
        "Distribution of the physician's scores, training against test",
        describe_distributions(facts),
        partial(_paint, facts),
    )


def describe_distributions(facts: ScoreDistributions) -> str:
    """How far training and test lie apart, score by score."""
    gaps = [
        f"{_title(name)} {100 * gap:.0f} %"
        for name, gap in facts.differences.items()
        if math.isfinite(gap)
    ]
    text = "Fraction of samples by score, and of visits by PASI. "
    if gaps:
        text += "The part of a distribution that would have to move: " + ", ".join(gaps) + "."
    return text


def _title(name: str) -> str:
    return "PASI" if name == "pasi" else name


def _paint(facts: ScoreDistributions, width: int) -> MplFigure:
    names = list(dict.fromkeys(facts.scores["score"])) if len(facts.scores) else []
    columns = 4 if width > 500 else 2
    rows = math.ceil(len(names) / columns)
    left, gap, step = 30.0, 18.0, _PANEL_HEIGHT + 52
    figure = new_figure(width, (rows + 1) * step + 18)
    panel = (width - left - gap * (columns - 1) - 4) / columns
    top = 1.1 * max(_largest(facts.scores), _largest(facts.pasi), 0.05)
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        axes = add_axes(
            figure, left + column * (panel + gap), 24 + row * step, panel, _PANEL_HEIGHT
        )
        table = facts.scores[facts.scores["score"] == name]
        _paint_panel(axes, table, [f"{grade:g}" for grade in table["grade"]], name, top)
        if column:
            axes.tick_params(labelleft=False)
    axes = add_axes(figure, left, 24 + rows * step, width - left - 4, _PANEL_HEIGHT)
    labels = [f"{low:g}–" for low in facts.pasi["low"]]
    _paint_panel(axes, facts.pasi, labels, "PASI of a visit, in steps of 5", top)
    _write_legend(axes)
    return figure


def _largest(table: pd.DataFrame) -> float:
    fractions = table.reindex(columns=["train_share", "test_share"])
    return float(fractions.max().max()) if fractions.notna().any(axis=None) else 0.0


def _paint_panel(
    axes: Axes, table: pd.DataFrame, labels: list[str], title: str, top: float
) -> None:
    places = list(range(len(table)))
    axes.bar(
        [x - 0.2 for x in places], table["train_share"].fillna(0), 0.38, color=MUTED, alpha=0.5
    )
    axes.bar([x + 0.2 for x in places], table["test_share"].fillna(0), 0.38, color=ACCENT)
    axes.set_xticks(places, labels)
    axes.set_xlim(-0.7, len(table) - 0.3)
    axes.set_ylim(0, top)
    axes.grid(False, axis="x")
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    axes.set_title(title, loc="left", fontsize=SMALL, color=INK, pad=5)


def _write_legend(axes: Axes) -> None:
    for text, colour, right in (("training", MUTED, 62.0), ("test", ACCENT, 0.0)):
        axes.annotate(
            f"■ {text}", (1, 1), (-right, 5), xycoords="axes fraction", textcoords="offset points",
            ha="right", fontsize=SMALL, color=colour,
        )  # fmt: skip


def scores_section(run: Run) -> Section:
    """The distributions of the four scores and of the PASI."""
    facts = score_distributions(run.evaluation, run.store)
    if not run.has_test:
        return Section(left_out="there is no test set to compare with.")
    caption = (
        "How the physician scored, training (grey) against test (colour): fraction of the samples "
        "by score, and of the visits by PASI."
    )
    if facts.not_applicable:
        caption += f" {facts.not_applicable}"
    lead = (
        f"{percent(facts.differences['pasi'])} of the test visits would have to change their "
        "PASI's band for test and training to look alike."
    )
    paint = partial(draw_distributions, facts)
    further: dict[str, Numbers] = {
        "pasi_bands": lambda: facts.pasi,
        "differences": lambda: pd.DataFrame(
            list(facts.differences.items()), columns=["score", "difference"]
        ),
    }
    frame = partial(_frame, facts)
    return Section(lead, (Figure("distributions", paint, caption, frame),), further=further)


def _frame(facts: ScoreDistributions) -> pd.DataFrame:
    """A row a score and grade; of the PASI a row a band, its lower end as the grade."""
    pasi = facts.pasi.rename(columns={"low": "grade"}).drop(columns="high").assign(score="pasi")
    return beside_each_other([facts.scores, pasi])


DISTRIBUTION = Exhibit("distribution", "The physician's scores", scores_section, of="task")
