"""What only the task can say in a report, a module a kind of truth."""

from __future__ import annotations

from analysis.exhibits.classes.words import ClassReport
from analysis.exhibits.pasi.words import PasiReport
from analysis.exhibits.task_words import TaskReport
from analysis.run import Run


def task_report(run: Run) -> TaskReport:
    """The words of the run's task."""
    return ClassReport() if run.scoring.judges == "classes" else PasiReport()


__all__ = ["TaskReport", "task_report"]
