"""Which parameters the score depends on: functional ANOVA, and how sure its fractions are.

T trials, P parameters.

Optuna's fANOVA (Hutter, Hoos and Leyton-Brown 2014) fits a random forest to the trials and takes
apart the variance of what it predicts over the whole space; the fractions of the single parameters
are scaled to sum to 1, so what only several together explain is left out. It gets the trials'
ranks, not their scores: one wild trial would otherwise be most of the variance.

The fractions are repeated on trials drawn with replacement: their mean is the fraction, their
middle 95 % the interval. Beside it stands what chance gives: where the scores are shuffled among
the trials, so that nothing matters, all parameters together stay below these fractions in 95 % of
the cases (each below its own in 1 - 5 % / P of them).

Which trials: those that trained to their end, because a score at another epoch is another value.
But a scheduler stops whole regions, and a parameter whose bad values were all stopped seems
not to matter among the rest. So the fractions are computed a second time over all trials, stopped
ones with their last score and diverged ones with the worst; where the two differ, stopping is why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure
from numpy.typing import NDArray
from scipy.stats import rankdata

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.analysis.drawing.canvas import SMALL, TEXT, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.numbers import count, listed, percent
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED, PAPER
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.numbers import Scale, positions, scales
from foldgrid.analysis.search.results import StudyResults
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.analysis.statistics.intervals import LEVEL
from foldgrid.analysis.statistics.resamples import SEED
from foldgrid.specs.counted import counted
from foldgrid.specs.trials import TrialRecord

FloatArray = NDArray[np.float64]

FEWEST_TRIALS = 10
"""With fewer a forest sees nothing, and an interval around nothing misleads."""

NUM_RESAMPLES = 100
NUM_SHUFFLES = 100
NUM_TREES = 8
"""In each of many forests: their mean is one of 800 trees."""


@dataclass(frozen=True)
class Fractions:
    """A parameter's fraction of the explained variance over some trials.

    Attributes:
        mean: Over the resamples of the trials; of all parameters they sum to 1.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """How much the score depends on one parameter.

    Attributes:
        name: The parameter.
        complete: Over the trials that trained to their end; nothing where they are too few.
        all_trials: Over all; nothing where none was stopped or diverged, or they are too few.
        chance: What it would hardly exceed if nothing mattered.
    """

    name: str
    complete: Fractions | None
    all_trials: Fractions | None
    chance: float

    @property
    def shown(self) -> Fractions:
        """The fractions that order the parameters."""
        found = self.complete or self.all_trials
        if found is None:
            raise ValueError(f"no fraction of {self.name} is known")
        return found


@dataclass(frozen=True)
class Importances:
    """The parameters of a space, the most important first.

    Attributes:
        parameters: By fraction; empty where there is a reason.
        num_complete: Trials that trained to their end.
        num_trials: All trials that are over.
        reason: Why nothing was computed; "" where it was.
    """

    parameters: tuple[Importance, ...]
    num_complete: int
    num_trials: int
    reason: str = ""


def parameter_importances(
    study: StudyResults,
    num_resamples: int = NUM_RESAMPLES,
    num_shuffles: int = NUM_SHUFFLES,
    seed: int = SEED,
) -> Importances:
    """The importances of a study's parameters; the same trials give the same values.

    Args:
        study: Its trials.
        num_resamples: Draws of the trials.
        num_shuffles: Repetitions with the scores shuffled.
        seed: Of the resamples, the shuffles and the forests.
    """
    axes = scales(study)
    complete = [trial for trial in study.complete if math.isfinite(_loss(study, trial))]
    sizes = (len(complete), len(study.trials))
    if len(axes) < 2:
        return Importances((), *sizes, reason="only one parameter was searched")
    samples = {
        "complete": (positions(study, complete, axes), _losses(study, complete)),
        "all": (positions(study, study.trials, axes), _losses(study, study.trials)),
    }
    if len(complete) == len(study.trials):
        del samples["all"]
    known = {name: pair for name, pair in samples.items() if _is_enough(pair[1])}
    if not known:
        return Importances((), *sizes, reason=_too_few(*sizes))
    fractions = {
        name: _bootstrapped(axes, *pair, num_resamples, seed) for name, pair in known.items()
    }
    chance_P = _shuffled(axes, *next(iter(known.values())), num_shuffles, seed)
    none: list[Fractions | None] = [None] * len(axes)
    found = [
        Importance(axis.name, whole, every, float(chance))
        for axis, whole, every, chance in zip(
            axes, fractions.get("complete", none), fractions.get("all", none), chance_P, strict=True
        )
    ]
    order = sorted(found, key=lambda each: -each.shown.mean)
    return Importances(tuple(order), *sizes)


