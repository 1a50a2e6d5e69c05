"""Ray itself for the time of a sweep: started here, or a cluster that is joined and monitored."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from foldgrid.execution.resources import Resources
from foldgrid.specs.errors import SweepError

CONNECT_SECONDS = 5.0
"""How long a cluster may take to answer its door."""

SAME_VERSIONS = (
    "Install the same requirements.txt and the same foldgrid on every machine, and start Ray there "
    "again: its processes keep what they have loaded."
)

TOKEN_FILE = Path.home() / ".ray" / "auth_token"
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")

QUIET_ENVIRONMENT = {
    # Ray's own loggers would write what the records already hold.
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
PRELOADED = ("ray.tune", "foldgrid.training.fit", "foldgrid.execution.worker")


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
            "Run foldgrid on the cluster's head node with --address auto, or give HOST:PORT."
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
        resources: How much of this machine a Ray that is started here may use; nothing where one
            is joined.
        address: An existing cluster; nothing starts a local one.
    """

    def __init__(self, resources: Resources | None, address: str | None) -> None:
        self.resources, self.address = resources, address
        self._is_mine = False
        self._restore: Callable[[], None] = lambda: None
        self._monitor: HeadMonitor | None = None

    def __enter__(self) -> Self:
        os.environ.update(QUIET_ENVIRONMENT)
        if self.address is not None:
            _send_token()
        import ray
        from ray import tune  # noqa: F401  (takes a second, now rather than when all else is ready)

        # For each lost worker Tune would print a traceback; the job's own log has what Ray said.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        if ray.is_initialized():
            return self
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address is None and self.resources is not None:
            os.environ.setdefault("RAY_preload_python_modules", ",".join(PRELOADED))
            self._restore = _let_trials_take_ready_workers()
            options |= {"num_cpus": self.resources.num_cpus_of_ray, "include_dashboard": False}
            if self.resources.num_gpus:
                options["num_gpus"] = self.resources.num_gpus
        try:
            # "local", because nothing at all would join whatever cluster somebody else started.
            ray.init(address=self.address or "local", **options)
        except ConnectionError as error:
            self._restore()
            raise _no_cluster(self.address, error) from error
        except RuntimeError as error:
            self._restore()
            if "Version mismatch" not in str(error):
                raise
            raise SweepError(f"--address {self.address}: {error}\n{SAME_VERSIONS}") from error
        self._is_mine = True
        if self.address is not None:
            self._monitor = HeadMonitor(ray.get_runtime_context().gcs_address)
            self._monitor.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._monitor is not None:
            self._monitor.__exit__()
            self._monitor = None
        if self._is_mine:
            import ray

            ray.shutdown()
            self._is_mine = False
        self._restore()


RAY_VARIABLE = "RAY_gcs_rpc_server_reconnect_timeout_s"
RAY_SECONDS = 60.0
"""Without a head for this long Ray ends every process that uses it; the variable says otherwise."""
LOOK_SECONDS = 2.0
EXIT_CODE = 1


class HeadMonitor:
    """Looks after a cluster's head inside a ``with`` block.

    A launch cannot go on without it, nor end in order: Ray's calls hang until Ray ends the
    process. The records are whole at any moment, and trackers' runs are made again from them.

    Args:
        address: ``HOST:PORT`` of the head.
        end: Called where the head is gone; does not return.
        patience: How long it may be away, in seconds; by default a little less than Ray's own.
    """

    def __init__(
        self,
        address: str,
        end: Callable[[str], None] | None = None,
        patience: float | None = None,
    ) -> None:
        self._address, self._end = address, end or _end_process
        self._patience = patience if patience is not None else _less_than_rays()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._monitor, name="ray-head", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _monitor(self) -> None:
        seen = time.monotonic()
        while not self._is_over.wait(min(LOOK_SECONDS, self._patience / 4)):
            if self._answers():
                seen = time.monotonic()
            elif time.monotonic() - seen >= self._patience:
                self._end(_head_is_gone(self._address, self._patience))
                return

    def _answers(self) -> bool:
        host, _, port = self._address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=LOOK_SECONDS):
                return True
        except OSError:
            return False


def _less_than_rays() -> float:
    rays = float(os.environ.get(RAY_VARIABLE) or RAY_SECONDS)
    return max(rays - 10.0, rays / 2)


def _head_is_gone(address: str, seconds: float) -> str:
    return (
        f"The Ray cluster's head, {address}, has not answered for {seconds:.0f} s: it was stopped, "
        "or this machine cannot reach it any more.\n"
        "What is complete is kept, and what was under way goes on from its last checkpoint: start "
        "the cluster again, then run the same command; it trains only what is missing."
    )


def _end_process(message: str) -> None:
    print(f"\n{message}", file=sys.stderr, flush=True)
    os._exit(EXIT_CODE)
