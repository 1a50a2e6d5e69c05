"""Trials side by side: through Ray Tune, or one after another in this process.

Laws, kept by both: every trial that the feed gives is started, and then finished or failed; an
error of one trial is told and the others go on; feed and listener are called in the caller's
process.
"""

from __future__ import annotations

import shutil
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import Any, Protocol, Self

from foldgrid.records import RunStore
from foldgrid.training import TrainingData
from foldgrid.tuning.executor import describe_failure
from foldgrid.tuning.ray_tune import RaySession, absolute_location
from foldgrid.tuning.resources import Resources
from foldgrid.tuning.search.lockstep import LockstepTrial
from foldgrid.tuning.search.trials import (
    TrialEpoch,
    TrialFeed,
    TrialListener,
    TrialRecord,
    TrialTask,
)


class TrialExecutor(Protocol):
    """Trains trials, inside a ``with`` block."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def run(
        self, feed: TrialFeed, data: TrainingData, store: RunStore, listener: TrialListener
    ) -> None:
        """Trains what ``feed`` gives until it gives nothing more."""
        ...


def note_trial_failure(task: TrialTask, store: RunStore, error: Exception) -> str:
    """Keeps the traceback beside the trials' records; returns the message for people."""
    text = "".join(traceback.format_exception(error))
    store.write_text(f"trials/{task.name}.failure.txt", text)
    return describe_failure(error)


class InlineTrialExecutor:
    """Trains in the caller's process, one trial after another."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing was started."""

    def run(
        self, feed: TrialFeed, data: TrainingData, store: RunStore, listener: TrialListener
    ) -> None:
        """See ``TrialExecutor``."""
        while (task := feed.next_trial()) is not None:
            listener.started(task)
            try:
                record = self._train(task, data, store, listener)
            except Exception as error:
                listener.failed(task, note_trial_failure(task, store, error))
                continue
            listener.finished(task, record)

    @staticmethod
    def _train(
        task: TrialTask, data: TrainingData, store: RunStore, listener: TrialListener
    ) -> TrialRecord:
        # In a function of its own, so that the trial's memory goes before the next one's comes.
        trial = LockstepTrial(task, data, store)
        while not trial.is_over:
            listener.epoch_done(task, trial.run_epoch())
        return trial.conclude()


class RayTrialExecutor:
    """Trains through Ray Tune: a trial is one of Tune's, suggested by the feed.

    Args:
        resources: What one trial takes, and how many run at a time.
        max_retries: How often a trial is tried again after its worker was lost.
        address: An existing cluster; nothing starts a local one.
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
        self, feed: TrialFeed, data: TrainingData, store: RunStore, listener: TrialListener
    ) -> None:
        """See ``TrialExecutor``."""
        from ray import tune

        scratch = tempfile.mkdtemp(prefix="foldgrid-search-")
        resources = self.resources
        limit = resources.max_concurrent if self.address else resources.num_concurrent
        trainable = tune.with_resources(
            tune.with_parameters(_trial_trainable(), data=data, location=absolute_location(store)),
            {"cpu": resources.cpus_per_fit, "gpu": resources.gpus_per_fit},
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=_searcher(feed),
                num_samples=-1,
                max_concurrent_trials=limit or MANY,
                reuse_actors=True,
                trial_dirname_creator=_directory_name,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=self.max_retries),
                callbacks=[_listening_callback(listener, store)],
            ),
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tuner.fit()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


MANY = 1000
"""With a searcher Tune keeps one trial waiting unless it is told how many may run."""


def _directory_name(trial: Any) -> str:
    return str(trial.trial_id)


class _LauncherOnly:
    """Holds what must not travel: Tune pickles its searcher and its callbacks."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _searcher(feed: TrialFeed) -> Any:
    from ray.tune.search import Searcher

    here = _LauncherOnly(feed)

    class FeedSearcher(Searcher):  # type: ignore[misc]
        """Tune's view of the feed: it asks for the next trial whenever there is room."""

        def suggest(self, trial_id: str) -> dict[str, Any] | str:
            task = here.kept.next_trial()
            return Searcher.FINISHED if task is None else {"task": task}

        def on_trial_complete(self, trial_id: str, *rest: Any, **more: Any) -> None:
            """The listener hears of it; nothing to do here."""

        def save(self, checkpoint_path: str) -> None:
            """Nothing: the study remembers."""

        def restore(self, checkpoint_path: str) -> None:
            """Nothing; see ``save``."""

    return FeedSearcher()


def _listening_callback(listener: TrialListener, store: RunStore) -> Any:
    from ray import tune

    here = _LauncherOnly(listener)

    class ListeningCallback(tune.Callback):  # type: ignore[misc]
        """Turns Tune's callbacks into the listener's; runs in the launcher's process."""

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            here.kept.started(trial.config["task"])

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            task: TrialTask = trial.config["task"]
            if "trial_epoch" in result:
                here.kept.epoch_done(task, TrialEpoch.model_validate_json(result["trial_epoch"]))
            if "trial_record" in result:
                record = TrialRecord.model_validate_json(result["trial_record"])
                here.kept.finished(task, record)
            if "failure" in result:
                here.kept.failed(task, result["failure"])

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            task: TrialTask = trial.config["task"]
            told = str(trial.get_error() or "Ray did not say why").strip()
            store.write_text(f"trials/{task.name}.failure.txt", told + "\n")
            here.kept.failed(task, "its worker was lost, more often than max_retries")

    return ListeningCallback()


def _trial_trainable() -> Callable[..., Any]:
    """The Trainable's class; made on demand, because importing ``ray.tune`` takes seconds."""
    from ray import tune

    class TrialTrainable(tune.Trainable):  # type: ignore[misc]
        """Trains one trial after another in one actor; a step is an epoch of all folds."""

        def setup(self, config: dict[str, Any], data: TrainingData, location: str) -> None:
            """Called once an actor; ``data`` lies in shared memory."""
            self._data, self._store = data, RunStore(location)
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Takes the next trial up in the same process."""
            self._trial: LockstepTrial | None = None
            self._task: TrialTask = new_config["task"]
            return True

        def step(self) -> dict[str, Any]:
            """One epoch; the last also concludes the trial."""
            try:
                return self._step()
            except Exception as error:
                # Raised, it would count as a lost worker and only come again.
                self._trial = None
                message = note_trial_failure(self._task, self._store, error)
                return {"failure": message, "done": True}

        def _step(self) -> dict[str, Any]:
            if self._trial is None:
                self._trial = LockstepTrial(self._task, self._data, self._store)
            result: dict[str, Any] = {"done": False}
            if not self._trial.is_over:
                result["trial_epoch"] = self._trial.run_epoch().model_dump_json()
            if self._trial.is_over:
                result["trial_record"] = self._trial.conclude().model_dump_json()
                result["done"] = True
                self._trial = None
            return result

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing: a lost trial begins anew. Tune demands the method."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing; see ``save_checkpoint``."""

    return TrialTrainable
