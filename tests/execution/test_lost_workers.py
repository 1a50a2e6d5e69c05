"""What Ray says at length, said in a line."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from foldgrid.execution import lost_workers
from foldgrid.execution.lost_workers import (
    LostWorker,
    describe_losses,
    last_failure,
    machines_do_not_count,
    reason,
)

OUT_OF_MEMORY = (
    "1 worker(s) were killed due to the node running low on memory. Memory on the node "
    "(IP: 192.0.2.2, ID: a5) was 5.19GB used / 23.54GB limit (0.220545)\n"
    "OOM kill reason: Memory usage exceeded threshold\nConsidered workers: [\n"
)
KILLED = (
    "The actor died unexpectedly before finishing this task.\n\tclass_name: JobTrainable\n"
    "\tactor_id: 5a\nThe actor is dead because its worker process has died.\n"
)


def test_memory_that_ran_out_is_said_with_its_numbers_and_what_helps() -> None:
    said = reason(OUT_OF_MEMORY)
    assert said.startswith("the machine ran out of memory, 5.19GB of 23.54GB were used")
    assert "resources.max_concurrent" in said


def test_of_anything_else_the_first_line_says_it() -> None:
    assert reason(KILLED) == "The actor died unexpectedly before finishing this task."
    assert reason("\n\n") == "Ray did not say why"
    assert len(reason("x" * 5000)) == 300


def test_only_the_last_of_several_failures_is_reported() -> None:
    reported = f"Failure # 1 (occurred at 2026-11-20_22-10-44)\n{OUT_OF_MEMORY}\n"
    reported += f"Failure # 2 (occurred at 2026-11-20_22-10-45)\n{KILLED}\n"
    assert last_failure(reported) == KILLED.strip()
    assert last_failure(KILLED) == KILLED.strip()


GONE = (
    "The actor died unexpectedly before finishing this task.\n\tclass_name: JobTrainable\n"
    "The actor died because its node has died. Node Id: 5a, Ip address: 192.0.2.2, "
    "the actor's node was terminated unexpectedly: health check failed"
)
LEFT = "The actor is dead because all references to the actor were removed. exit_actor() is called."


def test_a_worker_is_lost_alone_or_with_its_machine_or_leaves_it() -> None:
    lost = [LostWorker.of(each) for each in (KILLED, GONE, LEFT, GONE)]
    assert [each.how for each in lost] == ["worker", "machine", "left", "machine"]
    assert lost[0].words.startswith("its worker was lost; it goes on from its last checkpoint")
    assert lost[1].words.startswith("its machine was lost")
    assert lost[2].words == "its machine is drained; it goes on from its last epoch elsewhere"
    said = describe_losses(lost)
    assert "2 workers were lost with their machine" in said
    assert "1 worker was lost alone" in said
    assert "1 worker left its machine in order and lost nothing" in said
    assert describe_losses([]) == ""


@pytest.mark.parametrize(("reported", "counted"), [(KILLED, 1), (GONE, 0), (LEFT, 0)])
def test_machines_count_against_nobody_s_retries(reported: str, counted: int) -> None:
    from ray.tune.experiment import Trial

    before = Trial.handle_error
    trial = SimpleNamespace(
        is_restoring=False,
        local_path=None,
        run_metadata=SimpleNamespace(num_failures=0, invalidate_cache=lambda: None),
    )
    with machines_do_not_count():
        Trial.handle_error(trial, RuntimeError(reported))
    assert trial.run_metadata.num_failures == counted
    assert Trial.handle_error is before


@pytest.mark.parametrize("answers", [True, False])
def test_a_connection_that_is_lost_is_asked_about_at_the_machine(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray._private import state
    from ray.exceptions import ActorUnavailableError
    from ray.tune.experiment import Trial

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:
            server.close()
        node = {"NodeID": "n", "Alive": True, "NodeManagerAddress": "127.0.0.1"}
        monkeypatch.setattr(ray, "nodes", lambda: [{**node, "NodeManagerPort": port}])
        monkeypatch.setattr(state, "actors", lambda actor_id: {"Address": {"NodeID": "n"}})
        monkeypatch.setattr(lost_workers, "PAUSE_SECONDS", 0.0)
        trial = SimpleNamespace(
            is_restoring=False,
            local_path=None,
            run_metadata=SimpleNamespace(num_failures=0, invalidate_cache=lambda: None),
            _handle_ray_actor_error=lambda exc: Trial._handle_ray_actor_error(trial, exc),
        )
        error = ActorUnavailableError("Socket closed", bytes(16))
        with machines_do_not_count():
            Trial.handle_error(trial, error)
    assert trial.run_metadata.num_failures == (1 if answers else 0)
    assert LostWorker.of(str(error)).how == ("worker" if answers else "machine")
