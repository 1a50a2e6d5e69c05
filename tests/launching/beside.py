"""``python launch.py …`` in a process of its own, forked from one that has loaded torch.

Loading torch takes longer than a tiny launch. What a launch loads, and in which order, is held
where one is started as users start it (``test_the_launcher_as_a_user_starts_it``).
"""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).parents[2]

_FORKSERVER = multiprocessing.get_context("forkserver")
_FORKSERVER.set_forkserver_preload(
    [
        "foldgrid.cli.launch",
        "foldgrid.cli.main",
        "foldgrid.launching.session",
        "foldgrid.training.fit",
        "foldgrid.analysis.ranking.build",
        "wandb",
    ]
)


class LaunchBeside:
    """A launch in another process, and what it says: both of its streams in one.

    Args:
        arguments: The command line behind ``launch.py``.
        folder: Where it is started.
        environment: What changes of this process's environment.
    """

    def __init__(
        self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]
    ) -> None:
        reader, writer = _FORKSERVER.Pipe(duplex=False)
        environment = {**os.environ, **environment}
        self._process = _FORKSERVER.Process(
            target=_launch, args=(arguments, str(folder), environment, writer)
        )
        self._process.start()
        writer.close()
        self.output: IO[str] = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
        reader.close()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self, seconds: float = 60) -> int:
        """Until it has ended; returns its exit code, below 0 the signal that ended it.

        Raises:
            TimeoutError: It has not ended within so many seconds.
        """
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise TimeoutError(f"the launch has not ended within {seconds} seconds")
        return self._process.exitcode

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self.output.close()


@contextmanager
def launched_beside(
    *arguments: str, folder: Path, environment: Mapping[str, str] = {}
) -> Iterator[LaunchBeside]:
    """Starts a launch in a process of its own, which does not outlive the block."""
    launch = LaunchBeside(arguments, folder, environment)
    try:
        yield launch
    finally:
        launch.close()


def _launch(
    arguments: tuple[str, ...],
    folder: str,
    environment: Mapping[str, str],
    output: multiprocessing.connection.Connection,
) -> None:
    """In the child: what ``launch.py`` does."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["launch.py", *arguments]

    from foldgrid.cli.main import main, words_of_launch_py

    code = main(words_of_launch_py(arguments))
    # As an interpreter ends. multiprocessing would first wait, for minutes, for the idle processes
    # of joblib, which are told to end only here.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
