"""kill -9 of a launch at random moments, through Ray as users run it, many times in a row."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import Chronicle
from tests.chaos.crashing import CrashServer
from tests.chaos.evidence import (
    assert_nothing_is_torn,
    assert_wandb_has_each_epoch_once,
    leftovers,
    outcome,
)
from tests.chaos.launches import SOON, Account, Launch, Place, undisturbed
from tests.chaos.processes import needs_proc, wait_until
from tests.chaos.small_sweep import two_backbones

pytestmark = needs_proc


def strike(place: Place, launch: Launch, moments: random.Random) -> str:
    """Kills a launch at a moment drawn by what it has come to, so that any machine gets there."""
    if moments.random() < 0.15:
        lock = place.run / "launch.lock"
        wait_until(lambda: launch.is_over() or lock.exists(), SOON, "it takes the run folder")
        when = "after it took the folder"
        delay = moments.uniform(0.0, 4.0)
    else:
        num_epochs = moments.randint(1, 8)
        wait_until(
            lambda: launch.is_over() or len(place.trained(launch.number)) >= num_epochs,
            SOON,
            f"{num_epochs} epochs",
        )
        when, delay = f"after {num_epochs} epochs", moments.uniform(0.0, 0.6)
    time.sleep(delay)
    with_workers = moments.random() < 0.5
    if launch.is_over():
        return ""
    launch.kill(with_workers=with_workers)
    whom = "launcher and workers" if with_workers else "launcher"
    return f"{whom} killed {delay:.2f} s {when}"


def kill_in_a_row(
    place: Place, num_kills: int, moments: random.Random, chronicle: Chronicle
) -> Account:
    """Kills launch after launch, then lets one come to its end."""
    account = Account(place)
    for _ in range(num_kills):
        with place.launch() as launch:
            what = strike(place, launch, moments)
        assert what, f"the sweep was over too soon:\n{launch.said}"
        account.close(launch.number)
        if place.run.exists():
            assert_nothing_is_torn(place.run)
        chronicle.tell(f"{what}; {account.num_safe} epochs safe, {account.num_lost} lost so far")
    last = place.to_the_end()
    assert last.process.returncode == 0, last.said
    assert "Traceback" not in last.said
    account.close(last.number)
    return account


@pytest.mark.parametrize(
    ("num_kills", "max_epochs", "executor"),
    [
        pytest.param(1, 15, "ray", id="once", marks=pytest.mark.exhaustive),
        pytest.param(20, 60, "ray", id="20-times", marks=pytest.mark.chaos),
        pytest.param(20, 60, "inline", id="20-times-inline", marks=pytest.mark.chaos),
    ],
)
@pytest.mark.timeout(2400)
def test_the_next_launch_goes_on_to_the_same_bits(
    num_kills: int,
    max_epochs: int,
    executor: str,
    server: CrashServer,
    cache: Path,
    tmp_path: Path,
    seeded: random.Random,
    chronicle: Chronicle,
) -> None:
    sweep = two_backbones(max_epochs)
    expected = undisturbed(server, sweep, cache, tmp_path / "calm")
    options = ("--wandb", "offline", "--executor", executor)
    if num_kills == 1:
        # A worker takes seconds to start.
        options += ("--set", "resources.max_concurrent=1")
    place = Place(tmp_path / "shaken", sweep, cache, options)
    account = kill_in_a_row(place, num_kills, seeded, chronicle)
    assert outcome(place.store) == expected
    account.assert_balanced()
    assert leftovers(place.run) == []
    num_epochs = assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude(
        f"{num_kills} kills: same bits; {num_epochs} epochs, each once in W&B; "
        f"{account.num_lost} trained again, none that a checkpoint held"
    )
