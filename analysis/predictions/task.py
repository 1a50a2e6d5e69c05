"""Which task a run folder is about, before any fit of it is read."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.task import UNKNOWN_TASK, AnyTask, TaskSpec, default_task
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring

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
        return _TASK.validate_python(words) if words else default_task()
    except ValidationError as error:
        first = error.errors()[0]
        mend = f"Launch the sweep again, it writes the file anew: {store.relaunch_command()}"
        if first["type"] == UNKNOWN_TASK:
            mend = "Install the package that brings the task; see docs/how-to/tasks.md."
        where = f"{store.location}/sweep.yaml"
        raise SweepError(f"{where}: its task cannot be read: {first['msg']}\n{mend}") from error


def scoring_of_run(store: RunStore) -> Scoring:
    """The scoring of ``task_of_run``.

    Raises:
        SweepError: As ``task_of_run``.
    """
    return make_scoring(task_of_run(store))
