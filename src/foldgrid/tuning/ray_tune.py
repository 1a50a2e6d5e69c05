"""Tasks through Ray Tune: a class Trainable, one ``step`` an epoch, actors reused.

The record store is the ledger: Tune is a stateless executor here. It schedules, restarts lost
workers, and carries events to the launcher; it keeps nothing that a later launch needs.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from foldgrid.tuning.events import Listener
from foldgrid.tuning.ray_session import RaySession
from foldgrid.tuning.resources import Resources
from foldgrid.tuning.work import Epoch, Result, Steering, Task, Work, describe_failure

MANY = 1000
"""With a searcher Tune keeps one trial waiting unless it is told how many may run."""

STATE_FILE = "state.pt"


class RayTuneExecutor:
    """Trains through Ray Tune; see ``Executor``.

    Entering it starts Ray, or joins the cluster; a Ray that was started there ends on leaving.

    Args:
        resources: What one task takes, and how many run at a time.
        max_retries: How often a task is tried again after its worker was lost.
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
        work: Work[Task, Epoch, Result],
        tasks: Iterable[Task],
        listener: Listener[Task, Epoch, Result],
        steering: Steering[Task, Epoch] | None = None,
    ) -> None:
        """See ``Executor``."""
        if isinstance(tasks, Sequence) and not tasks:
            return
        # Paused tasks' states go through here; a cluster's nodes must all see it.
        scratch = tempfile.mkdtemp(prefix="foldgrid-tune-")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._tuner(work, tasks, listener, steering, scratch).fit()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _tuner(
        self,
        work: Work[Task, Epoch, Result],
        tasks: Iterable[Task],
        listener: Listener[Task, Epoch, Result],
        steering: Steering[Task, Epoch] | None,
        scratch: str,
    ) -> Any:
        from ray import tune

        share = {"cpu": self.resources.cpus_per_fit, "gpu": self.resources.gpus_per_fit}
        callback = _listening_callback(work, listener, steering)
        return tune.Tuner(
            tune.with_resources(tune.with_parameters(_trainable(), work=work), share),
            **self._order(tasks, steering, work),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=self.max_retries),
                callbacks=[callback],
            ),
        )

    def _order(
        self,
        tasks: Iterable[Task],
        steering: Steering[Task, Epoch] | None,
        work: Work[Task, Epoch, Result],
    ) -> dict[str, Any]:
        """Which tasks, in which order, how many at a time, and who ends them."""
        from ray import tune

        # On a cluster Tune fills every node; this machine's cores say nothing about the others'.
        resources = self.resources
        limit = resources.max_concurrent if self.address else resources.num_concurrent
        scheduler = steering.ray_scheduler() if steering is not None else None
        if scheduler is not None:
            # A paused task holds no worker, but would count.
            limit = None
        elif steering is not None:
            scheduler = _steered(steering, work)
        options: dict[str, Any] = {"reuse_actors": True, "scheduler": scheduler}
        if isinstance(tasks, Sequence):
            # The order of a grid search is the order of its values: longest fits first.
            config = tune.TuneConfig(max_concurrent_trials=limit, **options)
            return {
                "param_space": {"task": tune.grid_search(list(tasks))},
                "tune_config": config,
            }
        config = tune.TuneConfig(
            search_alg=_searcher(iter(tasks)),
            num_samples=-1,
            max_concurrent_trials=limit or MANY,
            trial_dirname_creator=_directory_name,
            **options,
        )
        return {"tune_config": config}


def _directory_name(trial: Any) -> str:
    return str(trial.trial_id)


class _LauncherOnly:
    """Holds what must not travel: Tune pickles its searcher, its scheduler and its callbacks."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _searcher(tasks: Iterator[Any]) -> Any:
    from ray.tune.search import Searcher

    here = _LauncherOnly(tasks)

    class TaskSearcher(Searcher):  # type: ignore[misc]
        """Tune's view of the tasks: it asks for the next one whenever there is room."""

        def suggest(self, trial_id: str) -> dict[str, Any] | str:
            task = next(here.kept, None)
            return Searcher.FINISHED if task is None else {"task": task}

        def on_trial_complete(self, trial_id: str, *rest: Any, **more: Any) -> None:
            """The listener hears of it; nothing to do here."""

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the records remember."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing; see ``save``."""

    return TaskSearcher()


