"""Every task's scoring by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.scoring import BinaryScoring, ClassScoring
from foldgrid.tasks.classification.tree_scoring import TreeScoring
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.scoring import Scoring

if TYPE_CHECKING:
    import pandas as pd

SCORINGS: dict[str, Callable[[Any], Scoring]] = {
    "pasi": PasiScoring,
    "classification": ClassScoring,
    "binary": BinaryScoring,
    "tree": TreeScoring,
}
"""What makes a task's scoring from its words; a further task adds itself here."""


def make_scoring(spec: TaskSpec) -> Scoring:
    """The scoring of the task that ``spec`` names."""
    return SCORINGS[spec.name](spec)


def resolve_task(spec: TaskSpec, samples: pd.DataFrame) -> TaskSpec:
    """The task's words with what only the data can tell, such as its classes.

    Args:
        spec: As the sweep says it; resolved ones come back as they are.
        samples: All samples, with their ``partition``.

    Raises:
        InputError: The data do not have what the task asks for.
    """
    resolve = getattr(SCORINGS[spec.name], "resolved", None)
    resolved: TaskSpec = spec if resolve is None else resolve(spec, samples)
    return resolved
