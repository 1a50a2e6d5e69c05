"""One launch of a sweep, from the command line's options to trained fits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from foldgrid.data.cache import cache_root
from foldgrid.data.dataset import Dataset, Survey, load_composites
from foldgrid.records import RunLock
from foldgrid.specs.canary import CanaryName
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.specs.passwords import hide_passwords
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import BudgetName
from foldgrid.tracking import FitRuns, Mode, Pseudonyms, RunProjector
from foldgrid.training import TrainingData
from foldgrid.tuning.damage import discard_damaged
from foldgrid.tuning.deadline import Deadline
from foldgrid.tuning.disk import check_disk
from foldgrid.tuning.events import FitListener, Listeners
from foldgrid.tuning.executor import InlineExecutor
from foldgrid.tuning.failure_limit import FailureLimit
from foldgrid.tuning.failure_table import FailedTask, print_failures
from foldgrid.tuning.found_recipe import read_found
from foldgrid.tuning.grid import FitTask
from foldgrid.tuning.interrupt import Interrupt
from foldgrid.tuning.launch_log import LaunchLog
from foldgrid.tuning.memory import with_known_share
from foldgrid.tuning.plan_text import print_plan
from foldgrid.tuning.preparation import PreparedSweep, prepare_sweep
from foldgrid.tuning.progress import ProgressDisplay, SweepProgress
from foldgrid.tuning.progress_file import ProgressFile
from foldgrid.tuning.projecting import local_run_folder, project_context, wandb_words
from foldgrid.tuning.ray_session import check_address
from foldgrid.tuning.ray_tune import RayTuneExecutor
from foldgrid.tuning.second_tries import SecondTries
from foldgrid.tuning.sweep_run import (
    FitProjector,
    clear_after_crash,
    fit_listener,
    project_missing,
    write_run_files,
)
from foldgrid.tuning.work import Executor, FitWork

NUM_SAMPLE_IMAGES = 12
"""Composites that the summary run shows where the sweep says ``tracking.images: true``."""


@dataclass(frozen=True)
class Options:
    """The command line's options; see ``launch.py --help``."""

    sweep: str = ""
    budget: Literal["auto", "smoke", "paper"] = "auto"
    overrides: Sequence[str] = ()
    only: Sequence[str] = ()
    manifest: Path | None = None
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    storage: str = "runs"
    address: str | None = None
    executor: Literal["ray", "inline"] = "ray"
    hyperparameters: str | None = None
    canary: CanaryName | None = None
    search_storage: str | None = None
    keep: Literal["best", "none"] | None = None
    trials: int | None = None
    time_budget: str | None = None


def choose_budget(wanted: Literal["auto", "smoke", "paper"]) -> tuple[BudgetName, str]:
    """The budget, and why it was chosen where ``auto`` chose."""
    if wanted != "auto":
        return wanted, ""
    if torch.cuda.is_available():
        return "paper", " (chosen because there is a GPU; --budget smoke is quick)"
    return "smoke", " (chosen because there is no GPU; --budget paper trains in full)"


