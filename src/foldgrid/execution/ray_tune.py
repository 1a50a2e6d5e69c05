"""Jobs through Ray Tune: a class Trainable, one ``step`` an epoch, actors reused.

The record store is the ledger: Tune is a stateless executor here. It schedules, restarts lost
workers, and carries events to the launcher; it keeps nothing that a later launch needs.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from foldgrid.execution.events import Listener
from foldgrid.execution.job_runner import JobRunner
from foldgrid.execution.lost_workers import reason, reported_by
from foldgrid.execution.ray_session import RaySession
from foldgrid.execution.resources import Resources
from foldgrid.execution.trainer import Epoch, Job, Result, Steering, Trainer
from foldgrid.models import stay_offline
from foldgrid.models.facts import Facts, facts_so_far, known_facts
from foldgrid.specs.failure import Failure

MANY = 1000
"""With a searcher Tune keeps one trial waiting unless it knows how many may run."""

STATE_FILE = "state.pt"


class RayTuneExecutor:
    """Trains through Ray Tune; see ``Executor``.

    Entering it starts Ray, or joins the cluster; a Ray that was started there ends on leaving.

    Args:
        resources: What one job takes, and how many run at a time.
        max_retries: How often a job is tried again after its worker was lost.
        address: An existing cluster (``auto``, or ``HOST:PORT``); nothing starts a local
            one for the time of the sweep.
    """

    def __init__(
        self, resources: Resources, max_retries: int = 2, address: str | None = None
    ) -> None:
        self.resources, self.max_retries, self.address = resources, max_retries, address
        self._session = RaySession(resources, address)

    def __enter__(self) -> Self:
        self._session.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
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
        # Of paused jobs only: their states go through here, so a cluster's nodes must all see it.
        scratch = tempfile.mkdtemp(prefix="foldgrid-tune-")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._tuner(trainer, jobs, listener, steering, scratch).fit()
        except _ListenerError as failed:
            raise failed.error from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _tuner(
        self,
        trainer: Trainer[Job, Epoch, Result],
        jobs: Iterable[Job],
        listener: Listener[Job, Epoch, Result],
        steering: Steering[Job, Epoch] | None,
        scratch: str,
    ) -> Any:
        from ray import tune

        callback = _listening_callback(trainer, listener, steering)
        trainable = tune.with_parameters(_trainable(), trainer=trainer, facts=facts_so_far())
        return tune.Tuner(
            tune.with_resources(
                trainable, _fractions(self.resources.cpus_per_fit, type(trainer).gpus)
            ),
            **self._order(jobs, steering, trainer),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,
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


def _fractions(cpus: int, gpus_of: Callable[[Any], float]) -> Callable[[dict[str, Any]], Any]:
    """What each job takes; those that take the same follow one another in the same actors."""
    from ray import tune

    def fractions(config: dict[str, Any]) -> Any:
        bundle = {"CPU": cpus, "GPU": gpus_of(config["job"])}
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
    trainer: Trainer[Any, Any, Any], listener: Listener[Any, Any, Any], steering: Any
) -> Any:
    from ray import tune

    here = _LauncherOnly((trainer, listener, steering))

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
            (trainer, listener, _), job = here.kept, trial.config["job"]
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
            text = "its worker was lost; it goes on from its last checkpoint elsewhere"
            _note_in_log(trainer, job, logging.WARNING, f"{text} ({reason(reported_by(trial))})")

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            (trainer, listener, _), job = here.kept, trial.config["job"]
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


def _trainable() -> type:
    """The Trainable's class; made on demand, because importing ``ray.tune`` takes seconds."""
    from ray import tune

    class JobTrainable(tune.Trainable):  # type: ignore[misc]
        """Trains one job after another in one actor; a step is an epoch."""

        def setup(
            self, config: dict[str, Any], trainer: Trainer[Any, Any, Any], facts: Facts
        ) -> None:
            """Called once an actor; the trainer's data lie in memory that all processes share."""
            # What the plan found out about networks, not once more in each process.
            self._facts = facts
            # Weights were fetched before, if at all; thirty workers would each fetch them.
            stay_offline()
            self._trainer = trainer
            self._runner: JobRunner[Any, Any, Any] | None = None
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Takes the next job up in the same process."""
            # The last job's memory goes before the next one's comes.
            if self._runner is not None:
                self._runner.close()
            self._job = new_config["job"]
            self._runner = JobRunner(self._trainer, self._job)
            return True

        def step(self) -> dict[str, Any]:
            """One epoch; the last also finalizes the job."""
            assert self._runner is not None
            # An exception here would count as a lost worker and be tried again.
            with known_facts(self._facts):
                step = self._runner.advance()
            reported = {"epoch": step.epoch, "record": step.record, "failure": step.failure}
            facts = {name: each.model_dump_json() for name, each in reported.items() if each}
            if step.is_last:
                self._runner.close()
            return {**facts, "done": step.is_last}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Called where a scheduler pauses a job, or has another one go on from it."""
            state = self._runner.state() if self._runner is not None else None
            if state is not None:
                (Path(checkpoint_dir) / STATE_FILE).write_bytes(state)

        def load_checkpoint(self, checkpoint_dir: str) -> None:
            """The job goes on from there at its next step."""
            path = Path(checkpoint_dir) / STATE_FILE
            state = path.read_bytes() if path.exists() else None
            self._runner = JobRunner(self._trainer, self._job, state)

    return JobTrainable
