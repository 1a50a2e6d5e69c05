"""A binary task's operating points, chosen out of fold and applied to the test set."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table, Text
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import format_number, interval, percent
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.roc import (
    auc_frame,
    binary_models,
    curves_frame,
    in_one_picture,
    roc_of_models,
)
from foldgrid.analysis.exhibits.classes.roc_drawing import ModelRoc, draw_roc_models
from foldgrid.analysis.exhibits.classes.roc_facts import OperatingFacts, RocFacts, operating_facts
from foldgrid.analysis.exhibits.classes.shared import (
    INTERVALS,
    WORDS,
    Partition,
    called,
    class_units,
    fraction_cell,
    partitions,
)
from foldgrid.analysis.run import Run
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.classification.operating_points import choose_threshold
from foldgrid.tasks.classification.spec import BinarySpec


def points_of_models(run: Run) -> dict[str, tuple[OperatingFacts, ...]]:
    """Both operating points of each model, on the test set where there is one, else out of fold.

    The thresholds are chosen on out-of-fold predictions.

    Args:
        run: The opened run.

    Returns:
        By model, the best first: high sensitivity, then high specificity.

    Raises:
        SweepError: The task is not binary.
    """
    spec = run.scoring.spec
    if not isinstance(spec, BinarySpec):
        raise SweepError("operating points are of a binary task.")
    found = {}
    for model in binary_models(run):
        chosen, applied = (class_units(run, model, part) for part in ("oof", evaluated_on(run)))
        truth, score = chosen.is_positive, chosen.positive_score
        thresholds = {
            "high sensitivity": choose_threshold(truth, score, sensitivity=spec.sensitivity),
            "high specificity": choose_threshold(truth, score, specificity=spec.specificity),
        }
        found[model] = tuple(
            operating_facts(
                name, applied.subjects_U, applied.is_positive, applied.positive_score, threshold
            )
            for name, threshold in thresholds.items()
        )
    return found


def evaluated_on(run: Run) -> Partition:
    """The partition that operating points are applied to."""
    return "test" if run.has_test else "oof"


def operating_section(run: Run) -> Section:
    """Points as a table and on the curves; DeLong's interval beside that by subject."""
    points = points_of_models(run)
    blocks: list[Block] = [_table(run, points)]
    curves = roc_of_models(run, evaluated_on(run))
    if run.has_test and curves:
        blocks.append(_drawing(run, curves, points))
    aucs = {part: roc_of_models(run, part) for part in partitions(run)}
    blocks.append(auc_table("delong", aucs))
    blocks.append(Text((delong_sentence(run.scoring.unit_name.many, aucs["oof"]),)))
    return Section(_lead(run, points[run.best.model]), tuple(blocks))


def _lead(run: Run, points: Sequence[OperatingFacts]) -> str:
    spec = run.scoring.spec
    assert isinstance(spec, BinarySpec)
    high_sensitivity, high_specificity = points
    where = "on the test set" if run.has_test else "on the very units that they were chosen by"
    text = (
        f"Two thresholds of {called(run, run.best.model)} were chosen out of fold, for a "
        "sensitivity of "
        f"{percent(spec.sensitivity, 1)} and for a specificity of {percent(spec.specificity, 1)}. "
        f"{where[:1].upper()}{where[1:]} the first has a sensitivity of "
        f"{percent(high_sensitivity.sensitivity.value)} and a specificity of "
        f"{percent(high_sensitivity.specificity.value)}, the second "
        f"{percent(high_specificity.sensitivity.value)} and "
        f"{percent(high_specificity.specificity.value)}."
    )
    return text if run.has_test else f"{text} That flatters; there is no test set."


