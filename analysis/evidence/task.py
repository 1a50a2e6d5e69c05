"""Which task a run folder is about, before any fit of it is read."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from foldgrid.records import RunStore
from foldgrid.scoring.scoring import Scoring
from foldgrid.scoring.scorings import make_scoring
from foldgrid.specs.errors import SweepError
from foldgrid.specs.task import AnyTask, PasiSpec, TaskSpec

_TASK: TypeAdapter[TaskSpec] = TypeAdapter(AnyTask)


def task_of_run(store: RunStore) -> TaskSpec:
    """The task of ``sweep.yaml``, with what the launch found in the data.

    Raises:
        SweepError: The file's task is none that this version knows.
    """
    try:
        words = store.read_sweep().get("task") or {}
    except FileNotFoundError:
        words = {}
    try:
        return _TASK.validate_python(words) if words else PasiSpec()
    except (ValidationError, ValueError) as error:
        raise SweepError(
            f"{store.location}/sweep.yaml: its task cannot be read ({error}).\n"
            f"Launch the sweep again, it writes the file anew: {store.relaunch_command()}"
        ) from error


def scoring_of_run(store: RunStore) -> Scoring:
    """The scoring of ``task_of_run``.

    Raises:
        SweepError: As ``task_of_run``.
    """
    return make_scoring(task_of_run(store))
