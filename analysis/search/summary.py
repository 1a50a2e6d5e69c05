"""What a search found, in a few values: for ``best.yaml`` and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from foldgrid.analysis.search.certainty import StudyCertainty, assess_study, better_by
from foldgrid.analysis.search.course import EpochsSaved, epochs_saved
from foldgrid.analysis.search.results import StudyResults, read_studies
from foldgrid.analysis.statistics.facts import Interval
from foldgrid.metrics import METRICS
from foldgrid.records import RunStore
from foldgrid.specs.counted import counted
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.trials import TrialCertainty, TrialRecord


@dataclass(frozen=True)
class StudySummary:
    """What one study came to.

    Attributes:
        study: Its trials.
        certainty: How sure their scores are.
        saved: Its epochs.
        best: By number of the best trials, how sure their scores are, as ``best.yaml`` has it.
    """

    study: StudyResults
    certainty: StudyCertainty
    saved: EpochsSaved
    best: dict[int, TrialCertainty]


def summarize_search(store: RunStore) -> tuple[StudySummary, ...]:
    """What the studies of a search came to so far.

    Raises:
        SweepError: Nothing was searched in this run folder.
    """
    return tuple(map(summarize_study, read_studies(store)))


def summarize_study(study: StudyResults) -> StudySummary:
    """What one study came to so far."""
    certainty = assess_study(study)
    best = {trial.number: best_certainty(study, certainty, trial) for trial in study.best}
    return StudySummary(study, certainty, epochs_saved(study), best)


def best_certainty(
    study: StudyResults, certainty: StudyCertainty, trial: TrialRecord
) -> TrialCertainty:
    """How sure the score of one complete trial is, in every objective, where it is known.

    The corrected score is that of choosing by an objective, so only the trial that is the best in
    it has one.
    """
    own = study.own
    gains = {
        name: better_by(found[trial.number])
        for name, found in certainty.worse_than_default.items()
        if trial.number in found
    }
    if own is not None and own.number == trial.number:
        gains = {}
    return TrialCertainty(
        interval={
            name: ends
            for name, found in certainty.intervals.items()
            if (ends := _ends(found.get(trial.number))) is not None
        },
        corrected={
            name: selection.corrected
            for name, selection in certainty.selections.items()
            if selection.corrected is not None and selection.winner == str(trial.number)
        },
        default_configuration={
            name: own.oof[name]
            for name in study.objectives
            if own is not None and math.isfinite(own.oof.get(name, math.nan))
        },
        better_by={name: value for name, (value, _, _) in gains.items()},
        better_by_interval={
            name: (low, high)
            for name, (_, low, high) in gains.items()
            if low is not None and high is not None
        },
    )


def _ends(interval: Interval | None) -> tuple[float, float] | None:
    if interval is None or interval.low is None or interval.high is None:
        return None
    return interval.low, interval.high


def describe_value(value: Value) -> str:
    """A value to three significant digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def print_summary(summary: StudySummary, console: Console) -> None:
    """The best trials of a study with what their scores are worth, a few lines each."""
    for trial in summary.study.best:
        console.print()
        for line in _lines(summary, trial):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if not summary.study.best:
        console.print(f"\n{summary.study.label}: no trial has trained to its end yet.")


def _lines(summary: StudySummary, trial: TrialRecord) -> list[str]:
    study, num_trials = summary.study, len(summary.study.trials)
    which = "the sweep's default configuration" if trial.number == 0 else f"trial {trial.number}"
    lines = [
        f"best      {which} of {counted(num_trials, 'trial')}: {trial.backbone}",
        *_wrapped([f"{name} {describe_value(value)}" for name, value in trial.values.items()]),
    ]
    for name in study.objectives:
        lines += ["", *_metric_values(summary, trial, name)]
    saved = summary.saved
    if saved.num_stopped and trial is study.best[0]:
        words = (
            f"{saved.num_saved} of {counted(saved.num_planned, 'epoch')} "
            f"({100 * saved.fraction:.0f} %)"
        )
        lines += [
            _line(
                "saved by stopping",
                "",
                f"{words}, {counted(saved.num_stopped, 'trial')} stopped early",
            )
        ]
    return lines


def _metric_values(summary: StudySummary, trial: TrialRecord, name: str) -> list[str]:
    """An objective's values: as found, corrected, and beside the sweep's default configuration."""
    found, digits = summary.best[trial.number], summary.study.decimals(name)

    def shown(value: float) -> str:
        return f"{value:.{digits}f}"

    def between(ends: tuple[float, float]) -> str:
        return f"{shown(ends[0])} to {shown(ends[1])}"

    certainty = summary.certainty
    unit_name = summary.study.scoring.unit_name
    extent = (
        f"{unit_name.count(certainty.num_visits)} of {counted(certainty.num_subjects, 'subject')}"
    )
    ends = f"95 % {between(found.interval[name])}, " if name in found.interval else ""
    lines = [_line(f"out-of-fold {METRICS[name].title}", shown(trial.oof[name]), ends + extent)]
    num_complete = len(summary.study.complete)
    if name in found.corrected and num_complete > 1:
        words = f"for having been chosen among {num_complete} complete trials"
        lines.append(_line("corrected", shown(found.corrected[name]), words))
    if name in found.default_configuration and trial.number != 0:
        lines.append(
            _line(
                "default configuration",
                shown(found.default_configuration[name]),
                _gain(found, name, shown),
            )
        )
    return lines


def _gain(found: TrialCertainty, name: str, shown: Callable[[float], str]) -> str:
    if name not in found.better_by:
        return ""
    value = found.better_by[name]
    text = f"the best is {'better' if value >= 0 else 'worse'} by {shown(abs(value))}"
    if name not in found.better_by_interval:
        return text
    low, high = found.better_by_interval[name]
    clear = "" if low > 0 or high < 0 else ": not clearly different"
    return f"{text} (95 % {shown(low)} to {shown(high)}){clear}"


def _line(name: str, value: str, words: str) -> str:
    return f"          {name:<18}{value:>7}   {words}".rstrip()


def _wrapped(words: list[str], width: int = 68) -> list[str]:
    lines, current = [], ""
    for word in words:
        joined = f"{current}, {word}" if current else word
        if current and len(joined) > width:
            lines.append(f"          {current},")
            joined = word
        current = joined
    return [*lines, f"          {current}"] if current else lines