def _is_enough(losses_T: FloatArray) -> bool:
    return len(losses_T) >= FEWEST_TRIALS and len(np.unique(losses_T)) > 1


def _too_few(num_complete: int, num_trials: int) -> str:
    if num_trials >= FEWEST_TRIALS:
        return "all trials have the same score"
    few = "trial" if num_trials == 1 else "trials"
    return (
        f"{num_trials} {few}, of which {num_complete} trained to the end, are too few to tell "
        f"what mattered; {FEWEST_TRIALS} are the least"
    )


def _loss(study: StudyResults, trial: TrialRecord) -> float:
    return study.metric.sort_key(study.score(trial))


def _losses(study: StudyResults, trials: Sequence[TrialRecord]) -> FloatArray:
    """The trials' ranks by score; what has none ranks last."""
    return rankdata([_loss(study, trial) for trial in trials]).astype(np.float64)


def _bootstrapped(
    axes: Sequence[Scale], places_TP: FloatArray, losses_T: FloatArray, num_repeats: int, seed: int
) -> list[Fractions | None]:
    random = np.random.default_rng(seed)
    repeats = []
    for number in range(num_repeats):
        drawn = random.integers(len(losses_T), size=len(losses_T))
        if len(np.unique(losses_T[drawn])) > 1:
            repeats.append(_fanova(axes, places_TP[drawn], losses_T[drawn], seed + number))
    fractions_RP = np.array(repeats)
    low_P, high_P = np.quantile(fractions_RP, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [
        Fractions(float(mean), float(low), float(high))
        for mean, low, high in zip(fractions_RP.mean(axis=0), low_P, high_P, strict=True)
    ]


def _shuffled(
    axes: Sequence[Scale], places_TP: FloatArray, losses_T: FloatArray, num_repeats: int, seed: int
) -> FloatArray:
    random = np.random.default_rng(seed)
    fractions = [
        _fanova(axes, places_TP, random.permutation(losses_T), seed + number)
        for number in range(num_repeats)
    ]
    return np.asarray(np.quantile(np.array(fractions), 1 - (1 - LEVEL) / len(axes), axis=0))


def _fanova(
    axes: Sequence[Scale], places_TP: FloatArray, losses_T: FloatArray, seed: int
) -> FloatArray:
    """The parameters' fractions by one forest, summing to 1."""
    # Optuna takes a second to import, and only this needs it.
    from optuna import create_study, logging
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
    )
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    # Positions, not values: Optuna's fANOVA would measure logarithmic ones on the plain scale.
    distributions: dict[str, BaseDistribution] = {
        axis.name: FloatDistribution(*axis.ends)
        if axis.is_number
        else CategoricalDistribution(tuple(range(len(axis.choices))))
        for axis in axes
    }
    trials = [
        create_trial(
            params={
                axis.name: float(place) if axis.is_number else int(place)
                for axis, place in zip(axes, row, strict=True)
            },
            distributions=distributions,
            value=float(loss),
        )
        for row, loss in zip(places_TP, losses_T, strict=True)
    ]
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        study = create_study()
        study.add_trials(trials)
        evaluator = FanovaImportanceEvaluator(n_trees=NUM_TREES, seed=seed)
        found = get_param_importances(study, evaluator=evaluator)
    finally:
        logging.set_verbosity(verbosity)
    return np.array([float(found[axis.name]) for axis in axes])


_ROW = 34.0


def draw_importances(facts: Importances) -> Drawing:
    """The most important parameter on top."""
    title = "How much the score depends on each parameter"
    return draw("importances", title, describe_importances(facts), partial(_paint, facts))


def describe_importances(facts: Importances) -> str:
    """The fractions in sentences."""
    words = [
        f"{each.name} {each.shown.mean:.0%} (95 % interval {each.shown.low:.0%} to "
        f"{each.shown.high:.0%})"
        for each in facts.parameters
    ]
    return f"Fractions of the explained variance: {', '.join(words)}."


def _paint(facts: Importances, width: int) -> MplFigure:
    is_wide = width > 500
    names, numbers = (150, 118) if is_wide else (112, 34)
    height = _ROW * len(facts.parameters)
    figure = new_figure(width, height + 54)
    axes = add_axes(figure, names, 8, width - names - numbers, height)
    axes.set_ylim(len(facts.parameters) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.grid(False, axis="y")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0] if is_wide else [0, 0.5, 1.0])
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
    axes.set_xlabel("fraction of the explained variance", fontsize=SMALL, loc="left")
    size = TEXT if is_wide else SMALL - 0.5
    shown = [fitted(each.name, names - 8, size) for each in facts.parameters]
    axes.set_yticks(range(len(shown)), shown, color=INK, fontsize=size)
    for place, each in enumerate(facts.parameters):
        _paint_row(axes, each, place, is_wide)
    return figure


