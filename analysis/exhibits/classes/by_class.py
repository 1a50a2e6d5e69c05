"""Metrics of each class against the rest, with intervals over resampled subjects.

U units, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Section, Table
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import format_number, percent
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.roc_facts import auc_and_interval
from foldgrid.analysis.exhibits.classes.shared import (
    INTERVALS,
    WORDS,
    Partition,
    called,
    class_units,
    estimate_cell,
    fraction_cell,
    partitions,
    shown_models,
)
from foldgrid.analysis.predictions.class_units import ClassUnits
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import Fraction, fractions_of
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.analysis.statistics.resamples import NUM_RESAMPLES, SEED
from foldgrid.metrics import Metric
from foldgrid.specs.counted import counted


@dataclass(frozen=True)
class ClassFractions:
    """One class against the rest.

    Attributes:
        name: The class.
        num_units: Units of it.
        sensitivity: Fraction of its units that was decided for it.
        specificity: Fraction of the other units that was not.
        precision: Fraction of the units decided for it that are of it.
        auc: Area under the ROC curve of its probability; NaN where it is undefined.
        auc_interval: 95 % over resampled subjects.
    """

    name: str
    num_units: int
    sensitivity: Fraction
    specificity: Fraction
    precision: Fraction
    auc: float
    auc_interval: Interval


@dataclass(frozen=True)
class FoldSpread:
    """A metric over folds.

    Attributes:
        mean: Its mean over the folds in which it is defined; NaN where there is none.
        sd: Their standard deviation (n - 1); NaN with fewer than two.
        by_fold: By fold its value; NaN where it is undefined.
    """

    mean: float
    sd: float
    by_fold: Mapping[int, float]


def class_fractions(
    units: ClassUnits, num_resamples: int = NUM_RESAMPLES, seed: int = SEED
) -> tuple[ClassFractions, ...]:
    """Metrics of each class; of a binary task only of the positive one.

    Args:
        units: A model on a partition.
        num_resamples: Draws of the subjects.
        seed: Of the draws.
    """
    asked = units.asked_classes
    is_it_UC = units.reference_U[:, None] == asked
    is_called_UC = units.decided[:, None] == asked
    fractions = fractions_of(
        units.subjects_U,
        np.hstack([is_called_UC, ~is_called_UC, is_it_UC]),
        np.hstack([is_it_UC, ~is_it_UC, is_called_UC]),
        num_resamples,
        seed,
    )
    found = []
    for place, each in enumerate(asked):
        sensitivity, specificity, precision = fractions[place :: len(asked)]
        auc, interval = auc_and_interval(
            units.subjects_U,
            units.reference_U == each,
            units.probabilities_UK[:, each],
            units.folds_U,
            num_resamples,
            seed,
        )
        found.append(
            ClassFractions(
                units.classes[each],
                sensitivity.num_units,
                sensitivity,
                specificity,
                precision,
                auc,
                interval,
            )
        )
    return tuple(found)


def fold_spread(units: ClassUnits, metric: Metric) -> FoldSpread:
    """A metric fold by fold, each over the units that the fold held out.

    Args:
        units: A model, out of fold.
        metric: One of the task's.
    """
    by_fold = {
        int(fold): float(
            metric(
                units.reference_U[units.folds_U == fold],
                units.probabilities_UK[units.folds_U == fold],
            )
        )
        for fold in np.unique(units.folds_U)
    }
    defined = np.array([value for value in by_fold.values() if not np.isnan(value)])
    mean = float(defined.mean()) if len(defined) else float("nan")
    sd = float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")
    return FoldSpread(mean, sd, by_fold)


OVERALL = ("accuracy", "sensitivity", "specificity", "auc")
METRIC_COLUMNS = (
    Column("Sensitivity", True),
    Column("Specificity", True),
    Column("Precision", True),
    Column("AUC", True),
)


def fractions_of_model(
    run: Run, model: str, partition: Partition = "oof"
) -> tuple[ClassFractions, ...]:
    """One model's metrics by class; of a binary task those of the positive class.

    Args:
        run: The opened run.
        model: Any evaluated model.
        partition: ``oof`` or ``test``.
    """
    return class_fractions(class_units(run, model, partition))


def overall_metrics(run: Run) -> tuple[str, ...]:
    """By what a model is described overall: ``OVERALL``, after what orders the task's rankings."""
    first = next(iter(run.scoring.metrics))
    return OVERALL if first in OVERALL else (first, *OVERALL)


def fold_spreads(run: Run) -> dict[str, dict[str, FoldSpread]]:
    """Mean and standard deviation over folds, each fit on the fold that it held out.

    Args:
        run: The opened run.

    Returns:
        By model, the best first, and metric.
    """
    return {
        model: {
            name: fold_spread(class_units(run, model, "oof"), run.scoring.metrics[name])
            for name in overall_metrics(run)
        }
        for model in shown_models(run)
    }


def classes_section(run: Run) -> Section:
    """Tables: all models overall, the best by class, and every base learner by class."""
    fractions = fractions_of_model(run, run.best.model)
    blocks: list[Block] = [_overall(run), _over_folds(run), _of_best(run)]
    if len(shown_models(run)) > 1:
        blocks.append(_of_learners(run))
    return Section(_lead(run, fractions), tuple(blocks))


