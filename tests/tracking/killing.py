"""Starts a script of this folder and kills it once it says that it is ready."""

import os
import signal
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def kill_when_ready(script, *arguments):
    path = os.pathsep.join([*sys.path, str(FOLDER)])
    process = subprocess.Popen(
        [sys.executable, str(FOLDER / script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=30)
    assert said == b""
