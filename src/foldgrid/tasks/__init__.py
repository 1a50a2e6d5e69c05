"""What is predicted: targets, loss, decoding to scores. Knows neither networks nor pictures."""

from foldgrid.specs.sweep import TaskSpec
from foldgrid.tasks.base import Task
from foldgrid.tasks.pasi import PasiTask


def make_task(spec: TaskSpec) -> Task:
    """The task that ``spec`` names."""
    return PasiTask(spec)


__all__ = ["PasiTask", "Task", "make_task"]
