"""What executors run: tasks that become jobs, trained an epoch at a time.

The grid's fits and the search's trials are two kinds of work; executors know neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from pydantic import BaseModel

from foldgrid.execution.events import Listener
from foldgrid.execution.fit_task import FitTask
from foldgrid.execution.memory import lighter_fit, with_known_size
from foldgrid.records import LogFile, RunStore
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.training import TrainingData

if TYPE_CHECKING:
    from foldgrid.training import Fit

Task = TypeVar("Task")
Epoch = TypeVar("Epoch", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)
Given = TypeVar("Given", contravariant=True)
Trained = TypeVar("Trained", bound=BaseModel, covariant=True)
Concluded = TypeVar("Concluded", bound=BaseModel, covariant=True)
Judged = TypeVar("Judged", contravariant=True)
Heard = TypeVar("Heard", contravariant=True)


class Job(Protocol[Trained, Concluded]):
    """A task under way, in the process that trains it."""

    @property
    def is_over(self) -> bool:
        """Whether ``conclude`` is next."""
        ...

    def run_epoch(self) -> Trained:
        """Trains an epoch."""
        ...

    def conclude(self) -> Concluded:
        """Ends the job; returns its record."""
        ...


class Work(Protocol[Given, Epoch, Result]):
    """What a worker must know to train tasks of one kind; travels to workers, with the data.

    Attributes:
        epoch_type: What an epoch reports.
        record_type: What a job comes to.
    """

    epoch_type: type[Epoch]
    record_type: type[Result]

    def finished(self, task: Given) -> Result | None:
        """The record of a task that is complete already, or nothing.

        A worker can die between completing a task and saying so.
        """
        ...

    def open(self, task: Given, state: bytes | None = None) -> Job[Epoch, Result]:
        """The job of ``task``, at its start or where an earlier worker left it.

        Args:
            task: What to train.
            state: From ``state``: where to go on instead.
        """
        ...

    def state(self, job: Any) -> bytes:
        """A job as it stands, to be opened elsewhere."""
        ...

    def recall(self, task: Given) -> Any:
        """The task as heavy as the memory is known to hold; see ``lighter``."""
        ...

    def lighter(self, task: Given) -> Any | None:
        """The same task with less in memory at a time, after memory ran out.

        Returns:
            Nothing where it cannot be made lighter. Either way the next one like it knows.
        """
        ...

    def open_log(self, task: Given) -> LogFile:
        """The task's own log."""
        ...

    @staticmethod
    def gpus(task: Any) -> float:
        """How many GPUs the task's worker is to have; a share where below 1."""
        ...

    def note_failure(self, task: Given, text: str) -> None:
        """Keeps the traceback where people will look for it."""
        ...


class Steering(Protocol[Judged, Heard]):
    """Ends tasks early, in the launcher's process."""

    def should_stop(self, task: Judged, epoch: Heard, /) -> bool:
        """Whether a task is given up after ``epoch``, which was not its last."""
        ...

    def stopped(self, task: Judged, /) -> None:
        """The task was given up; no more will be heard of it."""
        ...

    def ray_scheduler(self) -> Any | None:
        """A scheduler of Ray Tune's that decides instead, for those that pause tasks."""
        ...


class Executor(Protocol):
    """Trains tasks, inside a ``with`` block: entering starts what takes long to start.

    Laws, kept by every executor (``tests/contracts/test_executors.py``): each task is trained
    exactly once unless its worker is lost; the records are the same bits whichever executor made
    them; an error of one task is told and the others go on; listener, steering and the iterator
    of tasks are called in the caller's process.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def run(
        self,
        work: Work[Task, Epoch, Result],
        tasks: Iterable[Task],
        listener: Listener[Task, Epoch, Result],
        steering: Steering[Task, Epoch] | None = None,
    ) -> None:
        """Trains ``tasks`` in their order, as far as there is room.

        Args:
            work: How to train one.
            tasks: A sequence where all are known; else an iterator, which is asked for the next
                one when there is room for it.
            listener: Told of all.
            steering: Ends tasks early; nothing lets each end by itself.
        """
        ...


class FitWork:
    """The fits of a grid.

    Args:
        data: The samples.
        store: The run folder.
    """

    epoch_type, record_type = EpochRecord, FitRecord

    def __init__(self, data: TrainingData, store: RunStore) -> None:
        # Workers have another working directory.
        self.data, self.store = data, store.absolute()

    def finished(self, task: FitTask) -> FitRecord | None:
        """See ``Work``."""
        folder = self.store.fit(task.config.fit_id)
        if not folder.is_finished():
            return None
        folder.clear_leftovers()
        return folder.read_record()

    def open(self, task: FitTask, state: bytes | None = None) -> Fit:
        """See ``Work``; a fit finds its own checkpoint."""
        return open_fit(task, self.data, self.store)

    def state(self, job: Fit) -> bytes:
        """Nothing: fits keep their own checkpoints."""
        return b""

    def note_failure(self, task: FitTask, text: str) -> None:
        """See ``Work``."""
        self.store.fit(task.config.fit_id).write_failure(text)

    def recall(self, task: FitTask) -> FitTask:
        """See ``Work``."""
        return with_known_size(task, self.store.root)

    def lighter(self, task: FitTask) -> FitTask | None:
        """See ``Work``."""
        return lighter_fit(task, self.store.root)

    def open_log(self, task: FitTask) -> LogFile:
        """See ``Work``."""
        return self.store.fit(task.config.fit_id).open_log()

    @staticmethod
    def gpus(task: FitTask) -> float:
        """See ``Work``."""
        return task.gpus


def open_fit(
    task: FitTask,
    data: TrainingData,
    store: RunStore,
    *,
    keep_state: bool = True,
) -> Fit:
    """The fit of ``task``, at its start or at its last checkpoint; see ``Fit``."""
    # Imported here: the launcher hands fits out and needs no torch.
    import torch

    from foldgrid.training import Fit

    return Fit(
        task.config,
        data,
        store.fit(task.config.fit_id),
        task.weights,
        keep_weights=task.keep_weights,
        keep_features=task.keep_features,
        num_threads=task.num_threads,
        device=None if task.uses_gpu else torch.device("cpu"),
        keep_state=keep_state,
        micro_batch_size=task.micro_batch_size,
    )
