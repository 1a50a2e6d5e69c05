"""Fits through Ray Tune: a class Trainable, one ``step`` an epoch, actors reused.

The record store is the ledger: Tune is a stateless executor here. It schedules, restarts lost
workers, and carries events to the launcher; it keeps nothing that a later launch needs.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.training import Fit, TrainingData
from foldgrid.tuning.events import Listener
from foldgrid.tuning.executor import finished_record, note_failure, open_fit
from foldgrid.tuning.grid import FitTask
from foldgrid.tuning.resources import Resources

CONNECT_SECONDS = 5.0
"""How long a cluster may take to answer its door."""

TOKEN_FILE = Path.home() / ".ray" / "auth_token"
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")

QUIET_ENVIRONMENT = {
    # The CSV, JSON and TensorBoard loggers would write what the records already hold.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "1",
    # Tune would swallow the first Ctrl-C and return as if all had been trained.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Ray would otherwise wait for more results before it tells of one.
    "TUNE_RESULT_BUFFER_LENGTH": "1",
}

# A worker of a local Ray loads these (torch with them, some seconds) as soon as Ray starts, while
# the launcher still decodes photographs, and not only when it is given its first fit.
PRELOADED = ("ray.tune", "foldgrid.training", __name__)


def _fit_trainable() -> type:
    """The Trainable's class; made on demand, because importing ``ray.tune`` takes seconds."""
    from ray import tune

    class FitTrainable(tune.Trainable):  # type: ignore[misc]
        """Trains one fit after another in one actor."""

        def setup(
            self,
            config: dict[str, Any],
            tasks: Sequence[FitTask],
            data: TrainingData,
            location: str,
        ) -> None:
            """Called once an actor; ``data`` lies in shared memory, not in this process."""
            self._tasks, self._data, self._store = tasks, data, RunStore(location)
            self._fit: Fit | None = None
            self._begin(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Takes the next fit up in the same process."""
            self._begin(new_config)
            return True

        def _begin(self, config: dict[str, Any]) -> None:
            # The last fit's memory goes before the next one's comes.
            self._fit = None
            self._task = self._tasks[config["task"]]

        def step(self) -> dict[str, Any]:
            """One epoch; the last also concludes the fit."""
            # An exception here would count as a lost worker and be tried again; an error of the
            # fit itself would only come again.
            try:
                return self._step()
            except Exception as error:
                message = note_failure(self._task, self._store, error)
                self._fit = None
                return {"failure": message, "done": True}

        def _step(self) -> dict[str, Any]:
            if self._fit is None:
                finished = finished_record(self._task, self._store)
                if finished is not None:
                    return {"fit_record": finished.model_dump_json(), "done": True}
                self._fit = open_fit(self._task, self._data, self._store)
            result: dict[str, Any] = {"done": False}
            if not self._fit.is_over:
                result["epoch_record"] = self._fit.run_epoch().model_dump_json()
            if self._fit.is_over:
                result["fit_record"] = self._fit.conclude().model_dump_json()
                result["done"] = True
                self._fit = None
            return result

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing: fits keep their own checkpoints. Tune demands the method."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing; see ``save_checkpoint``."""

    return FitTrainable


class _LauncherOnly:
    """Holds what must not travel: Tune pickles its callbacks, open displays cannot be pickled."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _listening_callback(tasks: Sequence[FitTask], listener: Listener, store: RunStore) -> Any:
    from ray import tune

    here = _LauncherOnly(listener)

    class ListeningCallback(tune.Callback):  # type: ignore[misc]
        """Turns Tune's callbacks into events; runs in the launcher's process."""

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            here.listener.started(tasks[trial.config["task"]])

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            task = tasks[trial.config["task"]]
            if "epoch_record" in result:
                text = result["epoch_record"]
                here.listener.epoch_done(task, EpochRecord.model_validate_json(text))
            if "fit_record" in result:
                here.listener.finished(task, FitRecord.model_validate_json(result["fit_record"]))
            if "failure" in result:
                here.listener.failed(task, result["failure"])

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            task = tasks[trial.config["task"]]
            told = str(trial.get_error() or "Ray did not say why").strip()
            store.fit(task.config.fit_id).write_failure(told + "\n")
            last = told.splitlines()[-1][:200]
            here.listener.failed(task, f"its worker was lost, more often than max_retries ({last})")

    return ListeningCallback()


class RayTuneExecutor:
    """Trains through Ray Tune.

    Entering it starts Ray, or joins the cluster; a Ray that was started there ends on leaving.

    Args:
        resources: What one fit takes, and how many run at a time.
        max_retries: How often a fit is tried again after its worker was lost.
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
        self, tasks: Sequence[FitTask], data: TrainingData, store: RunStore, listener: Listener
    ) -> None:
        """See ``Executor``."""
        if not tasks:
            return
        scratch = tempfile.mkdtemp(prefix="foldgrid-tune-")
        try:
            self._fit_all(tasks, data, store, listener, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _fit_all(
        self,
        tasks: Sequence[FitTask],
        data: TrainingData,
        store: RunStore,
        listener: Listener,
        scratch: str,
    ) -> None:
        from ray import tune

        # On a cluster Tune fills every node; this machine's cores say nothing about the others'.
        resources = self.resources
        num_concurrent = resources.max_concurrent if self.address else resources.num_concurrent
        trainable = tune.with_resources(
            tune.with_parameters(
                _fit_trainable(), tasks=tuple(tasks), data=data, location=absolute_location(store)
            ),
            {"cpu": self.resources.cpus_per_fit, "gpu": self.resources.gpus_per_fit},
        )
        tuner = tune.Tuner(
            trainable,
            # The order of a grid search is the order of its values: longest fits first.
            param_space={"task": tune.grid_search(list(range(len(tasks))))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=num_concurrent),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=self.max_retries),
                callbacks=[_listening_callback(tasks, listener, store)],
            ),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tuner.fit()