def _paint_row(axes: Axes, each: Importance, place: int, is_wide: bool) -> None:
    if place % 2 == 0:
        axes.axhspan(place - 0.5, place + 0.5, facecolor=FAINT, alpha=0.28, linewidth=0, zorder=0)
    axes.plot([each.chance] * 2, [place - 0.34, place + 0.34], color=MUTED, linewidth=1.2,
              linestyle=(0, (2, 1.5)), zorder=1)  # fmt: skip
    both = each.complete is not None and each.all_trials is not None
    if each.complete is not None:
        _paint_fractions(axes, each.complete, place - (0.15 if both else 0), True)
    if each.all_trials is not None:
        _paint_fractions(axes, each.all_trials, place + (0.17 if both else 0), False)
    text = f"{100 * each.shown.mean:.0f}%"
    if is_wide:
        text += f"  ({100 * each.shown.low:.0f}–{100 * each.shown.high:.0f}%)"
    axes.annotate(
        text, (1, place), (10, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", va="center", fontsize=SMALL, color=INK,
    )  # fmt: skip


def _paint_fractions(axes: Axes, fractions: Fractions, at: float, is_complete: bool) -> None:
    colour = ACCENT if is_complete else MUTED
    axes.plot([fractions.low, fractions.high], [at, at], color=colour, zorder=2,
              linewidth=1.8 if is_complete else 1.1, solid_capstyle="butt")  # fmt: skip
    axes.plot(
        [fractions.mean], [at], "o", color=colour, markersize=6.4 if is_complete else 4.6, zorder=3,
        markerfacecolor=colour if is_complete else PAPER, markeredgewidth=1.4, clip_on=False,
    )  # fmt: skip


def importances_of(study: StudyFacts) -> Importances:
    """How much a study's score depends on each of its parameters."""
    return parameter_importances(study.results)


def importance_section(study: StudyFacts) -> Section:
    """Importances with their uncertainty."""
    facts = study.once(importances_of)
    if facts.reason:
        return Section(left_out=f"{facts.reason}.")
    both = facts.parameters[0].complete and facts.parameters[0].all_trials
    over = f"the {count(facts.num_complete, 'trial')} that trained to the end"
    if facts.parameters[0].complete is None:
        over = (
            f"all {counted(facts.num_trials, 'trial')}, those stopped early with their last score "
            "and the diverged with the worst, "
            f"because fewer than {FEWEST_TRIALS} trained to the end"
        )
    caption = (
        "Fraction of the variance of the trials' ranks that each parameter alone explains (fANOVA, "
        f"main effects scaled to 100 %), over {over}. Dots: mean over resamples of the trials; "
        "lines: 95 % intervals. Dashed: if nothing mattered, no parameter would pass its dashed "
        "line in 95 % of the cases, so a dot left of it says nothing."
    )
    if both:
        caption += (
            f" Hollow grey: the same over all {counted(facts.num_trials, 'trial')}, those "
            "stopped early with their last score. Where it lies far to the right of the filled "
            "dot, the scheduler stopped the bad values of this parameter, and the rest "
            "cannot show that it matters."
        )
    part = Figure(
        study.key("importances"),
        partial(draw_importances, facts),
        caption,
        partial(_frame, facts.parameters),
        is_filed=True,
    )
    return Section(_lead(facts), (part,))


def _frame(parameters: tuple[Importance, ...]) -> pd.DataFrame:
    rows = []
    for each in parameters:
        row: dict[str, object] = {"parameter": each.name}
        for name, fractions in (("complete", each.complete), ("all_trials", each.all_trials)):
            for end in ("mean", "low", "high"):
                row[f"{name}_{end}"] = getattr(fractions, end) if fractions else None
        rows.append({**row, "chance": each.chance})
    return pd.DataFrame(rows)


def _lead(facts: Importances) -> str:
    clear = [each for each in facts.parameters if each.shown.mean > each.chance]
    if not clear:
        return (
            "No parameter stands out from chance: with these trials nothing can be said about "
            "what mattered."
        )
    words = [f"{each.name} ({percent(each.shown.mean)})" for each in clear]
    stands = "stands" if len(clear) == 1 else "stand"
    return f"{listed(words)} {stands} out from chance. The order of the others is not settled."


IMPORTANCES = study_exhibit("importances", "What mattered", importance_section, anchor="mattered")
