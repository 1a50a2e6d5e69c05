"""Searches replayed on made-up curves, and curves as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulated_search import draw_order, mean_with_interval, simulate
from benchmarks.stored_curves import Curve, CurveStudy, read_curves, write_curves
from foldgrid.specs.errors import SweepError
from foldgrid.specs.trials import TrialEpoch, TrialStatus
from tests.search.made_up_trials import made_up_trial, made_up_units

UNITS = made_up_units(num_subjects=6)


def curve(number: int, quality: float, num_epochs: int = 4) -> Curve:
    epochs = tuple(made_up_trial(UNITS, quality, number, num_epochs))
    return Curve(number, {"learning_rate": 0.01}, "complete", "cpu", epochs)


class StopsAll:
    """Gives everything up after its second epoch, and remembers what it was told."""

    def __init__(self) -> None:
        self.reported: list[tuple[int, int, TrialStatus]] = []

    def should_stop(self, number: int, epoch: TrialEpoch) -> bool:
        return epoch.epoch == 2

    def ended(self, number: int, epochs: Sequence[TrialEpoch], status: TrialStatus) -> None:
        self.reported.append((number, len(epochs), status))


CURVES = [curve(0, 0.5), curve(1, 0.9), curve(2, 0.0, num_epochs=3), curve(3, 0.7)]


def test_without_a_rule_all_is_trained_and_the_best_is_chosen() -> None:
    search = simulate(CURVES, None, "mae", num_workers=1)
    assert (search.num_epochs, search.duration, search.chosen) == (15, 15, 2)
    assert search.stopped == set()
    assert [spent for spent, _, _, _ in search.complete] == [4, 8, 11, 15]


def test_workers_share_the_clock_and_take_what_is_next() -> None:
    search = simulate(CURVES, None, "mae", num_workers=2)
    # The first two end at 4; then one trains three epochs more, the other four.
    assert (search.num_epochs, search.duration) == (15, 8)
    assert [(now, place) for _, now, place, _ in search.complete] == [
        (4, 0),
        (4, 1),
        (7, 2),
        (8, 3),
    ]


def test_the_first_trial_is_evaluated_and_not_stopped() -> None:
    rule = StopsAll()
    search = simulate(CURVES, rule, "mae", num_workers=1)
    assert search.stopped == {1, 2, 3}
    assert search.chosen == 0
    assert search.num_epochs == 4 + 3 * 2
    assert rule.reported == [(0, 4, "complete"), *((place, 2, "stopped") for place in (1, 2, 3))]


def test_what_was_known_when() -> None:
    search = simulate(CURVES, None, "mae", num_workers=1)
    scores = [each.epochs[-1].oof["mae"] for each in CURVES]
    assert search.best_after(3) == np.inf
    assert search.best_after(4) == search.best_after(10) == scores[0]
    assert search.best_after(11) == scores[2]


def test_a_trial_that_diverges_is_reported_and_never_chosen() -> None:
    lost = TrialEpoch(epoch=2, oof={}, num_running=0, wall_seconds=1.0)
    diverged = Curve(4, {}, "diverged", "cpu", (CURVES[2].epochs[0], lost))
    search = simulate([CURVES[1], diverged], None, "mae", num_workers=1)
    assert (search.num_epochs, search.chosen) == (6, 0)


def test_orders_begin_with_the_sweeps_default_configuration_and_repeat_nothing() -> None:
    orders = [draw_order(10, 6, seed) for seed in range(20)]
    assert all(order[0] == 0 and len(set(order)) == 6 for order in orders)
    assert len({tuple(order) for order in orders}) > 15
    assert draw_order(10, 6, 3) == draw_order(10, 6, 3)


def test_an_interval_holds_its_mean_and_is_nothing_without_one() -> None:
    interval = mean_with_interval([0.0, 1.0, 2.0, 3.0])
    assert interval is not None
    mean, low, high = interval
    assert low < mean == 1.5 < high
    assert mean_with_interval([1.0, np.inf]) is None


def test_curves_come_back_to_hundredths_of_a_point(tmp_path: Path) -> None:
    lost = TrialEpoch(epoch=4, oof={}, num_running=0, wall_seconds=1.0)
    diverged = Curve(4, {}, "diverged", "cpu", (*CURVES[2].epochs, lost))
    units = UNITS.assign(subject=UNITS["subject"].factorize()[0])
    study = CurveStudy(units, (*CURVES, diverged))
    write_curves(tmp_path / "curves", {"0": study}, {"by": "hand"})

    found = read_curves(tmp_path / "curves")["0"]

    assert found.units.equals(units)
    assert [each.status for each in found.curves] == ["complete"] * 4 + ["diverged"]
    assert found.curves[4].epochs[-1].oof == {}
    for before, after in zip(study.curves, found.curves, strict=True):
        assert (after.number, after.values) == (before.number, before.values)
        assert len(after.epochs) == len(before.epochs)
        for one, other in zip(before.epochs, after.epochs, strict=True):
            assert other.predicted == pytest.approx(one.predicted, abs=0.00501)


def test_without_curves_it_is_said_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"benchmarks\.learning_curves"):
        read_curves(tmp_path / "none")
