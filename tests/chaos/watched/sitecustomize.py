"""On the path of every process of a launch, Ray's among them: notes each epoch that one trains.

An epoch ends with a line appended to its fit's history, so opening that file for appending is
noted: when, by which process of which launch, and for which fit.
"""

import os
import sys
import time
from pathlib import Path

LOG, LAUNCH = os.environ.get("CHAOS_LOG"), os.environ.get("CHAOS_LAUNCH", "0")


def _note(event, arguments):
    if event != "open" or not arguments[2] & os.O_APPEND:
        return
    path = os.fspath(arguments[0]) if isinstance(arguments[0], (str, os.PathLike)) else ""
    if isinstance(path, str) and path.endswith(f"{os.sep}history.jsonl"):
        line = f"{LAUNCH} {os.getpid()} {time.time()} {Path(path).parent.name}\n"
        # This opens for appending, too, but no history.
        descriptor = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)


if LOG:
    sys.addaudithook(_note)
