"""From a task's words to the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foldgrid.specs.task import TASKS, TaskSpec
from foldgrid.tasks.scoring import Scoring

if TYPE_CHECKING:
    import pandas as pd


def make_scoring(spec: TaskSpec) -> Scoring:
    """The task that ``spec`` names."""
    scoring: Scoring = TASKS[spec.name].scoring(spec)
    return scoring


def resolve_task(spec: TaskSpec, samples: pd.DataFrame) -> TaskSpec:
    """The task's words with what only the data can tell; see ``Scoring.resolved``."""
    words: TaskSpec = TASKS[spec.name].scoring.resolved(spec, samples)
    return words
