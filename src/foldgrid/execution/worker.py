"""A worker of Ray Tune's: one job after another in one process, a step an epoch."""

from __future__ import annotations

import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from foldgrid.execution.cluster import Versions, describe_difference, versions
from foldgrid.execution.job_runner import JobRunner
from foldgrid.execution.ray_session import SAME_VERSIONS
from foldgrid.execution.trainer import Trainer
from foldgrid.models import stay_offline
from foldgrid.models.facts import Facts, known_facts
from foldgrid.specs.failure import Failure
from foldgrid.training.checkpoint_interval import write_early_when

STATE_FILE = "state.pt"
LOOK_SECONDS = 1.0
"""How often a worker asks whether its machine is drained."""


class Departure:
    """Whether this process has to go soon: its machine is drained, or it was sent SIGTERM.

    Ray drains a machine that is preempted, and one whose ``ray start --block`` was sent SIGTERM
    (for 30 seconds, or ``RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S``): nothing new is started there.

    Attributes:
        was_asked: Whether somebody who can save something has asked since.
    """

    def __init__(self) -> None:
        import ray

        self._node = ray.get_runtime_context().get_node_id()
        self._asked, self._looked = False, 0.0
        self.was_asked = False
        self.is_busy = False
        if threading.current_thread() is threading.main_thread():
            self._before: Any = signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked or not self.is_busy:
            self._before(number, frame)
        self._asked = True

    def is_soon(self) -> bool:
        """Asked where a checkpoint may be written."""
        self.was_asked = self._is_soon()
        return self.was_asked

    def is_soon_and_nothing_lost(self, *, is_at_work: bool) -> bool:
        """Asked between two epochs: whether to go now.

        Args:
            is_at_work: Whether there is anything that a checkpoint would have to hold.
        """
        return self._is_soon() and (self.was_asked or not is_at_work)

    def _is_soon(self) -> bool:
        if not self._asked and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._asked = _is_drained(self._node)
        return self._asked


def _is_drained(node: str) -> bool:
    from ray._private.state import state

    return node in state.get_draining_nodes()


def _other_machine(difference: str) -> str:
    message = f"{platform.node()} differs from the launcher: {difference}.\n{SAME_VERSIONS}"
    return Failure(kind="bad_input", message=message).model_dump_json()


def job_trainable() -> type:
    """The Trainable's class; made on demand, because importing ``ray.tune`` takes seconds."""
    from ray import tune

    class JobTrainable(tune.Trainable):  # type: ignore[misc]
        """Trains one job after another in one actor; a step is an epoch."""

        def setup(
            self,
            config: dict[str, Any],
            trainer: Trainer[Any, Any, Any],
            facts: Facts,
            expected: Versions | None,
        ) -> None:
            """Called once an actor; the trainer's data lie in memory that all processes share."""
            self._departure: Departure | None = None
            if expected is not None:
                self._departure = Departure()
                write_early_when(self._departure.is_soon)
            # A machine may join long after the others were asked.
            self._difference = describe_difference(expected, versions()) if expected else ""
            # What the plan found out about networks, not once more in each process.
            self._facts = facts
            # Weights were fetched before, if at all; thirty workers would each fetch them.
            stay_offline()
            self._trainer = trainer
            self._runner: JobRunner[Any, Any, Any] | None = None
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """Takes the next job up in the same process."""
            # The last job's memory goes before the next one's comes.
            if self._runner is not None:
                self._runner.close()
            self._job = new_config["job"]
            self._runner = JobRunner(self._trainer, self._job)
            return True

        def step(self) -> dict[str, Any]:
            """One epoch; the last also finalizes the job."""
            assert self._runner is not None
            if self._difference:
                return {"failure": _other_machine(self._difference), "done": True}
            # An exception here would count as a lost worker and be tried again.
            with known_facts(self._facts), self._until_departure():
                step = self._runner.advance()
            reported = {"epoch": step.epoch, "record": step.record, "failure": step.failure}
            facts = {name: each.model_dump_json() for name, each in reported.items() if each}
            if step.is_last:
                self._runner.close()
            return {**facts, "done": step.is_last}

        @contextmanager
        def _until_departure(self) -> Iterator[None]:
            """Ends this process before a step where another machine is to go on with the job."""
            departure, runner = self._departure, self._runner
            if departure is None or runner is None:
                yield
                return
            if departure.is_soon_and_nothing_lost(is_at_work=runner.active is not None):
                import ray

                runner.close()
                ray.actor.exit_actor()
            departure.is_busy = True
            try:
                yield
            finally:
                departure.is_busy = False

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Called where a scheduler pauses a job, or has another one go on from it."""
            state = self._runner.state() if self._runner is not None else None
            if state is not None:
                (Path(checkpoint_dir) / STATE_FILE).write_bytes(state)

        def load_checkpoint(self, checkpoint_dir: str) -> None:
            """The job goes on from there at its next step."""
            path = Path(checkpoint_dir) / STATE_FILE
            state = path.read_bytes() if path.exists() else None
            self._runner = JobRunner(self._trainer, self._job, state)

    return JobTrainable
