"""Every task's loss by its name; the one module here that loads torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.base import Task
from foldgrid.tasks.classification.loss import BinaryTask, ClassificationTask, TreeTask
from foldgrid.tasks.pasi.loss import PasiTask

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
