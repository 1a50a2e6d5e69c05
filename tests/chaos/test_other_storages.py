"""Launches killed while they keep their results in object storage, or in a network folder."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldgrid.records import RunStore
from foldgrid.records.object_store import PATIENCE_VARIABLE
from foldgrid.specs.fits import EpochRecord
from tests.chaos.conftest import Chronicle
from tests.chaos.crashing import CrashServer
from tests.chaos.evidence import (
    Outcome,
    assert_wandb_has_each_epoch_once,
    checkpoints,
    epochs_done,
    leftovers,
    outcome,
)
from tests.chaos.launches import SOON, Launch, Place, undisturbed
from tests.chaos.processes import needs_proc, wait_until
from tests.chaos.small_sweep import two_backbones
from tests.chaos.test_kill_the_launcher import kill_in_a_row
from tests.records.s3_on_localhost import BUCKET, S3Server, running_s3

pytestmark = [needs_proc, pytest.mark.chaos, pytest.mark.timeout(900)]

SWEEP = two_backbones(20)


@pytest.fixture(scope="module")
def expected(server: CrashServer, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the sweep comes to in a folder where nobody disturbs it."""
    return undisturbed(server, SWEEP, cache, tmp_path_factory.mktemp("calm") / "place")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with running_s3() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def in_s3(s3: S3Server, cache: Path, tmp_path: Path) -> Place:
    options = ("--wandb", "offline")
    return Place(tmp_path / "shaken", SWEEP, cache, options, {}, f"s3://{BUCKET}/{tmp_path.name}")


def safe_epochs(store: RunStore) -> dict[str, list[EpochRecord]]:
    """The epochs that checkpoints hold; trained again, they would have taken other seconds."""
    return {fit: store.read_history(fit)[:epoch] for fit, epoch in checkpoints(store).items()}


def assert_kept(store: RunStore, safe: dict[str, list[EpochRecord]]) -> None:
    """None of these epochs was trained again."""
    for fit_id, epochs in safe.items():
        assert store.read_history(fit_id)[: len(epochs)] == epochs


def wait_for_epochs(place: Place, launch: Launch, num_epochs: int) -> None:
    wait_until(
        lambda: launch.is_over() or sum(epochs_done(place.store).values()) >= num_epochs,
        SOON,
        f"{num_epochs} epochs",
    )
    assert not launch.is_over(), launch.said


def test_killed_in_a_network_folder(
    expected: Outcome, cache: Path, tmp_path: Path, seeded: random.Random, chronicle: Chronicle
) -> None:
    place = Place(tmp_path / "shaken", SWEEP, cache, ("--wandb", "offline"))
    place.environment["CHAOS_NETWORK_FOLDER"] = place.storage
    account = kill_in_a_row(place, 3, seeded, chronicle)
    account.assert_balanced()
    assert outcome(place.store) == expected
    assert leftovers(place.run) == []
    assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude("no hard link, no lock, no syncing of a folder was needed; same bits")


def test_killed_with_results_in_s3(
    in_s3: Place, expected: Outcome, seeded: random.Random, chronicle: Chronicle
) -> None:
    safe: dict[str, list[EpochRecord]] = {}
    for kill in range(1, 4):
        with in_s3.launch() as launch:
            wait_for_epochs(in_s3, launch, kill * 8)
            time.sleep(seeded.uniform(0.0, 1.5))
            with_workers = seeded.random() < 0.5
            launch.kill(with_workers=with_workers)
        assert_kept(in_s3.store, safe)
        safe = safe_epochs(in_s3.store)
        num_safe = sum(map(len, safe.values()))
        whom = "launcher and workers" if with_workers else "launcher"
        chronicle.tell(f"{whom} killed after {kill * 8} epochs; {num_safe} safe")
    last = in_s3.to_the_end()
    assert last.process.returncode == 0, last.said
    assert_kept(in_s3.store, safe)
    assert outcome(in_s3.store) == expected
    assert_wandb_has_each_epoch_once(in_s3.folder / "runs" / "tiny", in_s3.store)
    chronicle.conclude("same bits; nothing trained again that a checkpoint held")


def test_s3_is_away_for_a_while(
    s3: S3Server, in_s3: Place, expected: Outcome, chronicle: Chronicle
) -> None:
    with in_s3.launch() as launch:
        wait_for_epochs(in_s3, launch, 6)
        s3.go_away()
        time.sleep(15.0)
        s3.come_back()
        chronicle.tell("the server was away for 15 s")
        code = launch.wait(200.0)
    assert code == 0, launch.said
    assert "Traceback" not in launch.said
    assert outcome(in_s3.store) == expected
    chronicle.conclude("the launch waited and went on, to the same bits")


def test_s3_stays_away(s3: S3Server, in_s3: Place, expected: Outcome, chronicle: Chronicle) -> None:
    in_s3.environment[PATIENCE_VARIABLE] = "3"
    with in_s3.launch() as launch:
        wait_for_epochs(in_s3, launch, 6)
        safe = safe_epochs(in_s3.store)
        s3.go_away()
        code = launch.wait(120.0)
    chronicle.tell(f"the server went away after 6 epochs; the launch ended with {code}")
    assert code == 1, launch.said
    assert "the object store is away" in launch.said
    assert "run the same command again" in launch.said
    assert "Traceback" not in launch.said
    s3.come_back()
    again = in_s3.to_the_end()
    assert again.process.returncode == 0, again.said
    assert_kept(in_s3.store, safe)
    assert outcome(in_s3.store) == expected
    chronicle.conclude("the next launch went on from the checkpoints, to the same bits")
