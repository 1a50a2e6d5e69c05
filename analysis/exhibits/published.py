"""Against the paper: the published figures beside ours, and what may be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from analysis.drawing.blocks import Cell, Column, Section, Table, Text
from analysis.drawing.numbers import figure, interval
from analysis.exhibits.classes.by_class import shares_of_model
from analysis.exhibits.classes.operating import judged_on, points_of_models
from analysis.exhibits.classes.shared import WORDS, Partition, estimate_cell, partitions
from analysis.exhibits.classes.tree import level_figures
from analysis.published.published import PublishedComparison, compare_with_published
from analysis.published.published_classes import (
    PublishedFigure,
    PublishedStudy,
    find_published_classes,
)
from analysis.run import RunFacts
from analysis.statistics.estimates import Share
from analysis.statistics.facts import Interval
from foldgrid.tasks.classification.tree_scoring import TreeScoring

CALL = (
    "from analysis.published.published import compare_with_published\n"
    "compare_with_published(run.store, run.ranking)"
)
TITLE = "Against the paper"


def published_section(run: RunFacts) -> Section:
    """The verdict, the rank correlations, both sides' figures, and what was done otherwise."""
    facts = compare_with_published(run.store, run.ranking)
    both = [row for row in facts.rows if row.paper_name and not row.left_out]
    if not any(row.kind == "base_learner" for row in both):
        reason = "none of this sweep's base learners is in the published tables."
        return Section("published", TITLE, left_out=reason)
    blocks = (_figures(facts), _correlations(facts), _differences(facts))
    return Section("published", TITLE, facts.verdict, blocks)


def _figures(facts: PublishedComparison) -> Table:
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
                    Cell(figure(side.get(metric), decimals))
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
    caption = "Published figures beside this sweep's"
    return Table("published_table", caption, columns, tuple(rows), CALL, note)


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
            Cell(figure(each.spearman)),
            Cell(figure(each.spearman_p, 3)),
            Cell(figure(each.kendall)),
            Cell(figure(each.kendall_p, 3)),
        )
        for each in facts.correlations
    )
    note = "Permutation p-values: do the orders agree more than two shuffled lists would?"
    caption = "How far our order of the base learners agrees with the published one"
    return Table("published_order", caption, columns, rows, CALL, note)


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
    return Table("published_differences", "What was done otherwise", columns, rows, CALL)


CALL_OF_CLASSES = "from analysis.exhibits.published import beside_the_paper\nbeside_the_paper(run)"
UNKNOWN = Interval(reason="not computed")


@dataclass(frozen=True)
class Ours:
    """Our figure of one kind.

    Attributes:
        value: None where this sweep has none.
        interval: 95 % over resampled subjects.
    """

    value: float | None
    interval: Interval


def beside_the_paper(
    run: RunFacts,
) -> tuple[tuple[PublishedFigure, Mapping[Partition, Ours]], ...]:
    """Each published figure with ours by partition.

    Args:
        run: The run folder's facts.

    Returns:
        Empty where the sweep repeats no study.
    """
    study = find_published_classes(run.name)
    if study is None:
        return ()
    return tuple(
        (each, {part: _ours(run, each, part) for part in partitions(run)}) for each in study.figures
    )


def published_classes_section(run: RunFacts) -> Section:
    """The figures side by side, then the reasons not to compare their sizes."""
    study = find_published_classes(run.name)
    if study is None:
        return Section("published", TITLE, left_out="this sweep repeats no published study.")
    differences = study.differences
    if run.is_synthetic:
        differences = (
            "The photographs here are drawn by a program. Whether our figures are above or below "
            "the paper's says nothing of either method.",
            *differences,
        )
    lead = (
        "The paper's figures stand beside ours for orientation. Their sizes must not be compared; "
        "why is said below."
    )
    blocks = (
        _table(run, study),
        Text(differences, is_list=True, heading="What forbids comparing"),
    )
    return Section("published", TITLE, lead, blocks)


def repeats_a_study(run: RunFacts) -> bool:
    """Whether there are published figures for a sweep of this name."""
    return find_published_classes(run.name) is not None


def _ours(run: RunFacts, wanted: PublishedFigure, partition: Partition) -> Ours:
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
    return Ours(row.figure(partition, wanted.measure), row.interval(partition, wanted.measure))


def _at_level(run: RunFacts, wanted: PublishedFigure, partition: Partition) -> Ours:
    if not isinstance(run.scoring, TreeScoring):
        return Ours(None, UNKNOWN)
    found = level_figures(run).get((wanted.level, partition))
    if found is None:
        return Ours(None, UNKNOWN)
    return Ours(found[wanted.measure].value, found[wanted.measure].interval)


def _at_point(run: RunFacts, wanted: PublishedFigure, model: str, partition: Partition) -> Ours:
    if not run.scoring.is_binary or partition != judged_on(run):
        return Ours(None, UNKNOWN)
    points = {each.name: each for each in points_of_models(run)[model]}
    return _of_share(cast(Share, getattr(points[wanted.point], wanted.measure)))


def _of_class(run: RunFacts, wanted: PublishedFigure, model: str, partition: Partition) -> Ours:
    for each in shares_of_model(run, model, partition):
        if each.name == wanted.of_class:
            return _of_share(cast(Share, getattr(each, wanted.measure)))
    return Ours(None, UNKNOWN)


def _of_share(share: Share) -> Ours:
    return Ours(share.value, share.interval)


def _table(run: RunFacts, study: PublishedStudy) -> Table:
    parts = partitions(run)
    columns = (
        Column("Paper's model"),
        Column("Figure"),
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
            figure(wanted.published, 3),
            "",
            f"± {figure(wanted.sd, 3)}" if wanted.sd else interval(wanted.low, wanted.high, 3),
        )
        title = run.scoring.metrics[wanted.measure].title
        detail = wanted.of_class or wanted.level or wanted.point
        cells = [estimate_cell(ours[part].value, ours[part].interval) for part in parts]
        rows.append((name, Cell(title, "", detail), published, *cells))
    note = (
        f"Published: {study.source}. Second lines: the paper's interval or ± standard deviation, "
        "our 95 % intervals over resampled subjects. A dash: not in this sweep."
    )
    caption = "Published figures beside this sweep's"
    return Table("published_table", caption, columns, tuple(rows), CALL_OF_CLASSES, note)


def _ours_name(run: RunFacts, wanted: PublishedFigure) -> str:
    return f"ours: {run.best.model if wanted.ours == 'best' else wanted.ours}"
