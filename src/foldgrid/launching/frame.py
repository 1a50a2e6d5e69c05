"""What surrounds the training of every launch, whether it trains a grid or searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from rich.console import Console

from foldgrid.data.cache import cache_root
from foldgrid.data.dataset import Dataset
from foldgrid.execution.feature_job import FeatureJob, FeatureTrainer
from foldgrid.execution.inline import InlineExecutor
from foldgrid.execution.lost_workers import LostWorker, describe_losses
from foldgrid.execution.ray_tune import RayTuneExecutor
from foldgrid.execution.trainer import Executor
from foldgrid.launching.deadline import Deadline
from foldgrid.launching.decoding import decoding
from foldgrid.launching.feature_tasks import FeatureListener, compute_features
from foldgrid.launching.interrupt import Interrupt
from foldgrid.launching.options import Options
from foldgrid.launching.planning.disk import check_disk
from foldgrid.launching.planning.networks import facts_kept_in
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.launching.progress.launch_log import LaunchLog
from foldgrid.launching.tracking.projecting import local_run_folder
from foldgrid.records import RunLock
from foldgrid.records.files import FileRoot
from foldgrid.specs.errors import SweepError
from foldgrid.specs.failure import SHARED_BY_ALL, Failure
from foldgrid.tracking import (
    TRACKERS,
    Place,
    Pseudonyms,
    RunKind,
    RunProjector,
    Tracker,
)

Job = TypeVar("Job")
Config = TypeVar("Config")
Epoch = TypeVar("Epoch")
Record = TypeVar("Record")


class LaunchFrame(Generic[Job]):
    """A launch's hold on its run folder, its log, its limits and its trackers, until it is closed.

    Args:
        prepared: The sweep.
        options: The command line's.
        trackers: By name, who is notified of it.
        console: Where to show progress.
        name_of: The name of a job, in the log.
        plan: What the launch is about, in a line of the log.

    Attributes:
        deadline: When it ends by ``--time-budget``.
        limit: When it ends because of failures.
        log: ``launch.log``.
        projector: Shows the sweep in the trackers, once there is something to show.
        is_after_crash: Whether the run folder was held by a launch that died.
    """

    def __init__(
        self,
        prepared: PreparedSweep,
        options: Options,
        trackers: Mapping[str, Tracker],
        console: Console,
        name_of: Callable[[Job], str],
        plan: str,
    ) -> None:
        self.prepared, self.options, self.console = prepared, options, console
        self.trackers = trackers
        self.deadline = Deadline.after(options.time_budget)
        self.limit = FailureLimit(prepared.sweep.resources.max_failures_in_a_row)
        self.log: LaunchLog[Job] = LaunchLog(prepared.store, name_of, plan)
        self.projector: RunProjector[Any, Any, Any] | None = None
        self.is_after_crash = False
        self._held = ExitStack()
        self._lost: Sequence[LostWorker] = ()

    @property
    def local_folder(self) -> Path:
        """Where goes what never leaves this machine: trackers' files, the pseudonyms' key."""
        return local_run_folder(self.prepared.store, self.prepared.sweep.name)

    @property
    def shared(self) -> FileRoot | None:
        """The run folder, where all machines of a cluster have to see it."""
        return self.prepared.store.root.absolute() if self.options.is_on_cluster else None

    def place_of(self, tracker: str) -> Place:
        """Where a tracker's runs belong."""
        sweep = self.prepared.sweep
        location = self.prepared.store.location
        return Place(self.local_folder / tracker, location, sweep.tracking)

    def tracker_rows(self, what: str) -> dict[str, str]:
        """What the plan says of the trackers; ``what`` has a run each."""
        return {name: tracker.words(what) for name, tracker in self.trackers.items()}

    def forget_run(self, run_id: str) -> None:
        """A run is about to be made again: no tracker has it whole, of this launch or not."""
        for name, tracker in TRACKERS.items():
            tracker.forget(self.place_of(name), run_id)

    def open_projector(
        self, kind: RunKind[Config, Epoch, Record], *, with_subjects: bool
    ) -> RunProjector[Config, Epoch, Record]:
        """Shows the launch's runs in its trackers.

        Args:
            kind: What has a run each.
            with_subjects: Whether the summary tells of subjects, which leave as pseudonyms.
        """
        opened = [each.open(self.place_of(name)) for name, each in self.trackers.items()]
        writers = [writer for writer in opened if writer is not None]
        needs_key = with_subjects and writers
        pseudonyms = Pseudonyms.open(self.local_folder) if needs_key else None
        self.projector = projector = RunProjector(kind, writers, pseudonyms)
        return projector

    @contextmanager
    def training(self, *, is_left: bool) -> Iterator[tuple[Dataset, Executor, Interrupt]]:
        """The data and who trains, with the run folder held until ``close``.

        Args:
            is_left: Whether there is anything to train; else Ray need not start.

        Raises:
            SweepError: The disk is too small, another launch trains here, or the photographs
                cannot be decoded; then nothing was written.
        """
        check_disk(self.prepared)
        # Kept beyond the training: the ranking is written there, too.
        lock = self._held.enter_context(RunLock(self.prepared.store.root))
        self.is_after_crash = lock.taken_from is not None
        with (
            # Each worker would find out anew what the plan knows of the networks.
            facts_kept_in(cache_root()),
            Interrupt(ends_process=self.options.is_own_process) as interrupt,
            decoding(self.prepared.survey, self.console) as dataset,
            self._executor(is_left) as executor,
        ):
            # Ray takes SIGTERM for itself when it starts.
            interrupt.take_back()
            decoded = dataset.result()
            with self.log, interrupt.as_asked():
                yield decoded, executor, interrupt

    def has_features(
        self,
        jobs: Sequence[FeatureJob],
        trainer: FeatureTrainer,
        executor: Executor,
        interrupt: Interrupt,
    ) -> bool:
        """Computes features that are trained on; whether the training may follow.

        Args:
            jobs: Those that are missing.
            trainer: How they are computed.
            executor: Who computes them.
            interrupt: Ends it.
        """
        if not jobs:
            return True
        listeners: list[FeatureListener] = [interrupt, self.limit, self.deadline]
        with self.limit, self.deadline:
            compute_features(executor, trainer, jobs, listeners, self.log.note, self.console)
        return self.limit.ended_by is None and self.deadline.gives_room()

    def _executor(self, is_left: bool) -> Executor:
        if self.options.executor == "inline" or not is_left:
            return InlineExecutor()
        retries = self.prepared.sweep.resources.max_retries
        executor = RayTuneExecutor(
            self.prepared.resources,
            retries,
            self.options.address,
            shared=self.shared,
            weights=self.prepared.weights_to_train,
        )
        self._lost = executor.lost
        return executor

    def close(self, *, is_hurried: bool = False) -> tuple[str, ...]:
        """Lets the trackers, the log and the run folder go; returns what people should know.

        Args:
            is_hurried: Somebody waits for the end, as after a Ctrl-C.
        """
        losses = describe_losses(self._lost)
        warnings: tuple[str, ...] = (losses,) if losses else ()
        if self.projector is not None:
            warnings += self.projector.close(is_hurried=is_hurried, say=self._say)
        self.log.end(warnings)
        self._held.close()
        return warnings

    def _say(self, words: str) -> None:
        self.console.print(words, markup=False, soft_wrap=True)


