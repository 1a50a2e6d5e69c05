"""On the path of every process of a launch, Ray's among them.

Notes each epoch that one trains: it ends with a line appended to its fit's history, so opening that
file for appending is noted: when, by which process of which launch, and for which fit.

Below CHAOS_SHARED, when it is set, files are noted that one machine should make or read for all:
features that are computed, weights that are copied, photographs that are read; each with the
network of its machine.

Below CHAOS_NETWORK_FOLDER it also takes away what a network file system may not have: hard links,
locks, and syncing a folder.
"""

import errno
import fcntl
import os
import sys
import time
from pathlib import Path

SHARED = os.environ.get("CHAOS_SHARED")
LOG, LAUNCH = os.environ.get("CHAOS_LOG"), os.environ.get("CHAOS_LAUNCH", "0")
NETWORK_FOLDER = os.environ.get("CHAOS_NETWORK_FOLDER")


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


def _note_shared(event, arguments):
    if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
        return
    path, mode = os.fspath(arguments[0]), arguments[1]
    if not isinstance(path, str):
        return
    # A memory-mapped array is made by opening it so; what is copied is written from its start.
    made = path.endswith(".partial") and "/features/" in path and mode == "w+"
    copied = path.endswith(".partial") and "/hub/checkpoints/" in path and mode == "w"
    if made or copied or (path.endswith(".jpg") and mode == "r"):
        kind = "computed" if made else "copied" if copied else "read"
        line = f"{kind} {Path('/proc/self/ns/net').readlink()} {Path(path).name}\n"
        descriptor = os.open(SHARED, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def _is_on_network(file):
    if not isinstance(file, (str, os.PathLike)):
        number = file if isinstance(file, int) else file.fileno()
        file = Path(f"/proc/self/fd/{number}").readlink()
    return os.path.abspath(file).startswith(NETWORK_FOLDER + os.sep)  # noqa: PTH100


def _without(function, code, applies=lambda file: True):
    def refuse(file, *arguments, **options):
        if _is_on_network(file) and applies(file):
            raise OSError(code, os.strerror(code))
        return function(file, *arguments, **options)

    return refuse


if LOG:
    sys.addaudithook(_note)
if SHARED:
    sys.addaudithook(_note_shared)
if NETWORK_FOLDER:
    os.link = _without(os.link, errno.EPERM)
    fcntl.flock, fcntl.lockf = (
        _without(fcntl.flock, errno.ENOLCK),
        _without(fcntl.lockf, errno.ENOLCK),
    )
    os.fsync = _without(os.fsync, errno.EINVAL, lambda file: os.path.isdir(file))  # noqa: PTH112
