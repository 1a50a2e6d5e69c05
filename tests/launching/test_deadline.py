"""A launch that ends when its time is up."""

from __future__ import annotations

import pytest

from foldgrid.launching.deadline import Deadline, TimeIsUp, parse_duration
from foldgrid.specs.errors import SweepError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("2h", 7200), ("1h30m", 5400), ("1.5d", 129_600), ("0.5s", 0.5)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2h30", "two hours", "0s", "1e3s"])
def test_anything_else_is_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(SweepError, match=r"--time-budget.*\n.*2h, 90m or 1h30m"):
        parse_duration(text)


def test_the_first_event_after_the_time_ends_the_block() -> None:
    events = []
    with Deadline(0.0) as deadline:
        events.append("before")
        deadline.epoch_done("job", "epoch")
        events.append("after")
    assert events == ["before"]
    assert deadline.cut_short


def test_without_a_budget_nothing_ends() -> None:
    with Deadline.after(None) as deadline:
        deadline.started("job")
        deadline.epoch_done("job", "epoch")
        deadline.finished("job", "record")
        deadline.failed("job", "message")
        assert deadline.gives_room()
    assert not deadline.cut_short


def test_what_would_have_been_started_counts_as_cut_short() -> None:
    deadline = Deadline(0.0)
    assert not deadline.gives_room()
    assert deadline.cut_short


def test_the_end_is_no_failure_of_a_task() -> None:
    assert not issubclass(TimeIsUp, Exception)


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(KeyError), Deadline(0.0):
        raise KeyError