class UselessToGoOn(BaseException):
    """Ends a launch from within an event; see ``deadline.TimeIsUp`` for why it is no error."""


class FailureLimit:
    """Ends a ``with`` block when jobs fail for a reason that all of them share.

    That is at once where the disk is full, the storage is away, or only the user can mend the
    input; else when so many have failed with none finished between.

    Args:
        num_in_a_row: How many.

    Attributes:
        ended_by: The failure that ended the block; nothing where it ended by itself.
    """

    def __init__(self, num_in_a_row: int) -> None:
        self.num_in_a_row = num_in_a_row
        self.ended_by: Failure | None = None
        self._row = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> bool:
        is_mine = kind is not None and issubclass(kind, UselessToGoOn)
        if is_mine and self.ended_by is not None and self.ended_by.kind == "bad_input":
            raise SweepError(self.ended_by.message) from None
        return is_mine

    def started(self, job: object) -> None:
        """Says nothing about whether it will last."""

    def epoch_done(self, job: object, record: object) -> None:
        """See ``started``."""

    def finished(self, job: object, record: object) -> None:
        """Whatever failed before had its own reason."""
        self._row = 0

    def failed(self, job: object, failure: Failure) -> None:
        """Raises ``UselessToGoOn`` where it is."""
        self._row += 1
        if self._row >= self.num_in_a_row or failure.kind in SHARED_BY_ALL:
            self.ended_by = failure
            raise UselessToGoOn
