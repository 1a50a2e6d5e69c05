"""What executors run: jobs, trained an epoch at a time.

The grid's fits and the search's trials are two kinds of work; executors know neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from pydantic import BaseModel

from foldgrid.execution.events import Listener
from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.memory import lighter_fit, with_known_size
from foldgrid.records import LogFile, RunStore
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.training import TrainingData

if TYPE_CHECKING:
    from foldgrid.training import Fit

Job = TypeVar("Job")
Epoch = TypeVar("Epoch", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)
AnyJob = TypeVar("AnyJob", contravariant=True)
Trained = TypeVar("Trained", bound=BaseModel, covariant=True)
Finalized = TypeVar("Finalized", bound=BaseModel, covariant=True)
StoppableJob = TypeVar("StoppableJob", contravariant=True)
AnyEpoch = TypeVar("AnyEpoch", contravariant=True)


class ActiveJob(Protocol[Trained, Finalized]):
    """A job under way, in the process that trains it."""

    @property
    def is_over(self) -> bool:
        """Whether ``finalize`` is next."""
        ...

    def run_epoch(self) -> Trained:
        """Trains an epoch."""
        ...

    def finalize(self) -> Finalized:
        """Ends it; returns its record."""
        ...


class Trainer(Protocol[AnyJob, Epoch, Result]):
    """What a worker must know to train jobs of one kind; travels to workers, with the data.

    Attributes:
        epoch_type: What an epoch reports.
        record_type: What a job results in.
    """

    epoch_type: type[Epoch]
    record_type: type[Result]

    def finished(self, job: AnyJob) -> Result | None:
        """The record of a job that is complete already, or nothing.

        A worker can die between completing a job and saying so.
        """
        ...

    def open(self, job: AnyJob, state: bytes | None = None) -> ActiveJob[Epoch, Result]:
        """The active job of ``job``, at its start or where an earlier worker left it.

        Args:
            job: What to train.
            state: From ``state``: where to go on instead.
        """
        ...

    def state(self, active: Any) -> bytes:
        """An active job as it stands, to be opened elsewhere."""
        ...

    def recall(self, job: AnyJob) -> Any:
        """The job as heavy as the memory is known to hold; see ``lighter``."""
        ...

    def lighter(self, job: AnyJob) -> Any | None:
        """The same job with less in memory at a time, after memory ran out.

        Returns:
            Nothing where it cannot be made lighter. Either way the next one like it knows.
        """
        ...

    def open_log(self, job: AnyJob) -> LogFile:
        """The job's own log."""
        ...

    @staticmethod
    def gpus(job: Any) -> tuple[float, str]:
        """How many GPUs the job's worker is to have, a fraction where below 1, and which kind."""
        ...

    def note_failure(self, job: AnyJob, text: str) -> None:
        """Keeps the traceback where people will look for it."""
        ...


class Steering(Protocol[StoppableJob, AnyEpoch]):
    """Ends jobs early, in the launcher's process."""

    def should_stop(self, job: StoppableJob, epoch: AnyEpoch, /) -> bool:
        """Whether a job is stopped after ``epoch``, which was not its last."""
        ...

    def stopped(self, job: StoppableJob, /) -> None:
        """The job was stopped and reports nothing more."""
        ...

    def ray_scheduler(self) -> Any | None:
        """A scheduler of Ray Tune's that decides instead, for those that pause jobs."""
        ...


class Executor(Protocol):
    """Trains jobs, inside a ``with`` block: entering starts what takes long to start.

    Rules, kept by every executor (``tests/contracts/test_executors.py``): each job is trained
    exactly once unless its worker is lost; the records are the same bits whichever executor made
    them; an error of one job is reported and the others go on; listener, steering and the iterator
    of jobs are called in the caller's process.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def run(
        self,
        trainer: Trainer[Job, Epoch, Result],
        jobs: Iterable[Job],
        listener: Listener[Job, Epoch, Result],
        steering: Steering[Job, Epoch] | None = None,
    ) -> None:
        """Trains ``jobs`` in their order, as far as there is room.

        Args:
            trainer: How to train one.
            jobs: A sequence where all are known; else an iterator, which is asked for the next
                one when there is room for it.
            listener: Notified of all.
            steering: Ends jobs early; nothing lets each end by itself.
        """
        ...


class FitTrainer:
    """The fits of a grid.

    Args:
        data: The samples.
        store: The run folder.
    """

    epoch_type, record_type = EpochRecord, FitRecord

    def __init__(self, data: TrainingData, store: RunStore) -> None:
        # Workers have another working directory.
        self.data, self.store = data, store.absolute()

    def finished(self, job: FitJob) -> FitRecord | None:
        """See ``Trainer``."""
        folder = self.store.fit(job.config.fit_id)
        if not folder.is_finished():
            return None
        folder.clear_leftovers()
        return folder.read_record()

    def open(self, job: FitJob, state: bytes | None = None) -> Fit:
        """See ``Trainer``; a fit finds its own checkpoint."""
        return open_fit(job, self.data, self.store)

    def state(self, active: Fit) -> bytes:
        """Nothing: fits keep their own checkpoints."""
        return b""

    def note_failure(self, job: FitJob, text: str) -> None:
        """See ``Trainer``."""
        self.store.fit(job.config.fit_id).write_failure(text)

    def recall(self, job: FitJob) -> FitJob:
        """See ``Trainer``."""
        return with_known_size(job, self.store.root)

    def lighter(self, job: FitJob) -> FitJob | None:
        """See ``Trainer``."""
        return lighter_fit(job, self.store.root)

    def open_log(self, job: FitJob) -> LogFile:
        """See ``Trainer``."""
        return self.store.fit(job.config.fit_id).open_log()

    @staticmethod
    def gpus(job: FitJob) -> tuple[float, str]:
        """See ``Trainer``."""
        return job.gpus, job.card


def open_fit(
    job: FitJob,
    data: TrainingData,
    store: RunStore,
    *,
    keep_state: bool = True,
) -> Fit:
    """The fit of ``job``, at its start or at its last checkpoint; see ``Fit``."""
    # Imported here: the launcher hands fits out and needs no torch.
    import torch

    from foldgrid.training import Fit

    return Fit(
        job.config,
        data,
        store.fit(job.config.fit_id),
        job.weights,
        keep_weights=job.keep_weights,
        keep_features=job.keep_features,
        num_threads=job.num_threads,
        device=None if job.uses_gpu else torch.device("cpu"),
        keep_state=keep_state,
        micro_batch_size=job.micro_batch_size,
    )
