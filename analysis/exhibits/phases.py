"""What was trained when: the phases of each base learner, their parameters and their time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from analysis.drawing.blocks import Block, Cell, Column, Section, Table
from analysis.drawing.numbers import UNDEFINED, figure
from analysis.published.published_parameters import (
    ComparedCount,
    PublishedParameters,
    compare_parameters,
    find_published_parameters,
)
from analysis.run import RunFacts
from foldgrid.specs.fits import FitRecord, PhaseRecord

TITLE = "Phases of training"
CALL = "from analysis.exhibits.phases import learner_phases\nlearner_phases(run)"
COUNTED = {
    "total": "frozen + trained + statistics",
    "not_trained": "frozen + statistics",
    "trained": "trained",
}


def learner_phases(run: RunFacts) -> dict[str, tuple[tuple[PhaseRecord, ...], ...]]:
    """The phases of every finished fit, by base learner in the ranking's order.

    Args:
        run: The run folder's facts.

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


def has_phases(run: RunFacts) -> bool:
    """Whether any fit was trained in more than one phase."""
    return any(len(each) > 1 for fits in learner_phases(run).values() for each in fits)


def phases_section(run: RunFacts) -> Section:
    """A table of all phases, and the study's own figures where there are some."""
    phases = learner_phases(run)
    blocks: list[Block] = [_table(phases)]
    study = _study(run, phases)
    if study is not None:
        blocks.append(_published(run, study, phases[study.backbone][0]))
    text = (
        "In a phase, some layers stand still and the others learn. Training time is the mean of a "
        "base learner's fits."
    )
    return Section("phases", TITLE, text, tuple(blocks))


def _records(run: RunFacts, learner: str) -> list[FitRecord]:
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
                    Cell(figure(phase.frozen_parameters, 0)),
                    Cell(figure(phase.trained_parameters, 0)),
                    Cell(figure(phase.running_statistics, 0)),
                    Cell(figure(fmean(each.seconds for each in same), 1)),
                )
            )
    note = (
        "Running statistics: means and variances of batch normalisation. They are measured, not "
        "trained, and stand still where their layer does; other programs count them among the "
        "frozen."
    )
    return Table("phases_table", "What was trained when", columns, tuple(rows), CALL, note)


def _study(
    run: RunFacts, phases: dict[str, tuple[tuple[PhaseRecord, ...], ...]]
) -> PublishedParameters | None:
    found = (find_published_parameters(run.name, name) for name in phases)
    return next((study for study in found if study is not None), None)


def _published(run: RunFacts, study: PublishedParameters, phases: Sequence[PhaseRecord]) -> Table:
    columns = (
        Column("Published", True),
        Column("Said to be"),
        Column("What it counts"),
        Column("Ours", True, "the same count"),
        Column("How it comes about"),
    )
    num_classes = len(getattr(run.scoring, "classes", ()))
    rows = tuple(_row(each) for each in compare_parameters(study, num_classes, phases))
    caption = f"Parameters of {study.backbone} as published, and ours"
    note = f"Source: {study.source}."
    return Table("published_parameters", caption, columns, rows, CALL, note)


def _row(each: ComparedCount) -> tuple[Cell, ...]:
    return (
        Cell(figure(each.figure.published, 0)),
        Cell(f"{each.figure.said_to_be}, phase {each.figure.phase}"),
        Cell(COUNTED[each.figure.counted]),
        Cell(UNDEFINED if each.ours is None else figure(each.ours, 0)),
        Cell(each.figure.explanation),
    )