def _steered(steering: Steering[Any, Any], work: Work[Any, Any, Any]) -> Any:
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    here, epoch_type = _LauncherOnly(steering), work.epoch_type

    class SteeredScheduler(FIFOScheduler):  # type: ignore[misc]
        """Starts tasks in their order; stops those that the steering gives up."""

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            if "epoch" not in result or result["done"]:
                return str(TrialScheduler.CONTINUE)
            epoch = epoch_type.model_validate_json(result["epoch"])
            is_stopped = here.kept.should_stop(trial.config["task"], epoch)
            return str(TrialScheduler.STOP if is_stopped else TrialScheduler.CONTINUE)

    return SteeredScheduler()


def _listening_callback(
    work: Work[Any, Any, Any], listener: Listener[Any, Any, Any], steering: Any
) -> Any:
    from ray import tune

    here = _LauncherOnly((work, listener, steering))

    class ListeningCallback(tune.Callback):  # type: ignore[misc]
        """Turns Tune's callbacks into events; runs in the launcher's process."""

        def __init__(self) -> None:
            self._told: set[str] = set()

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            here.kept[1].started(trial.config["task"])

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            (work, listener, _), task = here.kept, trial.config["task"]
            if "epoch" in result:
                listener.epoch_done(task, work.epoch_type.model_validate_json(result["epoch"]))
            if "record" in result:
                self._told.add(trial.trial_id)
                listener.finished(task, work.record_type.model_validate_json(result["record"]))
            if "failure" in result:
                self._told.add(trial.trial_id)
                listener.failed(task, result["failure"])

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            steering = here.kept[2]
            if steering is not None and trial.trial_id not in self._told:
                steering.stopped(trial.config["task"])

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            (work, listener, _), task = here.kept, trial.config["task"]
            told = str(trial.get_error() or "Ray did not say why").strip()
            work.note_failure(task, told + "\n")
            last = told.splitlines()[-1][:200]
            listener.failed(task, f"its worker was lost, more often than max_retries ({last})")

    return ListeningCallback()


def _trainable() -> type:
    """The Trainable's class; made on demand, because importing ``ray.tune`` takes seconds."""
    from ray import tune

    class TaskTrainable(tune.Trainable):  # type: ignore[misc]
        """Trains one task after another in one actor; a step is an epoch."""

        def setup(self, config: dict[str, Any], work: Work[Any, Any, Any]) -> None:
            """Called once an actor; the work's data lie in shared memory, not in this process."""
            self._work = work
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Takes the next task up in the same process."""
            # The last task's memory goes before the next one's comes.
            self._job: Any = None
            self._state: bytes | None = None
            self._task = new_config["task"]
            return True

        def step(self) -> dict[str, Any]:
            """One epoch; the last also concludes the job."""
            # An exception here would count as a lost worker and be tried again; an error of the
            # task itself would only come again.
            try:
                return self._step()
            except Exception as error:
                self._job = None
                message, text = describe_failure(error)
                self._work.note_failure(self._task, text)
                return {"failure": message, "done": True}

        def _step(self) -> dict[str, Any]:
            if self._job is None:
                finished = self._work.finished(self._task)
                if finished is not None:
                    return {"record": finished.model_dump_json(), "done": True}
                self._job = self._work.open(self._task, self._state)
                self._state = None
            result: dict[str, Any] = {"done": False}
            if not self._job.is_over:
                result["epoch"] = self._job.run_epoch().model_dump_json()
            if self._job.is_over:
                result["record"] = self._job.conclude().model_dump_json()
                result["done"] = True
                self._job = None
            return result

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Called where a scheduler pauses a task, or has another one go on from it."""
            if self._job is not None:
                (Path(checkpoint_dir) / STATE_FILE).write_bytes(self._work.state(self._job))

        def load_checkpoint(self, checkpoint_dir: str) -> None:
            """The task goes on from there at its next step."""
            path = Path(checkpoint_dir) / STATE_FILE
            self._state = path.read_bytes() if path.exists() else None
            self._job = None

    return TaskTrainable
