"""What Ray says at length, said in a line."""

from __future__ import annotations

from foldgrid.execution.lost_workers import last_failure, reason

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
