"""A launch ends when one task after another fails."""

from __future__ import annotations

import pytest

from foldgrid.tuning.failure_limit import FailureLimit


def test_so_many_in_a_row_end_the_block() -> None:
    heard = []
    with FailureLimit(3) as limit:
        for number in range(9):
            limit.failed("task", "why")
            heard.append(number)
    assert heard == [0, 1]
    assert limit.was_reached


def test_one_that_finishes_between_starts_the_count_anew() -> None:
    with FailureLimit(3) as limit:
        for _ in range(5):
            limit.failed("task", "why")
            limit.failed("task", "why")
            limit.started("task")
            limit.epoch_done("task", "epoch")
            limit.finished("task", "record")
    assert not limit.was_reached


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(KeyError), FailureLimit(3):
        raise KeyError
