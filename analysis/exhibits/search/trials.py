"""Every trial as a table."""

from __future__ import annotations

from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Cell, Column, Section, Table, Tone
from foldgrid.analysis.drawing.numbers import format_number, interval
from foldgrid.analysis.exhibits.search.of_study import study_exhibit
from foldgrid.analysis.search.run import StudyFacts
from foldgrid.analysis.search.summary import describe_value
from foldgrid.metrics import METRICS
from foldgrid.specs.trials import TrialRecord

WORDS = {"complete": "complete", "stopped": "stopped early", "diverged": "diverged"}


def trials_section(study: StudyFacts) -> Section:
    """The trials, the best first; those that were stopped and diverged last."""
    results = study.results
    columns = (
        Column("Trial"),
        *(Column(METRICS[name].title, True, "95 %") for name in results.objectives),
        Column("Epochs", True),
        *(Column(name, True) for name in results.plan.space.parameters),
    )
    ordered = sorted(
        results.trials,
        key=lambda trial: (
            ("complete", "stopped", "diverged").index(trial.status),
            results.metric.sort_key(results.score(trial)),
            trial.number,
        ),
    )
    caption = f"Trials by out-of-fold {results.metric.title}"
    note = (
        "Second lines: 95 % intervals over resampled subjects, of trials that trained to their "
        "end. The score of a trial that was stopped early is that of its last epoch and is not to "
        "be compared with the others."
    )
    rows = tuple(_row(study, trial) for trial in ordered)
    table = Table(study.key("trials"), caption, columns, rows, partial(_frame, study), note)
    return Section(blocks=(table,))


def _row(study: StudyFacts, trial: TrialRecord) -> tuple[Cell, ...]:
    results = study.results
    is_best = any(trial is each for each in results.best)
    tone: Tone = "strong" if is_best else "" if trial.status == "complete" else "muted"
    name = "default configuration" if trial.number == 0 else f"trial {trial.number}"
    said = WORDS[trial.status] + (", best" if is_best else "")
    metric_values = []
    for objective in results.objectives:
        ends = study.certainty.intervals.get(objective, {}).get(trial.number)
        digits = results.decimals(objective)
        sure = interval(ends.low, ends.high, digits) if ends else ""
        metric_values.append(Cell(format_number(trial.oof.get(objective), digits), tone, sure))
    return (
        Cell(name, tone, said),
        *metric_values,
        Cell(str(trial.num_epochs), tone if tone == "muted" else ""),
        *(
            Cell(describe_value(results.value(trial, name)), tone if tone == "muted" else "")
            for name in results.plan.space.parameters
        ),
    )


def _frame(study: StudyFacts) -> pd.DataFrame:
    """The trials, each objective with its 95 % interval where it has one."""
    table = study.trials
    for objective in study.results.objectives:
        ends = study.certainty.intervals.get(objective, {})
        for end in ("low", "high"):
            known = {number: getattr(each, end) for number, each in ends.items()}
            table = table.assign(**{f"{objective}_{end}": table["trial"].map(known)})
    return table


TRIALS = study_exhibit("trials", "Every trial", trials_section, anchor="every_trial")
