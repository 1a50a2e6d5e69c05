"""Jobs as tasks of Ray, from their first step to their last, beside Tune's trials.

Tune's actors take their processes with them when they end. A task's process stays, and whoever
trains next, an actor too, finds torch imported in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from foldgrid.execution.events import Listener
from foldgrid.execution.job_runner import JobRunner, Step
from foldgrid.execution.lost_workers import reason
from foldgrid.execution.resources import Resources
from foldgrid.execution.trainer import Epoch, Job, Result, Trainer
from foldgrid.models import stay_offline
from foldgrid.specs.failure import Failure


def run_tasks(
    trainer: Trainer[Job, Epoch, Result],
    jobs: Sequence[Job],
    listener: Listener[Job, Epoch, Result],
    resources: Resources,
    max_retries: int,
    *,
    is_cluster: bool,
) -> None:
    """Runs jobs in their order, as many at a time as there is room for.

    Args:
        trainer: How to run one; travels once.
        jobs: What.
        listener: Notified of all, in this process.
        resources: What a job takes, and how many run at a time.
        max_retries: How often a job begins anew after its worker was lost.
        is_cluster: Whether Ray runs on other machines too: it knows how many it has room for.
    """
    import ray

    kept = ray.put(trainer)
    steps = ray.remote(num_returns="streaming", max_retries=max_retries)(_steps)
    limit = len(jobs) if is_cluster else resources.num_concurrent
    waiting, running = list(jobs), dict[Any, Job]()
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                job = waiting.pop(0)
                needs = {"num_cpus": resources.cpus_per_fit, "num_gpus": trainer.gpus(job)}
                listener.started(job)
                running[steps.options(**needs).remote(kept, job)] = job
            (task,), _ = ray.wait(list(running), num_returns=1)
            if _take_step(trainer, task, running[task], listener):
                del running[task]
    finally:
        for task in running:
            ray.cancel(task, force=True)


def _steps(trainer: Trainer[Any, Any, Any], job: Any) -> Iterator[dict[str, str]]:
    """A job from its first step to its last, as a worker reports it."""
    stay_offline()
    with closing(JobRunner(trainer, job)) as runner:
        while True:
            step = runner.advance()
            yield reported(step)
            if step.is_last:
                return


def reported(step: Step[Any, Any]) -> dict[str, str]:
    """A step as it travels to the launcher."""
    reported = {"epoch": step.epoch, "record": step.record, "failure": step.failure}
    return {name: each.model_dump_json() for name, each in reported.items() if each}


def _take_step(
    trainer: Trainer[Any, Any, Any], task: Any, job: Any, listener: Listener[Any, Any, Any]
) -> bool:
    """Tells a step of a task to the listener; whether it was its last."""
    import ray

    try:
        reported: dict[str, str] = ray.get(next(task))
    except StopIteration:
        # A worker that took over from one that was lost may have said less than it.
        reported = {"failure": lost("it ended without a result").model_dump_json()}
    except ray.exceptions.RayError as error:
        reported = {"failure": lost(reason(str(error))).model_dump_json()}
    if "epoch" in reported:
        listener.epoch_done(job, trainer.epoch_type.model_validate_json(reported["epoch"]))
    if "record" in reported:
        listener.finished(job, trainer.record_type.model_validate_json(reported["record"]))
    if "failure" in reported:
        listener.failed(job, Failure.model_validate_json(reported["failure"]))
    return "record" in reported or "failure" in reported


def lost(why: str) -> Failure:
    """What became of a job whose worker was lost for good."""
    message = f"its worker was lost, more often than max_retries ({why})"
    return Failure(kind="lost_worker", message=message)
