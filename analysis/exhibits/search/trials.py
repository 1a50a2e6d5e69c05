"""Every trial as a table."""

from __future__ import annotations

from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Cell, Column, Section, Table, Tone
from foldgrid.analysis.drawing.numbers import figure, interval
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.analysis.search.summary import describe_value
from foldgrid.metrics import METRICS
from foldgrid.specs.trials import TrialRecord

WORDS = {"complete": "complete", "stopped": "given up", "diverged": "diverged"}


def trials_section(study: StudyFacts) -> Section:
    """The trials, the best first; those that were given up and diverged last."""
    evidence = study.evidence
    columns = (
        Column("Trial"),
        *(Column(METRICS[name].title, True, "95 %") for name in evidence.objectives),
        Column("Epochs", True),
        *(Column(name, True) for name in evidence.plan.space.parameters),
    )
    ordered = sorted(
        evidence.trials,
        key=lambda trial: (
            ("complete", "stopped", "diverged").index(trial.status),
            evidence.metric.sort_key(evidence.score(trial)),
            trial.number,
        ),
    )
    caption = f"Trials by out-of-fold {evidence.metric.title}"
    note = (
        "Second lines: 95 % intervals over resampled subjects, of trials that trained to their "
        "end. The score of a trial that was given up is that of its last epoch and is not to be "
        "compared with the others."
    )
    rows = tuple(_row(study, trial) for trial in ordered)
    table = Table(study.key("trials"), caption, columns, rows, partial(_frame, study), note)
    return Section(blocks=(table,))


def _row(study: StudyFacts, trial: TrialRecord) -> tuple[Cell, ...]:
    evidence = study.evidence
    is_best = any(trial is each for each in evidence.best)
    tone: Tone = "strong" if is_best else "" if trial.status == "complete" else "muted"
    name = "own recipe" if trial.number == 0 else f"trial {trial.number}"
    said = WORDS[trial.status] + (", best" if is_best else "")
    figures = []
    for objective in evidence.objectives:
        ends = study.certainty.intervals.get(objective, {}).get(trial.number)
        digits = evidence.decimals(objective)
        sure = interval(ends.low, ends.high, digits) if ends else ""
        figures.append(Cell(figure(trial.oof.get(objective), digits), tone, sure))
    return (
        Cell(name, tone, said),
        *figures,
        Cell(str(trial.num_epochs), tone if tone == "muted" else ""),
        *(
            Cell(describe_value(evidence.value(trial, name)), tone if tone == "muted" else "")
            for name in evidence.plan.space.parameters
        ),
    )


def _frame(study: StudyFacts) -> pd.DataFrame:
    """The trials, each objective with its 95 % interval where it has one."""
    table = study.trials
    for objective in study.evidence.objectives:
        ends = study.certainty.intervals.get(objective, {})
        for end in ("low", "high"):
            known = {number: getattr(each, end) for number, each in ends.items()}
            table = table.assign(**{f"{objective}_{end}": table["trial"].map(known)})
    return table


TRIALS = study_exhibit("trials", "Every trial", trials_section, anchor="every_trial")