def _table(run: Run, points: dict[str, tuple[OperatingFacts, ...]]) -> Table:
    columns = (
        Column("Model"),
        Column("Point"),
        Column("Threshold", True),
        Column("Sensitivity", True),
        Column("Specificity", True),
        Column("PPV", True),
        Column("NPV", True),
    )
    rows = [
        (
            Cell(model if place == 0 else "", "strong" if model == run.best.model else ""),
            Cell(each.name),
            Cell(format_number(each.point.threshold, 3)),
            *(
                fraction_cell(share)
                for share in (
                    each.sensitivity,
                    each.specificity,
                    each.positive_predictive_value,
                    each.negative_predictive_value,
                )
            ),
        )
        for model, both in points.items()
        for place, each in enumerate(both)
    ]
    units = class_units(run, run.best.model, evaluated_on(run))
    share = percent(float(units.is_positive.mean())) if units.num_units else "–"
    note = (
        f"{INTERVALS} PPV and NPV, the positive and negative predictive values, hold where "
        f"{share} are positive, as here. A photograph is called positive from the threshold on. A "
        "test prediction is the mean of a base learner's copies and an out-of-fold one is a single "
        "copy's, so a threshold may not carry over in full."
    )
    where = "applied to the test set" if run.has_test else "and evaluated there"
    caption = f"Operating points chosen out of fold, {where}"
    return Table("operating_points", caption, columns, tuple(rows), partial(_frame, points), note)


def _drawing(
    run: Run, curves: tuple[RocFacts, ...], points: dict[str, tuple[OperatingFacts, ...]]
) -> Figure:
    shown = in_one_picture(curves)
    positive = class_units(run, run.best.model, "test").classes[-1]
    models = [ModelRoc(each, points[each.name]) for each in shown]
    paint = partial(draw_roc_models, positive, "test", models)
    caption = (
        "ROC curves on the test set with the operating points that were chosen out of fold. A mark "
        "off the target shows how far the choice carries over."
    )
    return Figure("roc_models_test", paint, caption, partial(curves_frame, shown, "test"))


def auc_table(key: str, aucs: dict[Partition, tuple[RocFacts, ...]]) -> Table:
    """AUCs with both intervals.

    Args:
        key: The table's anchor.
        aucs: By partition, of each model.
    """
    columns = (
        Column("Model"),
        Column("Positive", True),
        Column("Others", True),
        Column("AUC", True),
        Column("95 % interval", True, "resampled subjects"),
        Column("95 % interval", True, "DeLong, ignores subjects"),
    )
    rows = tuple(
        (
            Cell(each.name, "", WORDS[part]),
            Cell(str(each.num_positives)),
            Cell(str(each.num_negatives)),
            Cell(format_number(each.auc, 3)),
            Cell(interval(each.interval.low, each.interval.high, 3) or "–"),
            Cell(interval(*each.delong, 3) or "–"),
        )
        for part, found in aucs.items()
        for each in found
    )
    caption = "AUC with two intervals"
    note = (
        "DeLong's interval ignores subjects and is too narrow where one has several pictures; out "
        "of fold it is that of the pooled AUC. A "
        "dash: no interval, for instance where the scores separate the classes fully."
    )
    return Table(key, caption, columns, rows, partial(auc_frame, aucs), note)


def delong_sentence(many: str, found: Sequence[RocFacts]) -> str:
    """What the difference between the two intervals means, with how large it is here."""
    text = (
        f"DeLong's interval takes the {many} as independent of each other. Those of one person are "
        "not: they share skin or eyes, camera and physician. The interval over resampled subjects "
        "keeps them together and is the one to quote; DeLong's is the one that most papers print"
    )
    ratios = [
        (each.delong[1] - each.delong[0]) / (each.interval.high - each.interval.low)
        for each in found
        if each.interval.low is not None
        and each.interval.high is not None
        and each.interval.high > each.interval.low
        and each.delong[0] == each.delong[0]
    ]
    if not ratios:
        return f"{text}."
    return f"{text}. Out of fold it is {_range(ratios)} times as wide as that by subject."


def _range(ratios: list[float]) -> str:
    low, high = format_number(min(ratios)), format_number(max(ratios))
    return low if low == high else f"{low} to {high}"


def _frame(points: dict[str, tuple[OperatingFacts, ...]]) -> pd.DataFrame:
    return beside_each_other(frame_of(both, model=model) for model, both in points.items()).rename(
        columns={"name": "operating_point"}
    )


OPERATING = Exhibit("operating", "Operating points", operating_section, of="task")