def absolute_location(store: RunStore) -> str:
    """Workers have another working directory."""
    return str(store.root.local_path) if store.root.is_local else store.location


def check_address(address: str | None) -> None:
    """Refuses the address of a cluster that does not answer.

    Ray itself would wait for minutes.

    Raises:
        SweepError: Nothing listens there.
    """
    if address is None or address in {"auto", "local"}:
        return
    if address.startswith("ray://"):
        raise SweepError(
            f"--address {address}: a Ray client cannot carry the fits' progress back here.\n"
            "Run launch.py on the cluster's head node with --address auto, or give HOST:PORT."
        )
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _let_trials_take_ready_workers() -> Callable[[], None]:
    """Has Tune start trials in the workers that a local Ray has ready, with torch loaded.

    Tune gives its actors environment variables of their own (Lightning's, and the AWS
    credentials). Ray starts a fresh process for any environment of its own, some four seconds a
    worker, and local workers have these variables from here anyway.

    Returns:
        Puts things back.
    """
    from ray.tune.execution import class_cache

    kept = dict(class_cache.DEFAULT_ENV_VARS), set(class_cache.ENV_VARS_TO_PROPAGATE)
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()

    def restore() -> None:
        class_cache.DEFAULT_ENV_VARS.update(kept[0])
        class_cache.ENV_VARS_TO_PROPAGATE.update(kept[1])

    return restore


def _send_token() -> None:
    """Has Ray send this user's token, where there is one, to a cluster that was there before.

    ``ray start`` guards a new cluster by the token as soon as one exists (any local use of Ray
    makes one), but a client sends it only when told so. A cluster without a guard ignores it.
    """
    has_token = any(os.environ.get(name) for name in TOKEN_VARIABLES) or TOKEN_FILE.exists()
    if has_token:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _no_cluster(address: str | None, error: Exception) -> SweepError:
    return SweepError(
        f"--address {address}: no Ray cluster answers ({error}).\n"
        "Give auto or HOST:PORT of a running cluster; start one with `ray start --head`, or leave "
        "--address out to use this machine.\n"
        "A cluster on other machines may ask for its token: copy its ~/.ray/auth_token here."
    )


class RaySession:
    """Ray for the time of a sweep: started here, or joined; ended where it was started.

    Args:
        resources: How much of this machine a Ray that is started here may use.
        address: An existing cluster; nothing starts a local one.
    """

    def __init__(self, resources: Resources, address: str | None) -> None:
        self.resources, self.address = resources, address
        self._is_mine = False
        self._restore: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        os.environ.update(QUIET_ENVIRONMENT)
        if self.address is not None:
            _send_token()
        import logging

        import ray
        from ray import tune  # noqa: F401  (takes a second, now rather than when all else is ready)

        if ray.is_initialized():
            return self
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address is None:
            os.environ.setdefault("RAY_preload_python_modules", ",".join(PRELOADED))
            self._restore = _let_trials_take_ready_workers()
            options |= {"num_cpus": self.resources.num_cpus, "include_dashboard": False}
            if self.resources.num_gpus:
                options["num_gpus"] = self.resources.num_gpus
        try:
            # "local", because nothing at all would join whatever cluster somebody else started.
            ray.init(address=self.address or "local", **options)
        except ConnectionError as error:
            self._restore()
            raise _no_cluster(self.address, error) from error
        self._is_mine = True
        return self

    def __exit__(self, *exception: object) -> None:
        if self._is_mine:
            import ray

            ray.shutdown()
            self._is_mine = False
        self._restore()
