"""A launch ends when one job after another fails."""

from __future__ import annotations

import pytest

from foldgrid.launching.frame import FailureLimit
from foldgrid.specs.errors import SweepError
from foldgrid.specs.failure import Failure, FailureKind

AN_ERROR = Failure(kind="error", message="why")


def test_so_many_in_a_row_end_the_block() -> None:
    received = []
    with FailureLimit(3) as limit:
        for number in range(9):
            limit.failed("job", AN_ERROR)
            received.append(number)
    assert received == [0, 1]
    assert limit.ended_by == AN_ERROR


def test_one_that_finishes_between_starts_the_count_anew() -> None:
    with FailureLimit(3) as limit:
        for _ in range(5):
            limit.failed("job", AN_ERROR)
            limit.failed("job", AN_ERROR)
            limit.started("job")
            limit.epoch_done("job", "epoch")
            limit.finished("job", "record")
    assert limit.ended_by is None


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(KeyError), FailureLimit(3):
        raise KeyError


@pytest.mark.parametrize("kind", ["disk_full", "storage_away"])
def test_what_all_share_ends_the_block_at_once(kind: FailureKind) -> None:
    full = Failure(kind=kind, message="OSError: No space left on device")
    with FailureLimit(3) as limit:
        limit.failed("job", full)
        pytest.fail("the block went on")
    assert limit.ended_by == full


def test_bad_input_is_raised_as_what_it_is() -> None:
    with pytest.raises(SweepError, match=r"weights\.pth: not the file"), FailureLimit(3) as limit:
        limit.failed("job", Failure(kind="bad_input", message="weights.pth: not the file"))
