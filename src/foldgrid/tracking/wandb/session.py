"""The W&B library on a short lead: quiet, inside one folder, and told no more than it must know.

The only file that opens runs, and ends the process in which W&B does its work without being asked:
W&B's own way out waits for the uploads of open runs, and a server that hangs takes none. wandb has
no word for this, so what is reached into there is private to it. Knows nothing of fits or sweeps.
"""

from __future__ import annotations

import shutil
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foldgrid.tracking.runs import RunHeader
from foldgrid.tracking.wandb.mode import has_key, quiet_environment

if TYPE_CHECKING:
    import wandb


LiveMode = Literal["online", "offline"]
CACHE_FOLDER = ".cache"


@dataclass(frozen=True)
class Patience:
    """How long W&B may keep us waiting, in seconds.

    Attributes:
        init_seconds: To open a run.
        finish_seconds: To upload what is left when a run closes.
        close_seconds: For everything that is still queued when the projector closes. What is left
            then is written offline.
        hurried_seconds: The same after a Ctrl-C.
        offline_seconds: For writing offline what is left then.
    """

    init_seconds: float = 15.0
    finish_seconds: float = 30.0
    close_seconds: float = 120.0
    hurried_seconds: float = 3.0
    offline_seconds: float = 3.0


class WandbSession:
    """The W&B library from the first run to ``close``.

    Args:
        run_folder: W&B writes to ``<run_folder>/wandb`` and nowhere else.
        project: The W&B project.
        entity: The W&B team, or null for the account's default.
        patience: How long to wait.
    """

    def __init__(
        self, run_folder: Path, project: str, entity: str | None, patience: Patience
    ) -> None:
        self._run_folder = run_folder
        self._project = project
        self._entity = entity
        self._patience = patience
        self._environment = ExitStack()
        self._is_open = False
        self._is_abandoned = threading.Event()
        self._runs: list[wandb.Run] = []

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody waits for W&B's server any more."""
        return self._is_abandoned.is_set()

    def check(self, mode: LiveMode) -> None:
        """Refuses to speak to a server that nobody waits for.

        Raises:
            TimeoutError: It is stopped, and ``mode`` is online.
        """
        if mode == "online" and self.is_abandoned:
            raise TimeoutError("the launch ended before W&B had everything")

    @property
    def _cache(self) -> Path:
        return self._run_folder / "wandb" / CACHE_FOLDER

    def start(self) -> None:
        """Starts W&B's service, where there is none: from here on ``abort`` ends what hangs."""
        self._open()
        import wandb

        wandb.setup()

    def open_run(self, mode: LiveMode, header: RunHeader) -> wandb.Run:
        """A new run; online it goes on where the run of that id stopped.

        Raises:
            Exception: W&B could not open it: no key, no network, or no answer in time.
        """
        self._open()
        import wandb

        if mode == "online":
            # Whoever stops before the service is there has nothing to end, so it is asked after.
            self.start()
            self.check(mode)
        # Without a key W&B would ask for one on the terminal, in the middle of training.
        if mode == "online" and not has_key():
            raise RuntimeError("no W&B key was found (`wandb login` stores one)")
        run = wandb.init(
            dir=str(self._run_folder.absolute()),
            mode=mode,
            project=self._project,
            entity=self._entity,
            id=header.run_id,
            name=header.name,
            group=header.group,
            job_type=header.job_type,
            tags=header.tags,
            config=header.config,
            reinit="create_new",
            # Offline a resumed run would be a second folder with the same id.
            resume="allow" if mode == "online" else None,
            settings=self._settings(),
        )
        self._runs.append(run)
        return run

    def finish_run(self, run: wandb.Run, exit_code: int = 0) -> str:
        """Writes the run's end, and waits for its upload where it is online.

        Returns:
            The name of W&B's local folder.

        Raises:
            TimeoutError: The upload took too long.
        """
        folder = Path(run.dir).parent
        run.finish(exit_code=exit_code)
        _stop_polling(run)
        self._runs.remove(run)
        # W&B's own logs are full of paths, and the folder may be carried elsewhere to be synced.
        for leftover in ("logs", "tmp"):
            shutil.rmtree(folder / leftover, ignore_errors=True)
        return folder.name

    def _settings(self) -> wandb.Settings:
        import wandb

        return wandb.Settings(
            silent=True,
            console="off",
            symlink=False,
            use_dot_wandb=False,
            init_timeout=self._patience.init_seconds,
            finish_timeout=self._patience.finish_seconds,
            finish_timeout_raises=True,
            # "Stop" in the web page would send the launcher an interrupt.
            stop_fn=lambda: None,
            # From here on: what W&B would find out about this machine and its user.
            host="",
            program="launch.py",
            disable_code=True,
            disable_git=True,
            save_code=False,
            disable_job_creation=True,
            label_disable=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_disable_viewer=True,
            x_save_requirements=False,
        )

    def _open(self) -> None:
        if not self._is_open:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._environment.enter_context(quiet_environment(self._cache))
            self._is_open = True

    def restart(self) -> None:
        """Ends W&B's service, with every open run; the next run starts a new one.

        A run whose opening or finishing timed out keeps its id taken until the service ends.
        """
        if self._is_open:
            self.abort()
            self._tear_down()

    def mark_failed(self) -> None:
        """Ends W&B's service for good where it is online. May be called from any thread."""
        self._is_abandoned.set()
        self.abort()

    def abort(self) -> None:
        """Ends W&B's service at once: what waits for it fails. May be called from any thread."""
        WandbService().kill()

    def _tear_down(self) -> None:
        for run in self._runs:
            _stop_polling(run)
        self._runs.clear()
        WandbService().tear_down()

    def close(self) -> None:
        """Ends W&B's service and takes away its cache. May be called twice."""
        if self._is_open:
            self._tear_down()
        self._environment.close()
        if self._is_open:
            shutil.rmtree(self._cache, ignore_errors=True)
            self._is_open = False


def _stop_polling(run: wandb.Run) -> None:
    """Ends the thread by which an online run asks after the network.

    ``finish`` only asks it to end, and a service that ends first makes it print a traceback.
    """
    checker = getattr(run, "_run_status_checker", None)
    if checker is not None:
        checker.join()


class WandbService:
    """The service that wandb started in this process, if it did.

    Must be made before ``wandb.teardown``, which forgets it.
    """

    def __init__(self) -> None:
        # Not imported: where it is not loaded, there is none.
        setup: Any = sys.modules.get("wandb.sdk.wandb_setup")
        self._singleton: Any = getattr(setup, "_singleton", None)
        connection = getattr(self._singleton, "_connection", None)
        handle = getattr(connection, "_proc", None)
        self._process: Any = getattr(handle, "_process", None)

    def kill(self) -> None:
        """Ends it at once: every call that waits for it fails. May be called from any thread."""
        if self._process is not None:
            self._process.kill()

    def tear_down(self) -> None:
        """Has W&B end it in order, and ends what is left of it where that fails."""
        import wandb

        # It may raise SystemExit with its service's exit code.
        with suppress(Exception, SystemExit):
            wandb.teardown()
        if self._process is not None:
            # A connection that is lost keeps W&B from all that comes after it.
            self._process.kill()
            self._process.wait()
            self._singleton._asyncer.join()
