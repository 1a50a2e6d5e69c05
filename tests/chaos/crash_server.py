"""Run as a process of its own: launches sweeps in forked children that kill themselves.

Importing torch takes seconds and a launch of a tiny sweep one, so this process imports everything
once, computes nothing, and forks for each launch. It reads an order a line from its input, a JSON
object (see ``crashing.Order``), and answers with the child's exit status.

Gates are the moments at which a launch is about to change a file below one folder: opens it for
writing, renames it or removes it. Behind each rename and in the middle of each appended line is one
more. The child counts them, and dies at the one that it was told to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import foldgrid.analysis.evaluation
import foldgrid.analysis.ranking.build
import foldgrid.analysis.ranking.leaderboard
import foldgrid.analysis.ranking.terminal
import foldgrid.cli.launch
import foldgrid.launching.session
import foldgrid.sessions  # noqa: F401
from foldgrid.cli.main import main, words_of_launch_py
from foldgrid.training.checkpoint_interval import CheckpointInterval

WRITING = os.O_WRONLY | os.O_RDWR


class Gates:
    """Counts the changes of files below ``root`` and dies at number ``last``, from 1; 0 is none."""

    def __init__(self, root: str, last: int, log: str) -> None:
        self.root, self.last, self.count = root + os.sep, last, 0
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def monitor(self) -> None:
        """Begins; there is no end but the process's own."""
        sys.addaudithook(self._receive)
        real = os.replace

        def replace(source: Any, target: Any, **more: Any) -> None:
            real(source, target, **more)
            self._reach("renamed", target)

        os.replace = replace

    def _receive(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
            path, _, flags = arguments
            if flags & WRITING and self._reach("opens", path) and flags & os.O_APPEND:
                self._reach("tears", path)
        elif event == "os.rename":
            self._reach("renames", arguments[1])
        elif event == "os.remove" and Path(arguments[0]).exists():
            self._reach("removes", arguments[0])

    def _reach(self, what: str, path: Any) -> bool:
        path = os.fspath(path)
        if not isinstance(path, str) or not path.startswith(self.root):
            return False
        self.count += 1
        os.write(self.log, f"{what} {path.removeprefix(self.root)}\n".encode())
        if self.count == self.last:
            if what == "tears":
                self._tear(path)
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def _tear(self, path: str) -> None:
        self.last = 0
        with Path(path).open("ab") as file:
            file.write(b'{"epoch":1,"learning_ra')


def obey(order: dict[str, Any]) -> None:
    """In the child: launches as ordered, and ends."""
    os.chdir(order["root"])
    said = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(order["environment"])
    # A checkpoint after every epoch, whatever it costs: as in a long training.
    CheckpointInterval.is_due = lambda self: True  # type: ignore[method-assign]
    sys.argv = ["launch.py", *order["arguments"]]
    Gates(order["root"], order["gate"], order["log"]).monitor()
    code = main(words_of_launch_py(sys.argv[1:]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve() -> None:
    """Forks for each order until the input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                obey(json.loads(line))
            finally:
                # Only an exception comes here; it must not reach the loop.
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
                os._exit(99)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
