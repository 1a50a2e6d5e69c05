"""What Ray says of a worker that it lost, in words for people."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foldgrid.specs.counted import counted

LOW_ON_MEMORY = re.compile(r"running low on memory\. .*? was (\S+) used / (\S+) limit", re.DOTALL)
A_FAILURE = re.compile(r"^Failure # \d+ \(.*\)\n", re.MULTILINE)
LONGEST = 300

LEFT = "exit_actor() is called"
"""What Ray says of a worker that went by itself, because its machine was drained."""
NO_ANSWER = "Its machine does not answer."
MACHINE_IS_GONE = ("its node has died", NO_ANSWER, LEFT)
NUM_CALLS, CALL_SECONDS, PAUSE_SECONDS = 3, 2.0, 0.5
"""How often, for how long and how far apart a machine is called whose worker was lost."""


def reported_by(trial: Any) -> str:
    """All that Tune has of the last time that a trial's worker was lost."""
    # Tune's own question for it, `get_error`, looks where it is copied later, if at all.
    local = Path(trial.error_file or "")
    reported = local.read_text() if local.is_file() else trial.get_error()
    return last_failure(str(reported or "Ray did not say why"))


def last_failure(reported: str) -> str:
    """Of the failures that Tune collects in one text, the last."""
    return A_FAILURE.split(reported)[-1].strip()


def reason(reported: str) -> str:
    """Why, in a line."""
    memory = LOW_ON_MEMORY.search(reported)
    if memory:
        used, limit = memory.groups()
        return (
            f"the machine ran out of memory, {used} of {limit} were used, and Ray ended the worker;"
            " let fewer fits run at a time (resources.max_concurrent)"
        )
    lines = [line.strip() for line in reported.splitlines() if line.strip()]
    # Ray's first line says what happened; what follows is where, and advice for its developers.
    return (lines or ["Ray did not say why"])[0][:LONGEST]


@dataclass(frozen=True)
class LostWorker:
    """A worker that was lost, whose job goes on elsewhere.

    Attributes:
        how: ``left`` in order before its machine went, ``machine``: with its machine, ``worker``:
            alone.
        reason: Why, in a line.
    """

    how: Literal["left", "machine", "worker"]
    reason: str

    @classmethod
    def of(cls, reported: str) -> LostWorker:
        """What is reported of it; see `reported_by`."""
        if LEFT in reported:
            return cls("left", "its machine was drained")
        is_gone = is_machine_gone(reported)
        return cls("machine" if is_gone else "worker", reason(reported))

    @property
    def words(self) -> str:
        """For the job's log."""
        if self.how == "left":
            return "its machine is drained; it goes on from its last epoch elsewhere"
        what = "machine" if self.how == "machine" else "worker"
        words = f"its {what} was lost; it goes on from its last checkpoint elsewhere"
        return f"{words} ({self.reason})"


def describe_losses(lost: Sequence[LostWorker]) -> str:
    """``2 workers were lost with their machine, 1 left in order before ...``; "" for none."""
    words = {
        "left": "left their machine in order and lost nothing",
        "machine": "were lost with their machine",
        "worker": "were lost alone",
    }
    parts = []
    for how, rest in words.items():
        number = sum(each.how == how for each in lost)
        if number:
            parts.append(f"{counted(number, 'worker')} {rest if number > 1 else _of_one(rest)}")
    return f"{'; '.join(parts)}; what they trained went on from checkpoints" if parts else ""


def _of_one(words: str) -> str:
    return words.replace("their", "its").replace("were", "was")


def is_machine_gone(reported: str) -> bool:
    """Whether a worker was lost because its machine was: no fault of what it trained."""
    return any(mark in reported for mark in MACHINE_IS_GONE)


@contextmanager
def machines_do_not_count() -> Iterator[None]:
    """Inside, Tune counts a worker that was lost with its machine against nobody's retries.

    A fit on spot machines may lose one every few minutes.
    """
    from ray.exceptions import ActorUnavailableError
    from ray.tune.experiment import Trial

    handle_error = Trial.handle_error

    def handle(trial: Any, exc: Any = None) -> None:
        before = trial.run_metadata.num_failures
        # Ray notices a lost connection long before a lost machine.
        if isinstance(exc, ActorUnavailableError) and not _machine_answers(exc.actor_id):
            exc.error_msg += f"\n{NO_ANSWER}"
        handle_error(trial, exc)
        if is_machine_gone(str(exc)):
            trial.run_metadata.num_failures = before

    Trial.handle_error = handle
    try:
        yield
    finally:
        Trial.handle_error = handle_error


def _machine_answers(actor_id: str | None) -> bool:
    """Whether Ray on the machine of a worker is there, and still is a second later."""
    import ray
    from ray._private.state import actors

    known = actors(actor_id).get("Address", {}) if actor_id else {}
    nodes = {node["NodeID"]: node for node in ray.nodes()}
    node = nodes.get(known.get("NodeID"))
    if node is None:
        return True
    address = node["NodeManagerAddress"], node["NodeManagerPort"]
    for _ in range(NUM_CALLS):
        try:
            socket.create_connection(address, CALL_SECONDS).close()
        except OSError:
            return False
        time.sleep(PAUSE_SECONDS)
    return bool(node["Alive"])
