"""How often a checkpoint is written, by what it costs; on a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from foldgrid.training import checkpoint_interval as pace
from foldgrid.training.checkpoint_interval import CheckpointInterval


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def train(clock: Clock, epoch: float, write: float, num_epochs: int) -> tuple[int, float]:
    """How many checkpoints are written, and the share of the time that they take."""
    one, spent, written = CheckpointInterval(0.0, fraction=0.05), 0.0, 0
    for _ in range(num_epochs):
        clock.now += epoch
        if one.is_due():
            with one.writing():
                clock.now += write
            spent, written = spent + write, written + 1
    return written, spent / clock.now


def test_what_costs_nothing_is_written_after_every_epoch(clock: Clock) -> None:
    assert train(clock, epoch=1.0, write=0.01, num_epochs=50)[0] == 50


@given(epoch=st.floats(0.1, 100), write=st.floats(0.001, 30))
def test_writing_takes_no_more_than_its_fraction(epoch: float, write: float) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "time", clock)
        written, fraction = train(clock, epoch, write, num_epochs=400)
    # The first one's cost is only known afterwards; here nothing was assumed of it.
    first = write / clock.now
    assert fraction <= 0.05 + first
    assert written >= 1


def test_a_large_network_waits_for_its_first_and_a_small_one_does_not(clock: Clock) -> None:
    small, large = (
        CheckpointInterval.of(nn.Linear(10, 10)),
        CheckpointInterval.of(nn.Linear(5000, 5000)),
    )
    clock.now += 0.5
    assert small.is_due()
    assert not large.is_due()
    clock.now += 60
    assert large.is_due()
