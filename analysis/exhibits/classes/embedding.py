"""Units of many features on a plane, neighbours beside neighbours (t-SNE).

Distances between groups and their sizes on the plane mean nothing; which units are neighbours does.

N units, F features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import format_number
from foldgrid.analysis.drawing.palette import ACCENT, CAUTION, FAINT, INK
from foldgrid.analysis.drawing.series import series
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.shared import Partition, partitions, shown_learners
from foldgrid.analysis.predictions.predictions import fold_values
from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.analysis.predictions.validation import FoldPredictions
from foldgrid.analysis.run import Run
from foldgrid.metrics.counts import decide
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError

FloatArray = NDArray[np.float64]

PERPLEXITY = 30.0
"""About how many neighbours a unit looks at; a third of the units where there are few."""

MOST_COMPONENTS = 50
"""Principal components that neighbours are looked for in."""

FEWEST_UNITS = 5
"""Below this a plane shows nothing that a table would not."""

SEED = 20


def plane_coordinates(features_NF: NDArray[np.generic], seed: int = SEED) -> FloatArray:
    """t-SNE coordinates, the same for the same features and seed on one machine.

    Args:
        features_NF: The activations of the last hidden layer.
        seed: Of the start where there is a single feature; else it starts from the principal
            components and draws nothing.

    Returns:
        N by 2.

    Raises:
        ValueError: Fewer than ``FEWEST_UNITS`` units, or a feature that is not finite.
    """
    features = np.asarray(features_NF, dtype=np.float64)
    if len(features) < FEWEST_UNITS or not np.isfinite(features).all():
        raise ValueError(f"a plane needs {FEWEST_UNITS} units or more with finite features")
    num_components = min(MOST_COMPONENTS, *features.shape)
    init = "pca" if num_components > 1 else "random"
    # On one core: the order of summation, and with it the plane, changes with their number.
    with one_thread():
        reduced = PCA(num_components, svd_solver="full").fit_transform(features)
        perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
        plane = TSNE(2, perplexity=perplexity, init=init, random_state=seed, n_jobs=1)
        return np.asarray(plane.fit_transform(reduced), dtype=np.float64)


MOST_TOGETHER = 6
"""Classes that can be distinguished in one picture."""

Key = tuple[dict[str, Any], str]
"""How a mark looks and what it means."""

_RING: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "markerfacecolor": "none",
    "markeredgecolor": CAUTION,
    "markeredgewidth": 1.2,
}
_WRONG: Key = (_RING, "ringed: decided otherwise")


@dataclass(frozen=True)
class EmbeddingFacts:
    """Units on a plane.

    Attributes:
        model: Whose features they are.
        coordinates_N2: Where each unit lies.
        classes: Their names.
        reference_N: Each unit's class.
        decided_N: The class that was decided for.
    """

    model: str
    coordinates_N2: NDArray[np.float64]
    classes: tuple[str, ...]
    reference_N: NDArray[np.int64]
    decided_N: NDArray[np.int64]

    @property
    def is_wrong(self) -> NDArray[np.bool_]:
        """By unit, whether another class was decided for."""
        return np.asarray(self.reference_N != self.decided_N)


def draw_embedding(facts: EmbeddingFacts) -> Drawing:
    """The plane, in one picture or a panel a class.

    Args:
        facts: The units.
    """
    return draw(
        "embedding",
        f"The last hidden layer of {facts.model} on a plane (t-SNE)",
        describe_embedding(facts),
        partial(_paint, facts),
    )


def describe_embedding(facts: EmbeddingFacts) -> str:
    """How many units of which class, and how many were decided otherwise."""
    counts = np.bincount(facts.reference_N, minlength=len(facts.classes))
    named = ", ".join(f"{count} {name}" for count, name in zip(counts, facts.classes, strict=True))
    return (
        f"{counted(len(facts.reference_N), 'unit')}: {named}. {facts.is_wrong.sum()} were decided "
        f"otherwise "
        "and are ringed. Only who is whose neighbour means something, not distances between groups."
    )


def _paint(facts: EmbeddingFacts, width: int) -> MplFigure:
    present = np.unique(facts.reference_N).tolist()
    if len(present) <= MOST_TOGETHER:
        keys = [(series(place).point, facts.classes[each]) for place, each in enumerate(present)]
        top = _key_height(keys, width)
        height = 430.0 if width > 500 else 300.0
        figure = new_figure(width, top + height + 4)
        axes = add_axes(figure, 4, top, width - 8, height)
        _prepare(axes, facts)
        _paint_together(axes, facts, present)
        _paint_key(figure, keys, width)
        return figure
    columns = 4 if width > 500 else 2
    panel = (width - 8 - 10 * (columns - 1)) / columns
    step = panel * 0.86 + 30
    figure = new_figure(width, math.ceil(len(present) / columns) * step + 26)
    for place, each in enumerate(present):
        row, column = divmod(place, columns)
        axes = add_axes(figure, 4 + column * (panel + 10), 46 + row * step, panel, panel * 0.86)
        _prepare(axes, facts)
        _paint_alone(axes, facts, each, panel)
    _paint_key(figure, [], width)
    return figure


def _prepare(axes: Axes, facts: EmbeddingFacts) -> None:
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    low_2, high_2 = facts.coordinates_N2.min(axis=0), facts.coordinates_N2.max(axis=0)
    room_2 = 0.06 * np.maximum(high_2 - low_2, 1e-9)
    axes.set_xlim(low_2[0] - room_2[0], high_2[0] + room_2[0])
    axes.set_ylim(low_2[1] - room_2[1], high_2[1] + room_2[1])


def _paint_together(axes: Axes, facts: EmbeddingFacts, present: list[int]) -> None:
    size = 5.5 if len(facts.reference_N) < 400 else 4.0
    for place, each in enumerate(present):
        own = facts.reference_N == each
        points_N2 = facts.coordinates_N2[own]
        axes.plot(*points_N2.T, markersize=size, alpha=0.85, zorder=3, **series(place).point)
    _ring(axes, facts.coordinates_N2[facts.is_wrong], size)


def _paint_alone(axes: Axes, facts: EmbeddingFacts, each: int, panel: float) -> None:
    own = facts.reference_N == each
    axes.plot(*facts.coordinates_N2[~own].T, "o", color=FAINT, markersize=3, mew=0, zorder=2)
    axes.plot(
        *facts.coordinates_N2[own].T, "o", color=ACCENT, markersize=4.4, alpha=0.85, mew=0, zorder=3
    )
    _ring(axes, facts.coordinates_N2[own & facts.is_wrong], 4.4)
    text = f"{facts.classes[each]} ({own.sum()})"
    axes.set_title(fitted(text, panel, SMALL), loc="left", fontsize=SMALL, color=INK, pad=4)


def _ring(axes: Axes, points_N2: NDArray[np.float64], size: float) -> None:
    axes.plot(*points_N2.T, markersize=size + 4.5, zorder=4, **_RING)


def _paint_key(figure: MplFigure, keys: list[Key], width: float) -> None:
    """Marks with their words above the picture, as many in a line as fit."""
    height = _key_height(keys, width)
    axes = add_axes(figure, 0, 0, width, height)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    for (look, text), (x, y) in zip([*keys, _WRONG], _key_places(keys, width), strict=True):
        axes.plot([x], [y], markersize=7 if look is not _RING else 9, **look)
        axes.text(x + 10, y, text, va="center", fontsize=SMALL)


def _key_height(keys: list[Key], width: float) -> float:
    return _key_places(keys, width)[-1][1] + 14


def _key_places(keys: list[Key], width: float) -> list[tuple[float, float]]:
    places: list[tuple[float, float]] = []
    x, y = 10.0, 12.0
    for _, text in [*keys, _WRONG]:
        needed = 34 + 0.58 * SMALL * len(text)
        if places and x + needed > width:
            x, y = 10.0, y + 18.0
        places.append((x, y))
        x += needed
    return places


UNKNOWN = "the sweep kept no features; `keep_features: true` in the sweep keeps them."


@dataclass(frozen=True)
class ChosenFit:
    """The fit that is shown.

    Attributes:
        fit: Its predictions.
        value: The ordering metric over what it held out.
        num_fits: Fits of the same base learner that it was chosen among.
    """

    fit: FoldPredictions
    value: float
    num_fits: int


def chosen_fit(run: Run) -> ChosenFit | None:
    """Of the best base learner that kept features, the fit with the median metric.

    The median, and not the best: a picture should show what is usual. Of an even number of fits
    the worse of the two in the middle.

    Args:
        run: The opened run.

    Returns:
        None where no features were kept.
    """
    learners = {each.name: each for each in run.evaluation.table.learners}
    metric = run.scoring.metrics[run.by]
    for name in shown_learners(run):
        fits = [fit for fit in learners[name].fits if fit.record.features_kept]
        if not fits:
            continue
        values = [_metric_value(run, fit) for fit in fits]
        order = sorted(range(len(fits)), key=lambda each: (metric.sort_key(values[each]), each))
        median = order[len(order) // 2]
        return ChosenFit(fits[median], values[median], len(fits))
    return None


def embedding(run: Run, partition: Partition = "oof") -> EmbeddingFacts:
    """What the chosen fit held out, or the test photographs, on a plane.

    Args:
        run: The opened run.
        partition: ``oof``, what the fit held out, or ``test``.

    Raises:
        SweepError: No features were kept.
    """
    chosen = chosen_fit(run)
    if chosen is None:
        raise SweepError(UNKNOWN)
    fit = chosen.fit
    kept = run.store.read_features(fit.record.fit_id)
    features = kept[kept["partition"] == partition].set_index("sample")["features"]
    values = fold_values(fit, partition).loc[features.index]
    reference = run.evaluation.table.samples.loc[features.index, "reference"]
    return EmbeddingFacts(
        model=f"{fit.backbone}, fold {fit.fold}",
        coordinates_N2=plane_coordinates(np.stack(features.to_list())),
        classes=tuple(map(str, values.columns)),
        reference_N=reference.to_numpy(dtype=np.int64),
        decided_N=decide(values.to_numpy(dtype=np.float64), run.scoring.is_binary),
    )


def embedding_section(run: Run) -> Section:
    """The plane of what the fit held out, and of the test photographs."""
    chosen = chosen_fit(run)
    if chosen is None:
        return Section(left_out=UNKNOWN)
    blocks = tuple(
        _drawing(run, part) for part in partitions(run) if _num_units(run, part) >= FEWEST_UNITS
    )
    if not blocks:
        return Section(left_out=f"fewer than {FEWEST_UNITS} photographs.")
    title = run.ranking.metric.title
    lead = (
        f"Shown is fold {chosen.fit.fold} of {chosen.fit.backbone}, the best base learner that "
        f"kept features: of its {counted(chosen.num_fits, 'fit')} the one with the median {title} "
        f"({format_number(chosen.value)})."
    )
    return Section(lead, blocks)


def _drawing(run: Run, partition: Partition) -> Figure:
    facts = run.once(embedding, partition)
    many = run.scoring.unit_name.many
    whose = f"the {many} that it held out" if partition == "oof" else f"the test {many}"
    present = len(np.unique(facts.reference_N))
    marks = (
        "Marks tell the classes apart"
        if present <= MOST_TOGETHER
        else "A panel a class, the others pale"
    )
    caption = (
        f"The last hidden layer of {facts.model}, {whose}, on a plane (t-SNE). {marks}; a ring "
        "stands around what was decided otherwise. Neighbours resemble each other; distances "
        "between groups and their sizes mean nothing."
    )
    key, paint = f"embedding_{partition}", partial(draw_embedding, facts)
    return Figure(key, paint, caption, partial(_frame, facts))


def _frame(facts: EmbeddingFacts) -> pd.DataFrame:
    """A row a unit: where it lies, its class and the class that was decided for."""
    names = np.array(facts.classes)
    return pd.DataFrame(facts.coordinates_N2, columns=["x", "y"]).assign(
        model=facts.model, truth=names[facts.reference_N], decided=names[facts.decided_N]
    )


def _metric_value(run: Run, fit: FoldPredictions) -> float:
    values = fold_values(fit)
    reference = run.evaluation.table.samples.loc[values.index, "reference"]
    metric = run.scoring.metrics[run.by]
    return float(metric(reference.to_numpy(dtype=np.int64), values.to_numpy(dtype=np.float64)))


def _num_units(run: Run, partition: Partition) -> int:
    return (run.evaluation.oof if partition == "oof" else run.evaluation.test).num_units


EMBEDDING = Exhibit("embedding", "The last hidden layer", embedding_section, of="task")