class Session:
    """A prepared sweep with whoever watches it.

    Args:
        prepared: The sweep.
        options: The command line's.
        mode: What ``--wandb`` means here.
        console: Where to show progress.
    """

    def __init__(
        self, prepared: PreparedSweep, options: Options, mode: Mode, console: Console
    ) -> None:
        self.prepared, self.options, self.mode, self.console = prepared, options, mode, console
        work = sum(task.estimated_seconds for task in prepared.grid.left)
        grid = prepared.grid
        self.progress = SweepProgress(len(grid.selected), len(grid.done), work)
        self.deadline = Deadline.after(options.time_budget)
        self.limit = FailureLimit(prepared.sweep.resources.max_failures_in_a_row)
        self._log: LaunchLog[FitTask] = LaunchLog(
            prepared.store,
            lambda task: task.config.fit_id,
            f"{prepared.sweep.name}: {len(grid.done)} of {len(grid.selected)} fits done, "
            f"{len(grid.left)} to train",
        )
        self._held, self._is_after_crash = ExitStack(), False
        self._projector: FitProjector | None = None
        self._sample_images: list[NDArray[np.uint8]] = []

    @property
    def local_folder(self) -> Path:
        """Where W&B's files and the pseudonyms' key go."""
        return local_folder(self.prepared)

    def print_plan(self, budget_reason: str) -> None:
        """Prints what would be trained."""
        print_plan(
            self.prepared, self.console, budget_reason, {"wandb": wandb_words(self.mode, "fit")}
        )

    def train(self) -> int:
        """Trains what is left, streams it to W&B; returns how many fits failed."""
        prepared = self.prepared
        check_disk(prepared)
        self._take_folder()
        with (
            Interrupt() as interrupt,
            decoding(prepared.survey, self.console) as dataset,
            self._executor() as executor,
        ):
            data = TrainingData.from_dataset(dataset.result(), prepared.split)
            if prepared.sweep.tracking.images:
                self._sample_images = list(data.composites_NHWC[:NUM_SAMPLE_IMAGES])
            # Not before: where the photographs cannot be decoded nothing is written.
            with self._log:
                self._write_and_train(executor, data, interrupt)
        return len(self.progress.failures)

    def _take_folder(self) -> None:
        """Keeps other launches out of the run folder until ``close``."""
        lock = self._held.enter_context(RunLock(self.prepared.store.root))
        self._is_after_crash = lock.taken_from is not None

    def _write_and_train(
        self, executor: Executor, data: TrainingData, interrupt: Interrupt
    ) -> None:
        prepared = self.prepared
        if self._is_after_crash:
            clear_after_crash(prepared.store)
        write_run_files(prepared)
        discard_damaged(prepared, self.local_folder)
        projector = self._open_projector()
        project_missing(prepared, projector)
        display = ProgressDisplay(self.progress, self.console)
        progress_file = self._progress_file()
        listeners: Listeners[FitTask, EpochRecord, FitRecord] = Listeners(
            [
                interrupt,
                self._log,
                fit_listener(projector, prepared.store),
                display,
                progress_file,
                self.limit,
                self.deadline,
            ]
        )
        if prepared.grid.left:
            with display, progress_file, self.limit, self.deadline:
                self._train_grid(executor, FitWork(data, prepared.store), listeners)

    def _train_grid(self, executor: Executor, work: FitWork, listener: FitListener) -> None:
        """Trains all that is left, and what deserves another try when the rest is done."""
        root = self.prepared.store.root
        tries = SecondTries(listener, root)
        tasks = [with_known_share(task, root) for task in self.prepared.grid.left]
        while tasks:
            executor.run(work, tasks, tries)
            tasks = tries.take()

    def _progress_file(self) -> ProgressFile[FitTask]:
        """Tells other terminals; see ``--status``."""
        facts = self.progress
        return ProgressFile(
            self.prepared.store,
            lambda task: task.config.fit_id,
            facts.num_done,
            facts.num_total,
            lambda: facts.seconds_left,
        )

    def _open_projector(self) -> FitProjector:
        self.local_folder.mkdir(parents=True, exist_ok=True)
        pseudonyms = Pseudonyms.open(self.local_folder) if self.mode != "disabled" else None
        self._projector = RunProjector(
            self.local_folder,
            FitRuns(self.prepared.sweep, project_context(self.prepared.store)),
            self.mode,
            pseudonyms,
            location=self.prepared.store.location,
        )
        return self._projector

    def _executor(self) -> Executor:
        # Where nothing is left to train, Ray need not start.
        if self.options.executor == "inline" or not self.prepared.grid.left:
            return InlineExecutor()
        spec = self.prepared.sweep.resources
        return RayTuneExecutor(self.prepared.resources, spec.max_retries, self.options.address)

    def summarise(
        self, rows: Sequence[Mapping[str, Any]], visits: pd.DataFrame, facts: Mapping[str, Any]
    ) -> None:
        """Writes the sweep's summary run: the ranking as a table, the best learner's visits."""
        if self._projector is not None:
            self._projector.summarise(rows, visits, facts, self._sample_images)

    def close(self, *, is_hurried: bool = False) -> tuple[str, ...]:
        """Ends W&B's service; returns its warnings, a line each.

        Args:
            is_hurried: Somebody waits for the end, as after a Ctrl-C.
        """
        warnings: tuple[str, ...] = ()
        if self._projector is not None:
            warnings = self._projector.close(is_hurried=is_hurried, say=self._say)
        self._log.end(warnings)
        self._held.close()
        return warnings

    def _say(self, words: str) -> None:
        self.console.print(words, markup=False, soft_wrap=True)

    def print_failures(self) -> None:
        """Prints what failed, with the end of its log."""
        failed = [
            FailedTask(
                f"{task.config.backbone} fold {task.config.fold}",
                failure,
                f"fits/{task.config.fit_id}/fit.log",
            )
            for task, failure in self.progress.failures.values()
        ]
        print_failures(failed, "fits", self.prepared.store.root, self.console)


