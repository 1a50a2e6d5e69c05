"""Processes of a launch: found through ``/proc``, killed by their number."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds processes by /proc")


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, nearest first."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                below.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for each in found:
        found += below.get(each, [])
    return found[1:]


def title(pid: int) -> str:
    """A process's command line; empty where it is gone, or dead and not yet waited for."""
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def workers(pid: int) -> list[int]:
    """Ray's workers below ``pid`` that train."""
    return [each for each in descendants(pid) if "Trainable" in title(each)]


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Looks often whether ``holds``; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"in vain for {seconds:.0f} s: {what}"
        time.sleep(0.02)


def wait_until_gone(pids: Iterable[int], seconds: float) -> None:
    """Waits for processes to end; fails, and kills them, where some do not."""
    pids = list(pids)
    try:
        wait_until(lambda: not any(map(title, pids)), seconds, "processes end by themselves")
    except AssertionError:
        names = [title(each)[:80] for each in pids if title(each)]
        kill(pids)
        raise AssertionError(f"still there after {seconds:.0f} s: {names}") from None
