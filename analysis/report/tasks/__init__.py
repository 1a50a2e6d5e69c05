"""What only the task can say in a report, a module a kind of truth."""

from __future__ import annotations

from analysis.report.run_facts import RunFacts
from analysis.report.tasks.base import TaskReport
from analysis.report.tasks.classes import ClassReport
from analysis.report.tasks.pasi import PasiReport


def task_report(run: RunFacts) -> TaskReport:
    """The words of the run's task."""
    return ClassReport() if run.scoring.judges == "classes" else PasiReport()


__all__ = ["TaskReport", "task_report"]