def prepare(
    path: Path, spaces: Path, options: Options, console: Console
) -> tuple[PreparedSweep, str]:
    """Reads, checks and plans the sweep at ``path``; with it, why its budget was chosen.

    Args:
        path: The sweep's file.
        spaces: The folder of search spaces.
        options: The command line's.
        console: Where to show progress.

    Raises:
        SweepError: Whatever is wrong with the sweep, the options or the data.
    """
    budget, reason = choose_budget(options.budget)
    check_address(options.address)
    Deadline.after(options.time_budget)
    found = read_found(options.hyperparameters) if options.hyperparameters else None
    resolved = resolve_sweep(
        path,
        budget,
        [*options.overrides, *([f"keep={options.keep}"] if options.keep else [])],
        options.manifest,
        spaces,
        found.overlays(path) if found else (),
    )
    if found and resolved.space is not None:
        raise SweepError(
            f"--hyperparameters {found.location}: this sweep searches, it trains no grid.\n"
            "Give --hyperparameters with a sweep that names no search_space."
        )
    if options.search_storage is not None:
        _check_search_storage(options.search_storage, is_search=resolved.space is not None)
    if options.trials is not None and resolved.space is None:
        raise SweepError(
            f"--trials {options.trials}: {resolved.sweep.name} trains a grid, it has no trials.\n"
            "Give --trials with a sweep that names a search_space, such as lr_plateau."
        )
    with _photograph_progress(console, "Reading photographs") as on_progress:
        prepared = prepare_sweep(
            resolved,
            storage=options.storage,
            cache=cache_root(),
            only=options.only,
            asked_for=options.sweep,
            canary=options.canary,
            is_cluster=options.address is not None,
            on_progress=on_progress,
        )
    return replace(prepared, found=found), reason


def _check_search_storage(url: str, is_search: bool) -> None:
    """Refuses a storage that cannot be used before photographs are read."""
    if not is_search:
        raise SweepError(
            f"--search-storage {hide_passwords(url)}: this sweep trains a grid and searches "
            "nothing.\nDrop --search-storage, or name a sweep with a search_space."
        )
    # Optuna and SQLAlchemy take half a second that a grid need not pay.
    from foldgrid.tuning.search.storage_choice import check_storage

    check_storage(url)


def local_folder(prepared: PreparedSweep) -> Path:
    """Where goes what never leaves this machine: the run folder, if it is here."""
    return local_run_folder(prepared.store, prepared.sweep.name)


@contextmanager
def decoding(survey: Survey, console: Console) -> Iterator[Future[Dataset]]:
    """Decodes photographs while the block starts whatever else takes long to start.

    Leaving the block early gives up the photographs that are still in line.
    """
    given_up = threading.Event()

    def decode() -> Dataset:
        with _photograph_progress(console, "Decoding photographs") as show:

            def on_progress(num_done: int, num_photos: int) -> None:
                if given_up.is_set():
                    raise CancelledError
                if show is not None:
                    show(num_done, num_photos)

            return load_composites(survey, on_progress)

    with ThreadPoolExecutor(1, "decoding") as pool:
        try:
            yield pool.submit(decode)
        finally:
            given_up.set()


@contextmanager
def _photograph_progress(
    console: Console, what: str
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar while photographs are generated, read or decoded; gone when it is done."""
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn(what), BarColumn(), TextColumn("{task.completed} of {task.total}")
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
