"""The run folder's disk fills in the middle of training, and is given room again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.conftest import Chronicle
from tests.chaos.crashing import CrashServer
from tests.chaos.evidence import (
    Outcome,
    assert_nothing_is_torn,
    assert_wandb_has_each_epoch_once,
    checkpoints,
    epochs_done,
    leftovers,
    outcome,
)
from tests.chaos.launches import SOON, Place, undisturbed
from tests.chaos.processes import needs_proc, wait_until
from tests.chaos.small_sweep import two_backbones
from tests.small_disk import fill, make_room, small_disk

pytestmark = [needs_proc, pytest.mark.chaos, pytest.mark.timeout(900)]

SWEEP = two_backbones(25)


@pytest.fixture(scope="module")
def expected(server: CrashServer, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the sweep comes to where there is room enough."""
    return undisturbed(server, SWEEP, cache, tmp_path_factory.mktemp("calm") / "place")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mebibytes=80) as folder:
        yield folder


@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_the_launch_ends_once_and_goes_on_when_there_is_room(
    executor: str,
    disk: Path,
    cache: Path,
    tmp_path: Path,
    expected: Outcome,
    seeded: random.Random,
    chronicle: Chronicle,
) -> None:
    options = ("--wandb", "offline", "--executor", executor)
    place = Place(tmp_path / "shaken", SWEEP, cache, options, {}, str(disk / "runs"))
    with place.launch() as launch:
        num_epochs = seeded.randint(3, 30)
        wait_until(
            lambda: launch.is_over() or len(place.trained()) >= num_epochs,
            SOON,
            f"{num_epochs} epochs",
        )
        time.sleep(seeded.uniform(0.0, 0.5))
        fill(disk)
        code = launch.wait(120.0)
    chronicle.tell(f"disk filled after {len(place.trained())} epochs; the launch ended with {code}")
    assert code == 1, launch.said
    assert launch.said.count("the disk is full") == 1, launch.said
    assert str(place.run) in launch.said
    assert "run the same command again" in launch.said
    assert "Traceback" not in launch.said
    assert "fits failed" not in launch.said, "no fit is at fault"
    assert_nothing_is_torn(place.run)
    left = [name for name in leftovers(place.run) if not name.endswith("last.pt")]
    assert left == []
    still_full = place.to_the_end()
    assert still_full.process.returncode in (1, 2), still_full.said
    assert "Traceback" not in still_full.said
    make_room(disk)
    safe = checkpoints(place.store)
    again = place.to_the_end()
    assert again.process.returncode == 0, again.said
    trained = Counter(each.fit_id for each in place.trained(again.number))
    assert trained == Counter(epochs_done(place.store)) - Counter(safe)
    assert outcome(place.store) == expected
    assert leftovers(place.run) == []
    assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude("nothing torn; with room it went on from the checkpoints to the same bits")
