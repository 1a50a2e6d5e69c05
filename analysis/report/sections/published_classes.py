"""A study's published figures beside this sweep's, and what must not be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from analysis.classes.shares import Share
from analysis.context.published_classes import (
    PublishedFigure,
    PublishedStudy,
    find_published_classes,
)
from analysis.report.blocks import Cell, Column, Section, Table, Text
from analysis.report.class_facts import WORDS, Partition, estimate_cell, partitions
from analysis.report.numbers import figure, interval
from analysis.report.run_facts import RunFacts
from analysis.report.sections.classes import shares_of_model
from analysis.report.sections.operating import judged_on, points_of_models
from analysis.report.sections.tree import level_figures
from analysis.statistics.facts import Interval
from foldgrid.scoring.tree_scoring import TreeScoring

TITLE = "Against the paper"
CALL = (
    "from analysis.report.sections.published_classes import beside_the_paper\nbeside_the_paper(run)"
)
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
        name = Cell("" if wanted.model == named else wanted.model, "", _ours_name(run, wanted))
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
    return Table("published_table", caption, columns, tuple(rows), CALL, note)


def _ours_name(run: RunFacts, wanted: PublishedFigure) -> str:
    return f"ours: {run.best.model if wanted.ours == 'best' else wanted.ours}"
