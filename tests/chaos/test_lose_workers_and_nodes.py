"""kill -9 of workers, of a node, and of the head of a cluster, in the middle of a sweep."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldgrid.execution.ray_session import RAY_VARIABLE
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
from tests.chaos.launches import SOON, Launch, Place, undisturbed
from tests.chaos.nodes import Cluster, Node, cluster
from tests.chaos.processes import kill, needs_proc, title, wait_until, workers
from tests.chaos.small_sweep import two_backbones

pytestmark = [needs_proc, pytest.mark.chaos, pytest.mark.timeout(900)]

SWEEP = two_backbones(30)
LONG = 200.0


def at_work(place: Place, pids: list[int]) -> list[str]:
    """The fits that these processes train."""
    finished = place.store.finished_fits() if place.run.exists() else set()
    latest = {each.pid: each.fit_id for each in place.trained()}
    return [latest[pid] for pid in pids if pid in latest and latest[pid] not in finished]


def lost_with(place: Place, fits: list[str]) -> Counter[str]:
    """How many epochs of fits whose workers are dead no checkpoint holds."""
    safe = checkpoints(place.store)
    return Counter({fit: num_trained(place)[fit] - safe[fit] for fit in fits})


def num_trained(place: Place) -> Counter[str]:
    return Counter(each.fit_id for each in place.trained())


def assert_only_lost_ones_twice(place: Place, lost: Counter[str]) -> None:
    assert num_trained(place) == Counter(epochs_done(place.store)) + lost


@pytest.fixture(scope="module")
def expected(server: CrashServer, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the sweep comes to where nobody disturbs it, without Ray."""
    return undisturbed(server, SWEEP, cache, tmp_path_factory.mktemp("calm") / "place")


@pytest.fixture
def place(cache: Path, tmp_path: Path) -> Place:
    return Place(tmp_path / "shaken", SWEEP, cache, ("--wandb", "offline"))


@pytest.fixture
def three_nodes(place: Place) -> Iterator[Cluster]:
    with cluster(3, place) as nodes:
        place.options += ("--address", nodes.address)
        yield nodes


def wait_for_work(place: Place, launch: Launch, node: Node) -> None:
    """Until a node has trained an epoch of a fit that is not over."""
    wait_until(
        lambda: launch.is_over() or bool(at_work(place, node.workers)), SOON, "the node trains"
    )
    assert not launch.is_over(), launch.said


def test_three_nodes_lose_one(
    place: Place,
    three_nodes: Cluster,
    expected: Outcome,
    seeded: random.Random,
    chronicle: Chronicle,
) -> None:
    victim = seeded.choice(three_nodes.nodes[1:])
    with place.launch() as launch:
        wait_for_work(place, launch, victim)
        time.sleep(seeded.uniform(0.5, 2.0))
        pids = victim.workers
        victim.lose()
        lost = lost_with(place, at_work(place, pids))
        chronicle.tell(
            f"node {three_nodes.nodes.index(victim)} of 3 lost after {len(place.trained())} "
            f"epochs, with {len(lost)} fits and {lost.total()} epochs since their checkpoints"
        )
        code = launch.wait(LONG)
    assert code == 0, launch.said
    assert "Traceback" not in launch.said
    assert_only_lost_ones_twice(place, lost)
    assert outcome(place.store) == expected
    assert leftovers(place.run) == []
    num_epochs = assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude(f"the others completed it: same bits, {num_epochs} epochs once in W&B")


def test_the_head_is_lost(
    place: Place, three_nodes: Cluster, expected: Outcome, chronicle: Chronicle
) -> None:
    place.environment |= {RAY_VARIABLE: "20"}
    with place.launch() as launch:
        wait_for_work(place, launch, three_nodes.nodes[2])
        three_nodes.nodes[0].lose()
        code = launch.wait(LONG)
    assert code == 1, launch.said
    assert "head" in launch.said
    assert "run the same command" in launch.said
    assert "Traceback" not in launch.said
    assert_nothing_is_torn(place.run)
    safe = checkpoints(place.store)
    chronicle.tell(f"head lost after {len(place.trained())} epochs; {sum(safe.values())} are safe")
    for node in three_nodes.nodes[1:]:
        node.lose()
    place.options = (*place.options[:-2], "--executor", "inline")
    again = place.to_the_end()
    assert again.process.returncode == 0, again.said
    trained = Counter(each.fit_id for each in place.trained(again.number))
    assert trained == Counter(epochs_done(place.store)) - Counter(safe)
    assert outcome(place.store) == expected
    assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude("the next launch went on from the checkpoints to the same bits")


def test_each_fit_loses_a_worker(
    place: Place, expected: Outcome, seeded: random.Random, chronicle: Chronicle
) -> None:
    lost: Counter[str] = Counter()
    left = {fit_id: seeded.randint(1, 12) for fit_id in sorted(expected)}
    with place.launch() as launch:
        while left and not launch.is_over():
            for pid in workers(launch.process.pid):
                for fit in at_work(place, [pid]):
                    if fit in left and num_trained(place)[fit] >= left[fit]:
                        del left[fit]
                        kill([pid])
                        wait_until(lambda pid=pid: not title(pid), SOON, "the worker is dead")
                        lost += lost_with(place, [fit])
                        chronicle.tell(f"worker of {fit} killed, {lost[fit]} epochs lost")
            time.sleep(0.02)
        code = launch.wait(LONG)
    assert code == 0, launch.said
    assert not left
    assert_only_lost_ones_twice(place, lost)
    assert outcome(place.store) == expected
    assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude("all were tried again, to the same bits")


def test_a_worker_is_lost_more_often_than_it_may_be(
    place: Place, expected: Outcome, chronicle: Chronicle
) -> None:
    options = place.options
    place.options += ("--set", "resources.max_retries=1")
    with place.launch() as launch:
        wait_until(lambda: launch.is_over() or bool(place.trained()), SOON, "it trains")
        victim, num_kills = place.trained()[0].fit_id, 0
        while not launch.is_over() and num_kills < 2:
            for pid in workers(launch.process.pid):
                if num_kills < 2 and at_work(place, [pid]) == [victim]:
                    kill([pid])
                    num_kills += 1
                    wait_until(lambda pid=pid: not title(pid), SOON, "the worker is dead")
            time.sleep(0.02)
        code = launch.wait(LONG)
    chronicle.tell(f"{num_kills} workers of {victim} killed, one retry allowed")
    assert code == 1, launch.said
    assert "worker was lost" in launch.said
    assert "Traceback" not in launch.said
    assert place.store.finished_fits() == set(expected) - {victim}
    place.options = (*options, "--executor", "inline")
    again = place.to_the_end()
    assert again.process.returncode == 0, again.said
    assert {each.fit_id for each in place.trained(again.number)} == {victim}
    assert outcome(place.store) == expected
    assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude("only its fit failed; the next launch completed it to the same bits")
