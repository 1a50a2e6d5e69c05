"""What was trained when: the phases of each base learner, their parameters and their time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from statistics import fmean

import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Section, Table
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import UNDEFINED, format_number
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.published.published_parameters import (
    ComparedCount,
    PublishedParameters,
    compare_parameters,
    find_published_parameters,
)
from foldgrid.analysis.run import Run
from foldgrid.specs.fits import FitRecord, PhaseRecord

COUNTED = {
    "total": "frozen + trained + statistics",
    "not_trained": "frozen + statistics",
    "trained": "trained",
}


def learner_phases(run: Run) -> dict[str, tuple[tuple[PhaseRecord, ...], ...]]:
    """The phases of every finished fit, by base learner in the ranking's order.

    Args:
        run: The opened run.

    Returns:
        Learners without a record of phases are left out.
    """
    order = [row.model for row in run.ranking.rows if row.kind == "base_learner"]
    found: dict[str, tuple[tuple[PhaseRecord, ...], ...]] = {}
    for name in order:
        phases = tuple(record.phases for record in _records(run, name) if record.phases)
        if phases:
            found[name] = phases
    return found


def phases_section(run: Run) -> Section:
    """A table of all phases, and the study's own numbers where there are some."""
    phases = learner_phases(run)
    blocks: list[Block] = [_table(phases)]
    study = _study(run, phases)
    if study is not None:
        blocks.append(_published(run, study, phases[study.backbone][0]))
    text = (
        "In a phase, some layers stand still and the others learn. Training time is the mean of a "
        "base learner's fits."
    )
    return Section(text, tuple(blocks))


def _records(run: Run, learner: str) -> list[FitRecord]:
    planned = [fit.fit_id for fit in run.plan if fit.backbone == learner]
    return [run.records[fit_id] for fit_id in planned if fit_id in run.records]


def _table(phases: dict[str, tuple[tuple[PhaseRecord, ...], ...]]) -> Table:
    columns = (
        Column("Base learner"),
        Column("Phase"),
        Column("Epochs", True),
        Column("Frozen", True, "parameters"),
        Column("Trained", True, "parameters"),
        Column("Running", True, "statistics"),
        Column("Training", True, "seconds a fit"),
    )
    rows = []
    for name, fits in phases.items():
        longest = max(fits, key=len)
        for place, phase in enumerate(longest):
            same = [each[place] for each in fits if len(each) > place]
            epochs = sorted({(each.first_epoch, each.last_epoch) for each in same})
            first, last = epochs[0][0], max(end for _, end in epochs)
            rows.append(
                (
                    Cell(name if place == 0 else ""),
                    Cell(phase.name or "all"),
                    Cell(f"{first}–{last}" if last > first else str(first)),
                    Cell(format_number(phase.frozen_parameters, 0)),
                    Cell(format_number(phase.trained_parameters, 0)),
                    Cell(format_number(phase.running_statistics, 0)),
                    Cell(format_number(fmean(each.seconds for each in same), 1)),
                )
            )
    note = (
        "Running statistics: means and variances of batch normalisation. They are measured, not "
        "trained, and stand still where their layer does; other programs count them among the "
        "frozen."
    )
    return Table(
        "phases_table", "What was trained when", columns, tuple(rows), partial(_frame, phases), note
    )


def _frame(phases: dict[str, tuple[tuple[PhaseRecord, ...], ...]]) -> pd.DataFrame:
    """A row a base learner, fit and phase."""
    return beside_each_other(
        frame_of(of_fit, model=name, fit=place)
        for name, fits in phases.items()
        for place, of_fit in enumerate(fits, start=1)
    )


def _study(
    run: Run, phases: dict[str, tuple[tuple[PhaseRecord, ...], ...]]
) -> PublishedParameters | None:
    found = (find_published_parameters(run.name, name) for name in phases)
    return next((study for study in found if study is not None), None)


def _published(run: Run, study: PublishedParameters, phases: Sequence[PhaseRecord]) -> Table:
    columns = (
        Column("Published", True),
        Column("Said to be"),
        Column("What it counts"),
        Column("Ours", True, "the same count"),
        Column("How it comes about"),
    )
    num_classes = len(getattr(run.scoring, "classes", ()))
    found = compare_parameters(study, num_classes, phases)
    rows = tuple(_row(each) for each in found)
    caption = f"Parameters of {study.backbone} as published, and ours"
    note = f"Source: {study.source}."
    return Table("published_parameters", caption, columns, rows, lambda: frame_of(found), note)


def _row(each: ComparedCount) -> tuple[Cell, ...]:
    return (
        Cell(format_number(each.count.published, 0)),
        Cell(f"{each.count.said_to_be}, phase {each.count.phase}"),
        Cell(COUNTED[each.count.counted]),
        Cell(UNDEFINED if each.ours is None else format_number(each.ours, 0)),
        Cell(each.count.explanation),
    )


def _why_not(run: Run) -> str:
    has_phases = any(len(each) > 1 for fits in learner_phases(run).values() for each in fits)
    return "" if has_phases else "no fit was trained in more than one phase"


PHASES = Exhibit("phases", "Phases of training", phases_section, needs=_why_not)
