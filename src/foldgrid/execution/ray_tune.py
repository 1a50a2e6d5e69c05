"""Jobs through Ray Tune: a class Trainable, one ``step`` an epoch, actors reused.

The record store is the ledger: Tune is a stateless executor here. It schedules, restarts lost
workers, and carries events to the launcher; it keeps nothing that a later launch needs.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Self
from warnings import catch_warnings, simplefilter

from foldgrid.execution.cluster import (
    CARD_RESOURCE,
    check_machines,
    lent_weights,
    versions,
)
from foldgrid.execution.events import Listener
from foldgrid.execution.lost_workers import (
    LostWorker,
    machines_do_not_count,
    reason,
    reported_by,
)
from foldgrid.execution.ray_session import RaySession
from foldgrid.execution.resources import Resources
from foldgrid.execution.trainer import Epoch, Job, Result, Steering, Trainer
from foldgrid.execution.worker import job_trainable
from foldgrid.models import WeightFile
from foldgrid.models.facts import facts_so_far
from foldgrid.records.files import FileRoot
from foldgrid.specs.failure import Failure

MANY = 1000
"""With a searcher Tune keeps one trial waiting unless it knows how many may run."""

TUNE_FOLDER = "tune"
"""In the run folder of a search on a cluster: the states of paused trials, for its time."""


class RayTuneExecutor:
    """Trains through Ray Tune; see ``Executor``.

    Entering it starts Ray, or joins the cluster; a Ray that was started there ends on leaving.

    Args:
        resources: What one job takes, and how many run at a time.
        max_retries: How often a job is tried again after its worker was lost.
        address: An existing cluster (``auto``, or ``HOST:PORT``); nothing starts a local
            one for the time of the sweep.
        shared: The run folder, which this launch holds and all of the cluster's machines have to
            see; nothing where there is one machine.
        weights: What jobs start from: of what a machine of the cluster has not, the run folder
            holds a copy for the time of the block.

    Attributes:
        lost: The workers that were lost and whose jobs went on elsewhere.
    """

    def __init__(
        self,
        resources: Resources,
        max_retries: int = 2,
        address: str | None = None,
        shared: FileRoot | None = None,
        weights: Sequence[WeightFile] = (),
    ) -> None:
        self.resources, self.max_retries, self.address = resources, max_retries, address
        self._shared, self._weights = shared, weights
        self.lost: list[LostWorker] = []
        self._lent = ExitStack()
        self._session = RaySession(resources, address)

    def __enter__(self) -> Self:
        """Starts or joins Ray.

        Raises:
            InputError: Machines of the cluster cannot train this; see ``check_machines``.
        """
        with ExitStack() as joined:
            joined.enter_context(self._session)
            if self._shared is not None:
                check_machines(self._shared)
                self._lent.enter_context(lent_weights(self._shared, self._weights))
            joined.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._lent.close()
        self._session.__exit__(*exception)

    def run(
        self,
        trainer: Trainer[Job, Epoch, Result],
        jobs: Iterable[Job],
        listener: Listener[Job, Epoch, Result],
        steering: Steering[Job, Epoch] | None = None,
    ) -> None:
        """See ``Executor``."""
        if isinstance(jobs, Sequence) and not jobs:
            return
        with self._scratch(steering) as scratch, machines_do_not_count(), catch_warnings():
            simplefilter("ignore")
            try:
                self._tuner(trainer, jobs, listener, steering, scratch).fit()
            except _ListenerError as failed:
                raise failed.error from None

    @contextmanager
    def _scratch(self, steering: Steering[Any, Any] | None) -> Iterator[dict[str, Any]]:
        """Where Tune keeps its files: the states of paused jobs, and what nobody reads."""
        pauses = steering is not None and steering.ray_scheduler() is not None
        if self._shared is not None and pauses:
            # Another machine goes on with them.
            with self._shared.temporary_folder(TUNE_FOLDER) as (file_system, path):
                yield {"storage_filesystem": file_system, "storage_path": path}
            return
        folder = tempfile.mkdtemp(prefix="foldgrid-tune-")
        try:
            yield {"storage_path": folder}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _tuner(
        self,
        trainer: Trainer[Job, Epoch, Result],
        jobs: Iterable[Job],
        listener: Listener[Job, Epoch, Result],
        steering: Steering[Job, Epoch] | None,
        scratch: dict[str, Any],
    ) -> Any:
        from ray import tune

        callback = _listening_callback(trainer, listener, steering, self.lost)
        trainable = tune.with_parameters(
            job_trainable(),
            trainer=trainer,
            facts=facts_so_far(),
            expected=versions() if self._shared is not None else None,
        )
        return tune.Tuner(
            tune.with_resources(
                trainable, _fractions(self.resources.cpus_per_fit, type(trainer).gpus)
            ),
            **self._order(jobs, steering, trainer),
            run_config=tune.RunConfig(
                name="sweep",
                **scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=self.max_retries),
                # Tune would save each job's end as well, on another machine into a folder that
                # it does not have, and count a finished job as lost.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                callbacks=[callback],
            ),
        )

    def _order(
        self,
        jobs: Iterable[Job],
        steering: Steering[Job, Epoch] | None,
        trainer: Trainer[Job, Epoch, Result],
    ) -> dict[str, Any]:
        """Which jobs, in which order, how many at a time, and who ends them."""
        from ray import tune

        # On a cluster Tune fills every node; this machine's cores say nothing about the others'.
        resources = self.resources
        limit = resources.max_concurrent if self.address else resources.num_concurrent
        scheduler = steering.ray_scheduler() if steering is not None else None
        if scheduler is not None:
            # A paused job holds no worker, but would count.
            limit = None
        elif steering is not None:
            scheduler = _steered(steering, trainer)
        options: dict[str, Any] = {"reuse_actors": True, "scheduler": scheduler}
        if isinstance(jobs, Sequence):
            # The order of a grid search is the order of its values: longest fits first.
            config = tune.TuneConfig(max_concurrent_trials=limit, **options)
            return {
                "param_space": {"job": tune.grid_search(list(jobs))},
                "tune_config": config,
            }
        config = tune.TuneConfig(
            search_alg=_searcher(iter(jobs)),
            num_samples=-1,
            max_concurrent_trials=limit or MANY,
            trial_dirname_creator=_directory_name,
            **options,
        )
        return {"tune_config": config}


def _fractions(
    cpus: int, gpus_of: Callable[[Any], tuple[float, str]]
) -> Callable[[dict[str, Any]], Any]:
    """What each job takes; those that take the same follow one another in the same actors."""
    from ray import tune

    def fractions(config: dict[str, Any]) -> Any:
        gpus, card = gpus_of(config["job"])
        bundle = {"CPU": cpus, "GPU": gpus}
        if card:
            # All of a machine's fits ask for a little of its kind.
            bundle[f"{CARD_RESOURCE}{card}"] = 0.001
        return tune.PlacementGroupFactory([{name: n for name, n in bundle.items() if n}])

    return fractions


def _directory_name(trial: Any) -> str:
    return str(trial.trial_id)


class _ListenerError(BaseException):
    """Carries a listener's error past Tune, which would hold it against the trial."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _past_tune() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise _ListenerError(error) from error


