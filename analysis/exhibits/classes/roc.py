"""ROC curves: each class against the rest, and of a binary task every model in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Figure, Section, Text
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import count, format_number
from foldgrid.analysis.drawing.series import MOST_SERIES
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.roc_drawing import (
    ModelRoc,
    auc_words,
    draw_roc_models,
    draw_roc_panels,
)
from foldgrid.analysis.exhibits.classes.roc_facts import RocFacts, one_vs_rest, roc_facts
from foldgrid.analysis.exhibits.classes.shared import (
    WORDS,
    Partition,
    called,
    class_units,
    partitions,
    shown_learners,
)
from foldgrid.analysis.predictions.class_units import ClassUnits
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError

ENSEMBLE = "mean"
"""The meta-learner that averages the base learners."""

READING = (
    "Thick: all {many}, whichever fit predicted them. The AUC, with its 95 % interval over "
    "resampled subjects, compares {many} of one fold; the area under the thick curve is the pooled "
    "one. Thin: each fold, with the mean ± SD of their AUCs. Dotted: a score that knows nothing."
)


def roc_of_model(run: Run, model: str, partition: Partition = "oof") -> tuple[RocFacts, ...]:
    """One model's curves, each class against the rest; of a binary task the positive class's.

    Args:
        run: The opened run.
        model: Any evaluated model.
        partition: ``oof`` or ``test``; only out of fold there are folds.
    """
    units = class_units(run, model, partition)
    folds_U = units.folds_U if partition == "oof" else None
    if units.is_binary:
        found = _of_positive(units.classes[-1], units, has_folds=partition == "oof")
        return () if found is None else (found,)
    return one_vs_rest(
        units.classes, units.subjects_U, units.reference_U, units.probabilities_UK, folds_U
    )


def roc_of_models(run: Run, partition: Partition = "oof") -> tuple[RocFacts, ...]:
    """Of a binary task the curves of the best model, the base learners and their mean.

    Args:
        run: The opened run.
        partition: ``oof`` or ``test``.

    Returns:
        In the ranking's order, the best model first; no curves by fold.

    Raises:
        SweepError: The task is not binary.
    """
    if not run.scoring.is_binary:
        raise SweepError("curves of several models are of a binary task; see roc_of_model.")
    found = [
        _of_positive(model, class_units(run, model, partition), has_folds=False)
        for model in binary_models(run)
    ]
    return tuple(each for each in found if each is not None)


def binary_models(run: Run) -> tuple[str, ...]:
    """The best model, the base learners, and their mean where there is one."""
    wanted = {run.best.model, ENSEMBLE, *shown_learners(run)}
    rows = [row.model for row in run.ranking.rows if row.model in wanted and not row.left_out]
    return tuple(dict.fromkeys((run.best.model, *rows)))


def in_one_picture(found: tuple[RocFacts, ...]) -> tuple[RocFacts, ...]:
    """As many as can be distinguished: the first ones, and the ensemble among them."""
    if len(found) <= MOST_SERIES:
        return found
    kept = list(found[:MOST_SERIES])
    ensemble = [each for each in found if each.name == ENSEMBLE]
    return tuple(kept if ENSEMBLE in {each.name for each in kept} else kept[:-1] + ensemble)


def roc_section(run: Run) -> Section:
    """The best model's curves on both partitions, and of a binary task all models'."""
    best = run.best.model
    found = {part: roc_of_model(run, best, part) for part in partitions(run)}
    if not found["oof"]:
        return Section(left_out="no class has units and others beside it.")
    blocks: list[Block] = []
    if run.scoring.is_binary:
        blocks.append(_both_partitions(run, found))
        blocks.append(_all_models(run))
    else:
        blocks += [_panels(run, part, facts) for part, facts in found.items() if facts]
        words = tuple(f"{each.name}: {_words(each)}." for each in found["oof"])
        blocks.append(Text(words, is_list=True, heading="AUC out of fold"))
    lead = _lead(called(run, best), found["oof"])
    return Section(lead, tuple(blocks), further={"auc": partial(auc_frame, found)})


def _of_positive(name: str, units: ClassUnits, has_folds: bool) -> RocFacts | None:
    return roc_facts(
        name,
        units.subjects_U,
        units.is_positive,
        units.positive_score,
        units.folds_U,
        has_fold_curves=has_folds,
    )


def _lead(best: str, found: tuple[RocFacts, ...]) -> str:
    if len(found) == 1:
        return f"Out of fold, {best} tells {found[0].name} from the rest with {_words(found[0])}."
    high, low = (pick(found, key=lambda each: each.auc) for pick in (max, min))
    return (
        f"Out of fold, {best} tells {high.name} from the rest best, with {auc_words(high)}, and "
        f"{low.name} worst, with {auc_words(low)}."
    )


def _words(facts: RocFacts) -> str:
    text = auc_words(facts)
    if not facts.folds:
        return text
    sd = format_number(facts.fold_sd)
    spread = f" ± {sd}" if sd != "–" else ""
    over = count(len(facts.folds), "fold")
    mean = format_number(facts.fold_mean)
    return f"{text}; mean ± SD over {over} {mean}{spread}"


def _panels(run: Run, partition: Partition, facts: tuple[RocFacts, ...]) -> Figure:
    best = run.best.model
    if partition == "oof":
        reading = READING.format(many=run.scoring.unit_name.many)
    else:
        reading = "With its AUC and the 95 % interval over resampled subjects."
    caption = (
        f"ROC curves of {called(run, best)}, each class against the rest, {WORDS[partition]}. "
        f"{reading}"
    )
    paint = partial(draw_roc_panels, best, WORDS[partition], facts)
    return Figure(f"roc_{partition}", paint, caption, partial(curves_frame, facts, partition))


def _both_partitions(run: Run, found: dict[Partition, tuple[RocFacts, ...]]) -> Figure:
    best = run.best.model
    facts = [
        replace(each, name=f"{each.name}, {WORDS[part]}")
        for part, both in found.items()
        for each in both
    ]
    where = " and ".join(WORDS[part] for part in found)
    caption = (
        f"ROC curves of {called(run, best)}, the positive class against the other. "
        f"{READING.format(many=run.scoring.unit_name.many)}"
    )
    paint = partial(draw_roc_panels, best, where, facts)
    frames = [partial(curves_frame, both, part) for part, both in found.items()]
    return Figure("roc_oof", paint, caption, lambda: beside_each_other(each() for each in frames))


def _all_models(run: Run) -> Figure:
    found = roc_of_models(run, "oof")
    shown = in_one_picture(found)
    cut = (
        f" {len(shown)} of {counted(len(found), 'model')} are drawn."
        if len(shown) < len(found)
        else ""
    )
    caption = (
        "ROC curves of the best model, the base learners and their mean, out of fold, with AUC "
        f"and its 95 % interval over resampled subjects.{cut}"
    )
    positive = class_units(run, run.best.model, "oof").classes[-1]
    models = [ModelRoc(each) for each in shown]
    paint = partial(draw_roc_models, positive, WORDS["oof"], models)
    return Figure("roc_models", paint, caption, partial(curves_frame, shown, "oof"))


def curves_frame(found: Sequence[RocFacts], partition: Partition) -> pd.DataFrame:
    """The points of curves; ``fold`` is empty where they are over all units.

    Args:
        found: The curves.
        partition: What they are of.
    """
    curves = [
        (each.name, fold, curve)
        for each in found
        for fold, curve in ((None, each.curve), *((one.fold, one.curve) for one in each.folds))
    ]
    return beside_each_other(
        pd.DataFrame(
            {
                "partition": partition,
                "name": name,
                "fold": pd.Series(fold, range(len(curve.sensitivities_T)), "Int64"),
                "false_positive_rate": curve.false_positive_rates_T,
                "sensitivity": curve.sensitivities_T,
            }
        )
        for name, fold, curve in curves
    )


def auc_frame(found: Mapping[Partition, Sequence[RocFacts]]) -> pd.DataFrame:
    """A row a partition and curve: the area with both intervals, and its spread over the folds.

    Args:
        found: Curves by partition.
    """
    return frame_of(
        {
            "partition": part,
            "name": each.name,
            "num_positives": each.num_positives,
            "num_negatives": each.num_negatives,
            "auc": each.auc,
            "auc_interval": each.interval,
            "auc_pooled": each.pooled,
            "delong_low": each.delong[0],
            "delong_high": each.delong[1],
            "fold_mean": each.fold_mean,
            "fold_sd": each.fold_sd,
        }
        for part, curves in found.items()
        for each in curves
    )


ROC = Exhibit("roc", "ROC curves", roc_section, of="task")
