"""Starts a script of this folder and kills it once it says that it is ready."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parent


@contextmanager
def started(script, *arguments):
    """Runs a script beside this process, and sees to its end."""
    path = os.pathsep.join([*sys.path, str(FOLDER)])
    with subprocess.Popen(
        [sys.executable, str(FOLDER / script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_when_ready(script, *arguments):
    with started(script, *arguments) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate(timeout=30)
        assert said == b""
