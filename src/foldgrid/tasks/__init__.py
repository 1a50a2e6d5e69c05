"""What is predicted: the scoring of a task and its loss. Knows neither networks nor pictures."""

from collections.abc import Callable
from typing import Any

from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.base import Task
from foldgrid.tasks.classes import BinaryTask, ClassificationTask, TreeTask
from foldgrid.tasks.pasi import PasiTask

TASKS: dict[str, Callable[[Any], Task]] = {
    "pasi": PasiTask,
    "classification": ClassificationTask,
    "binary": BinaryTask,
    "tree": TreeTask,
}
"""Every task by its name, made from its words; a further task adds itself here."""


def make_task(spec: TaskSpec) -> Task:
    """The task that ``spec`` names."""
    return TASKS[spec.name](spec)


__all__ = ["TASKS", "PasiTask", "Task", "make_task"]