class _LauncherOnly:
    """Holds what must not travel: Tune pickles its searcher, its scheduler and its callbacks."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _searcher(jobs: Iterator[Any]) -> Any:
    from ray.tune.search import Searcher

    here = _LauncherOnly(jobs)

    class JobSearcher(Searcher):  # type: ignore[misc]
        """Tune's view of the jobs: it asks for the next one whenever there is room."""

        def suggest(self, trial_id: str) -> dict[str, Any] | str:
            job = next(here.kept, None)
            return Searcher.FINISHED if job is None else {"job": job}

        def on_trial_complete(self, trial_id: str, *rest: Any, **more: Any) -> None:
            """The listener receives the events of it; nothing to do here."""

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the records remember."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing; see ``save``."""

    return JobSearcher()


def _steered(steering: Steering[Any, Any], trainer: Trainer[Any, Any, Any]) -> Any:
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    here, epoch_type = _LauncherOnly(steering), trainer.epoch_type

    class SteeredScheduler(FIFOScheduler):  # type: ignore[misc]
        """Starts jobs in their order; stops those that the steering stops."""

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            if "epoch" not in result or result["done"]:
                return str(TrialScheduler.CONTINUE)
            epoch = epoch_type.model_validate_json(result["epoch"])
            is_stopped = here.kept.should_stop(trial.config["job"], epoch)
            return str(TrialScheduler.STOP if is_stopped else TrialScheduler.CONTINUE)

    return SteeredScheduler()


def _listening_callback(
    trainer: Trainer[Any, Any, Any],
    listener: Listener[Any, Any, Any],
    steering: Any,
    lost: list[LostWorker],
) -> Any:
    from ray import tune

    here = _LauncherOnly((trainer, listener, steering, lost))

    class ListeningCallback(tune.Callback):  # type: ignore[misc]
        """Turns Tune's callbacks into events; runs in the launcher's process."""

        def __init__(self) -> None:
            self._reported: set[str] = set()

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            with _past_tune():
                here.kept[1].started(trial.config["job"])

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            (trainer, listener, *_), job = here.kept, trial.config["job"]
            if "record" in result or "failure" in result:
                self._reported.add(trial.trial_id)
            with _past_tune():
                if "epoch" in result:
                    listener.epoch_done(
                        job, trainer.epoch_type.model_validate_json(result["epoch"])
                    )
                if "record" in result:
                    listener.finished(
                        job, trainer.record_type.model_validate_json(result["record"])
                    )
                if "failure" in result:
                    listener.failed(job, Failure.model_validate_json(result["failure"]))

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            steering = here.kept[2]
            if steering is not None and trial.trial_id not in self._reported:
                with _past_tune():
                    steering.stopped(trial.config["job"])

        def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            trainer, job = here.kept[0], trial.config["job"]
            lost = LostWorker.of(reported_by(trial))
            _note_in_log(trainer, job, logging.WARNING, lost.words)
            here.kept[3].append(lost)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            (trainer, listener, *_), job = here.kept, trial.config["job"]
            reported = reported_by(trial)
            message = f"its worker was lost, more often than max_retries ({reason(reported)})"
            _note_in_log(trainer, job, logging.ERROR, f"failed (lost worker): {message}")
            with _past_tune():
                trainer.note_failure(job, reported + "\n")
                listener.failed(job, Failure(kind="lost_worker", message=message))

    return ListeningCallback()


def _note_in_log(trainer: Trainer[Any, Any, Any], job: Any, level: int, text: str) -> None:
    with closing(trainer.open_log(job)) as log:
        log.note(level, text)
