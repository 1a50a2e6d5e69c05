"""Against the paper: the published values beside ours, and what may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import pandas as pd

from foldgrid.analysis.drawing.blocks import Cell, Column, Section, Table, Text
from foldgrid.analysis.drawing.frames import frame_of
from foldgrid.analysis.drawing.numbers import format_number, interval
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.classes.by_class import fractions_of_model
from foldgrid.analysis.exhibits.classes.hierarchy import level_metrics
from foldgrid.analysis.exhibits.classes.operating import evaluated_on, points_of_models
from foldgrid.analysis.exhibits.classes.shared import WORDS, Partition, estimate_cell, partitions
from foldgrid.analysis.published.published import PublishedComparison, compare_with_published
from foldgrid.analysis.published.published_classes import (
    PublishedStudy,
    PublishedValue,
    find_published_classes,
)
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import Fraction
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.tasks.classification.hierarchical_scoring import HierarchicalScoring


def published_section(run: Run) -> Section:
    """The verdict, the rank correlations, both sides' values, and what was done otherwise."""
    config = next(iter(run.records.values())).config
    facts = compare_with_published(run.store, run.ranking, config)
    both = [row for row in facts.rows if row.paper_name and not row.left_out]
    if not any(row.kind == "base_learner" for row in both):
        reason = "none of this sweep's base learners is in the published tables."
        return Section(left_out=reason)
    blocks = (_metric_values(facts), _correlations(facts), _differences(facts))
    return Section(facts.verdict, blocks)


def _metric_values(facts: PublishedComparison) -> Table:
    columns = (
        Column("Model"),
        Column("Paper's", True, "place"),
        Column("Paper's", True, "test MAE"),
        Column("Our", True, "test MAE"),
        Column("Our", True, "OOF MAE"),
        Column("Paper's", True, "test CCC"),
        Column("Our", True, "test CCC"),
        Column("Our", True, "OOF CCC"),
    )
    rows = []
    for row in facts.rows:
        if not row.paper_name:
            continue
        named = row.paper_name if row.model in {"", row.paper_name} else f"our {row.model}"
        note = "" if named == row.paper_name else named
        rows.append(
            (
                Cell(row.paper_name, "muted" if row.left_out else "", note),
                Cell(str(row.published_rank or "–")),
                *(
                    Cell(format_number(side.get(metric), decimals))
                    for metric in ("mae", "ccc")
                    for side, decimals in (
                        (row.published, 3 if metric == "ccc" else 2),
                        (row.test, 2),
                        (row.oof, 2),
                    )
                ),
            )
        )
    note = f"Published: {facts.source}; 34 test visits of 6 subjects. A dash: not in this sweep."
    caption = "Published values beside this sweep's"
    return Table(
        "published_table", caption, columns, tuple(rows), lambda: frame_of(facts.rows), note
    )


def _correlations(facts: PublishedComparison) -> Table:
    columns = (
        Column("Our order by"),
        Column("Base learners", True),
        Column("Spearman", True),
        Column("p", True),
        Column("Kendall", True),
        Column("p", True),
    )
    rows = tuple(
        (
            Cell(f"{'OOF' if each.partition == 'oof' else 'test'} {each.metric.upper()}"),
            Cell(str(each.num_models)),
            Cell(format_number(each.spearman)),
            Cell(format_number(each.spearman_p, 3)),
            Cell(format_number(each.kendall)),
            Cell(format_number(each.kendall_p, 3)),
        )
        for each in facts.correlations
    )
    note = "Permutation p-values: do the orders agree more than two shuffled lists would?"
    caption = "How far our order of the base learners agrees with the published one"
    frame = partial(frame_of, facts.correlations)
    return Table("published_order", caption, columns, rows, frame, note)


def _differences(facts: PublishedComparison) -> Table:
    forbids = {"order": "order and sizes", "sizes": "sizes", "nothing": "–"}
    rows = tuple(
        (Cell(each.topic), Cell(each.ours), Cell(each.theirs), Cell(forbids[each.forbids]))
        for each in facts.differences
    )
    columns = (
        Column("What"),
        Column("This sweep"),
        Column("The paper"),
        Column("Forbids comparing"),
    )
    frame = partial(frame_of, facts.differences)
    return Table("published_differences", "What was done otherwise", columns, rows, frame)


UNKNOWN = Interval(reason="not computed")
TITLE = "Against the paper"
NO_STUDY = "this sweep repeats no published study"


@dataclass(frozen=True)
class Ours:
    """Our value of one kind.

    Attributes:
        value: None where this sweep has none.
        interval: 95 % over resampled subjects.
    """

    value: float | None
    interval: Interval


