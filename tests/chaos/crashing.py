"""Launches that die at a chosen change of a file; see ``crash_server``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Crashed:
    """What came of one launch.

    Attributes:
        code: Its exit code; -9 where it was killed.
        gates: The gates that it reached, in order: what it was about to do, and to which file.
        said: What it printed.
    """

    code: int
    gates: tuple[str, ...]
    said: str

    @property
    def last(self) -> str:
        """The gate at which it died."""
        return self.gates[-1]


class CrashServer:
    """Asks a warm process for launches.

    Args:
        process: Runs ``crash_server``.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def launch(
        self,
        root: Path,
        arguments: Sequence[str],
        gate: int = 0,
        environment: dict[str, str] | None = None,
    ) -> Crashed:
        """One launch, killed at ``gate``; 0 lets it end.

        Args:
            root: Changes of files below it are gates; also where the launch runs.
            arguments: The command line's.
            gate: Which change, counted from 1.
            environment: Variables of this launch alone.
        """
        output, log = root.parent / f"{root.name}.output", root.parent / f"{root.name}.gates"
        for file in (output, log):
            file.unlink(missing_ok=True)
            file.touch()
        order = {
            "root": str(root),
            "arguments": list(arguments),
            "gate": gate,
            "environment": environment or {},
            "output": str(output),
            "log": str(log),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Crashed(code, tuple(log.read_text().splitlines()), output.read_text())


@contextmanager
def crash_server() -> Iterator[CrashServer]:
    """A warm process for launches; it ends with the block."""
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "src")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.chaos.crash_server"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield CrashServer(process)
        assert process.stdin is not None
        process.stdin.close()
