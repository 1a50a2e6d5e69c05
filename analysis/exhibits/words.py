"""What only the task can say in a report, a module a kind of truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from foldgrid.analysis.exhibits.classes.words import ClassReport
from foldgrid.analysis.exhibits.numbers.words import NumberReport
from foldgrid.analysis.exhibits.pasi.words import PasiReport
from foldgrid.analysis.exhibits.task_words import TaskReport
from foldgrid.analysis.run import Run
from foldgrid.tasks.scoring import Scoring

REPORTS: Mapping[str, Callable[[Scoring], TaskReport]] = MappingProxyType(
    {
        "pasi": lambda scoring: PasiReport(),
        "numbers": NumberReport,
        "classes": lambda scoring: ClassReport(),
    }
)
"""The words by the kind of report that a task has."""


def task_report(run: Run) -> TaskReport:
    """The words of the run's task."""
    return REPORTS[run.scoring.report](run.scoring)


__all__ = ["TaskReport", "task_report"]