def beside_the_paper(
    run: Run,
) -> tuple[tuple[PublishedValue, Mapping[Partition, Ours]], ...]:
    """Each published value with ours by partition.

    Args:
        run: The opened run.

    Returns:
        Empty where the sweep repeats no study.
    """
    study = find_published_classes(run.name)
    if study is None:
        return ()
    return tuple(
        (each, {part: _ours(run, each, part) for part in partitions(run)})
        for each in study.metric_values
    )


def published_classes_section(run: Run) -> Section:
    """The values side by side, then the reasons not to compare their sizes."""
    study = find_published_classes(run.name)
    if study is None:
        return Section(left_out=f"{NO_STUDY}.")
    differences = study.differences
    if run.is_synthetic:
        differences = (
            "The photographs here are drawn by a program. Whether our values are above or below "
            "the paper's says nothing of either method.",
            *differences,
        )
    lead = (
        "The paper's values stand beside ours for orientation. Their sizes must not be compared; "
        "why is said below."
    )
    blocks = (
        _table(run, study),
        Text(differences, is_list=True, heading="What forbids comparing"),
    )
    return Section(lead, blocks)


def _ours(run: Run, wanted: PublishedValue, partition: Partition) -> Ours:
    model = run.best.model if wanted.ours == "best" else wanted.ours
    row = next((row for row in run.ranking.rows if row.model == model and not row.left_out), None)
    if row is None:
        return Ours(None, UNKNOWN)
    if wanted.level:
        return _at_level(run, wanted, partition)
    if wanted.point:
        return _at_point(run, wanted, model, partition)
    if wanted.of_class:
        return _of_class(run, wanted, model, partition)
    return Ours(row.value(partition, wanted.measure), row.interval(partition, wanted.measure))


def _at_level(run: Run, wanted: PublishedValue, partition: Partition) -> Ours:
    if not isinstance(run.scoring, HierarchicalScoring):
        return Ours(None, UNKNOWN)
    found = level_metrics(run).get((wanted.level, partition))
    if found is None:
        return Ours(None, UNKNOWN)
    return Ours(found[wanted.measure].value, found[wanted.measure].interval)


def _at_point(run: Run, wanted: PublishedValue, model: str, partition: Partition) -> Ours:
    if not run.scoring.is_binary or partition != evaluated_on(run):
        return Ours(None, UNKNOWN)
    points = {each.name: each for each in points_of_models(run)[model]}
    return _of_fraction(cast(Fraction, getattr(points[wanted.point], wanted.measure)))


def _of_class(run: Run, wanted: PublishedValue, model: str, partition: Partition) -> Ours:
    for each in fractions_of_model(run, model, partition):
        if each.name == wanted.of_class:
            return _of_fraction(cast(Fraction, getattr(each, wanted.measure)))
    return Ours(None, UNKNOWN)


def _of_fraction(share: Fraction) -> Ours:
    return Ours(share.value, share.interval)


def _table(run: Run, study: PublishedStudy) -> Table:
    parts = partitions(run)
    columns = (
        Column("Paper's model"),
        Column("Metric"),
        Column("Published", True),
        *(Column("Ours", True, WORDS[part]) for part in parts),
    )
    rows = []
    named = ""
    for wanted, ours in beside_the_paper(run):
        is_new = wanted.model != named
        name = Cell(wanted.model, "", _ours_name(run, wanted)) if is_new else Cell("")
        named = wanted.model
        published = Cell(
            format_number(wanted.published, 3),
            "",
            f"± {format_number(wanted.sd, 3)}"
            if wanted.sd
            else interval(wanted.low, wanted.high, 3),
        )
        title = run.scoring.metrics[wanted.measure].title
        detail = wanted.of_class or wanted.level or wanted.point
        cells = [estimate_cell(ours[part].value, ours[part].interval) for part in parts]
        rows.append((name, Cell(title, "", detail), published, *cells))
    note = (
        f"Published: {study.source}. Second lines: the paper's interval or ± standard deviation, "
        "our 95 % intervals over resampled subjects. A dash: not in this sweep."
    )
    caption = "Published values beside this sweep's"
    return Table("published_table", caption, columns, tuple(rows), partial(_frame, run), note)


def _ours_name(run: Run, wanted: PublishedValue) -> str:
    return f"ours: {run.best.model if wanted.ours == 'best' else wanted.ours}"


def _frame(run: Run) -> pd.DataFrame:
    """A row a published value, with ours by partition."""
    return frame_of({"published": wanted, **ours} for wanted, ours in beside_the_paper(run))


def _why_not(run: Run) -> str:
    return NO_STUDY if find_published_classes(run.name) is None else ""


PUBLISHED = Exhibit("published", TITLE, published_section, of="task")
PUBLISHED_CLASSES = Exhibit(
    "published_classes", TITLE, published_classes_section, "task", _why_not, "published"
)