def _lead(run: Run, fractions: tuple[ClassFractions, ...]) -> str:
    best = called(run, run.best.model)
    if len(fractions) == 1:
        one = fractions[0]
        return (
            f"Out of fold, {best} finds {percent(one.sensitivity.value)} of the "
            f"{run.scoring.unit_name.many} of {one.name} and calls "
            f"{percent(1 - one.specificity.value)} of the others so, decided at a probability of "
            "0.5."
        )
    known = [each for each in fractions if each.num_units]
    low = min(known, key=lambda each: each.sensitivity.value)
    high = max(known, key=lambda each: each.sensitivity.value)
    return (
        f"Out of fold, {best} recognises {high.name} best ({percent(high.sensitivity.value)} of "
        f"its {run.scoring.unit_name.many}) and {low.name} worst "
        f"({percent(low.sensitivity.value)})."
    )


def _overall(run: Run) -> Table:
    rows = {row.model: row for row in run.ranking.rows}
    names = overall_metrics(run)
    columns = [Column("Model")]
    for part in partitions(run):
        columns += [Column(run.scoring.metrics[name].title, True, WORDS[part]) for name in names]
    lines = []
    for model in shown_models(run):
        cells = [
            estimate_cell(rows[model].value(part, name), rows[model].interval(part, name))
            for part in partitions(run)
            for name in names
        ]
        lines.append((_name(run, model), *cells))
    of = "" if run.scoring.is_binary else (
        " Sensitivity, specificity and AUC are means over the classes, each against the rest."
    )  # fmt: skip
    caption = f"All {run.scoring.unit_name.many} together, model by model"
    note = f"{INTERVALS}{of}"
    return Table(
        "overall", caption, tuple(columns), tuple(lines), partial(_overall_frame, run), note
    )


def _over_folds(run: Run) -> Table:
    names = overall_metrics(run)
    columns = [
        Column("Model"),
        *(Column(run.scoring.metrics[name].title, True, "mean ± SD") for name in names),
    ]
    spreads = fold_spreads(run)
    lines = tuple(
        (_name(run, model), *(Cell(spread_words(by_metric[name])) for name in names))
        for model, by_metric in spreads.items()
    )
    num_folds = len(next(iter(spreads.values()))[names[0]].by_fold)
    note = (
        f"Each of the {num_folds} folds' own values, of the fit that held it out. The SD tells "
        "how folds differ, people included; it is no interval of the mean."
    )
    caption = f"Mean and standard deviation over {counted(num_folds, 'fold')}"
    return Table(
        "over_folds", caption, tuple(columns), lines, partial(_spread_frame, spreads), note
    )


def spread_words(spread: FoldSpread) -> str:
    """``0.93 ± 0.02``; the mean alone where one fold has a value."""
    mean, sd = format_number(spread.mean), format_number(spread.sd)
    return mean if sd == "–" else f"{mean} ± {sd}"


def _of_best(run: Run) -> Table:
    columns = (
        Column("Class"),
        Column(run.scoring.unit_name.many.capitalize(), True),
        *METRIC_COLUMNS,
    )
    lines = tuple(
        (
            Cell(each.name, "", WORDS[part]),
            Cell(str(each.num_units)),
            *_metric_values(each),
        )
        for part in partitions(run)
        for each in fractions_of_model(run, run.best.model, part)
    )
    caption = f"By class, each against the rest: {called(run, run.best.model)}"
    note = (
        f"{INTERVALS} Precision: of those decided for the class, the fraction that is of it; it "
        "holds where classes are as frequent as here."
    )
    frame = partial(_fractions_frame, run, (run.best.model,), partitions(run))
    return Table("by_class", caption, columns, lines, frame, note)


def _of_learners(run: Run) -> Table:
    columns = (Column("Class"), Column("Model"), *METRIC_COLUMNS)
    models = shown_models(run)
    fractions = {model: fractions_of_model(run, model) for model in models}
    lines = []
    for place, of_class in enumerate(fractions[models[0]]):
        for model in models:
            each = fractions[model][place]
            number = run.scoring.unit_name.count(of_class.num_units)
            first = Cell(each.name, "", number) if model == models[0] else Cell("")
            lines.append((first, _name(run, model, False), *_metric_values(each)))
    caption = "Every base learner by class, out of fold"
    frame = partial(_fractions_frame, run, models, ("oof",))
    return Table("learners_by_class", caption, columns, tuple(lines), frame, INTERVALS)


def _metric_values(fractions: ClassFractions) -> tuple[Cell, ...]:
    return (
        fraction_cell(fractions.sensitivity),
        fraction_cell(fractions.specificity),
        fraction_cell(fractions.precision),
        estimate_cell(fractions.auc, fractions.auc_interval),
    )


def _name(run: Run, model: str, has_kind: bool = True) -> Cell:
    is_best = model == run.best.model
    return Cell(model, "strong" if is_best else "", "best" if is_best and has_kind else "")


def _overall_frame(run: Run) -> pd.DataFrame:
    rows = {row.model: row for row in run.ranking.rows}
    return frame_of(
        {
            "model": model,
            "partition": part,
            "metric": name,
            "value": rows[model].value(part, name),
            "interval": rows[model].interval(part, name),
        }
        for model in shown_models(run)
        for part in partitions(run)
        for name in OVERALL
    )


def _spread_frame(spreads: Mapping[str, Mapping[str, FoldSpread]]) -> pd.DataFrame:
    return pd.DataFrame(
        {"model": model, "metric": name, "mean": each.mean, "sd": each.sd}
        | {f"fold_{fold}": value for fold, value in each.by_fold.items()}
        for model, by_metric in spreads.items()
        for name, each in by_metric.items()
    )


def _fractions_frame(run: Run, models: Sequence[str], parts: Sequence[Partition]) -> pd.DataFrame:
    return beside_each_other(
        frame_of(fractions_of_model(run, model, part), model=model, partition=part)
        for model in models
        for part in parts
    ).rename(columns={"name": "class"})


CLASSES = Exhibit("classes", "Performance by class", classes_section, of="task")
