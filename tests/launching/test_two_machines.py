"""A cluster of machines that share a run folder and a network, and nothing else.

Each has a home, a cache, temporary folders and a loopback of its own, and no weights: those are
the launcher's, which is where the cluster's head is. See `tests.chaos.nodes.Network`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import save_file

from foldgrid.models.backbones import build_network
from foldgrid.specs.schedulers import SCHEDULERS
from tests.chaos.evidence import epochs_done, leftovers, outcome
from tests.chaos.launches import PROJECT, SOON, Launch, Place
from tests.chaos.nodes import Network, Node, cluster, require_namespaces
from tests.chaos.processes import needs_proc, wait_until
from tests.free_port import free_port
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS

pytestmark = [needs_proc, pytest.mark.slow]

NUM_EPOCHS = 40
"""Long enough to be under way when a machine has to go."""

FROM_A_FILE = """\
title: a network from a file, once trained and once frozen
data:
  tile_pixels: 16
  synthetic: {{num_subjects: 8, num_visits: 40, photo_width: 48, photo_height: 32}}
split: {{num_folds: 2, num_seeds: 20, test_fraction: 0.2}}
backbones: ["{network}"]
learners:
  "{network}+frozen": {{head: ridge}}
training:
  max_epochs: {num_epochs}
  max_batches_per_epoch: 2
  batch_size: 8
  learning_rate: 0.001
  schedule: constant
  early_stopping: {{policy: none}}
resources: {{max_retries: 0}}
"""


@pytest.fixture
def place(tmp_path: Path, shared_cache: Path) -> Place:
    """What the machines share."""
    require_namespaces()
    return Place(tmp_path / "place", ONE_BACKBONE, shared_cache, ("--wandb", "disabled"))


def from_a_file(place: Place) -> str:
    """A sweep whose weights are in the launcher's home alone."""
    weights = place.folder / "home" / "weights.safetensors"
    weights.parent.mkdir()
    network = build_network("shufflenet_v2_x0_5", 4)
    save_file({name: each.contiguous() for name, each in network.state_dict().items()}, weights)
    name = f"file:{weights}:shufflenet_v2_x0_5"
    return FROM_A_FILE.format(network=name, num_epochs=NUM_EPOCHS)


def shared_files(place: Place) -> Counter[tuple[str, ...]]:
    """What was computed, copied and read: (how, on which machine, the file)."""
    lines = (place.folder / "shared.log").read_text().splitlines()
    return Counter(tuple(line.split()) for line in lines)


def wait_until_trained(place: Place, launch: Launch, node: Node, num_epochs: int) -> None:
    """Until a machine's workers have trained so many epochs and are at it."""

    def is_so() -> bool:
        pids = node.workers
        return sum(each.pid in pids for each in place.trained()) >= num_epochs

    wait_until(lambda: launch.is_over() or is_so(), SOON, "the machine trains")
    assert not launch.is_over(), launch.said


def test_a_machine_goes_in_order_and_the_other_ends_its_fits(
    launcher: Launcher, place: Place
) -> None:
    sweep = from_a_file(place)
    (place.folder / "tiny.yaml").write_text(sweep)
    place.environment["CHAOS_SHARED"] = str(place.folder / "shared.log")
    with cluster(3, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        with place.launch() as launch:
            wait_until_trained(place, launch, machines.nodes[1], 3)
            machines.nodes[1].preempt()
            code = launch.wait(240)
    assert code == 0, launch.said
    assert "2 at a time (2 machines of the cluster" in launch.said
    assert "1 worker left its machine in order" in launch.said
    trained = Counter(each.fit_id for each in place.trained())
    assert trained == Counter(epochs_done(place.store)), "each epoch once"
    assert leftovers(place.run) == []
    assert not (place.run / "weights").exists()
    happened = shared_files(place)
    computed = [file for (how, _, file) in happened.elements() if how == "computed"]
    assert computed
    assert len(computed) == len(set(computed)), "each feature once, whichever machine"
    copied = {machine: n for (how, machine, _), n in happened.items() if how == "copied"}
    assert len(copied) == 2
    assert set(copied.values()) == {1}, "weights once a machine"
    assert len({machine for how, machine, _ in happened if how == "read"}) <= 1
    launcher(launcher.write(sweep))
    assert outcome(place.store) == outcome(launcher.store())


def launch_on_machines(place: Place, num_machines: int = 2) -> Launch:
    """Launches; all is trained on the machines without the launcher."""
    with cluster(num_machines, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        done = place.to_the_end()
    assert done.process.returncode == 0, done.said
    return done


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_a_search_under_each_scheduler(launcher: Launcher, place: Place, scheduler: str) -> None:
    search = "search_space: lr_plateau\nsearch: {{num_trials: 4, sampler: RandomSampler{more}}}\n"
    more = f", scheduler: {scheduler}, grace_epochs: 1, perturbation_epochs: 1"
    longer = TINY.replace("max_epochs: 2", "max_epochs: 4")
    sweep = longer + search.format(more="" if scheduler == "none" else more)
    (place.folder / "tiny.yaml").write_text(sweep)
    launch_on_machines(place, 3)
    assert not (place.run / "tune").exists()
    found = pd.read_csv(place.run / "search" / "trials.csv")
    assert len(found) == 8
    assert set(found["status"]) <= {"complete", "stopped"}
    if scheduler == "none":
        launcher(launcher.write(sweep))
        inline = pd.read_csv(Path(launcher.store().location) / "search" / "trials.csv")
        columns = ["trial", "status", "num_epochs", "learning_rate", "oof_mae"]
        pd.testing.assert_frame_equal(found[columns], inline[columns])


@pytest.mark.exhaustive
@pytest.mark.chaos
def test_twenty_fits_and_a_machine_that_dies(launcher: Launcher, place: Place) -> None:
    sweep = from_a_file(place).replace("num_folds: 2", "num_folds: 5")
    sweep = sweep.replace("resources:", "ablation: {momentum: [0.5, 0.8]}\nresources:")
    (place.folder / "tiny.yaml").write_text(sweep)
    with cluster(4, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        with place.launch() as launch:
            victim = random.choice(machines.nodes[1:])
            wait_until_trained(place, launch, victim, random.randint(1, 60))
            victim.lose()
            code = launch.wait(400)
    assert code == 0, launch.said
    assert "lost with its machine" in launch.said
    assert leftovers(place.run) == []
    launcher(launcher.write(sweep))
    assert outcome(place.store) == outcome(launcher.store())


@pytest.mark.exhaustive
def test_a_launch_that_is_ended_goes_on_on_other_machines(launcher: Launcher, place: Place) -> None:
    place.sweep = ONE_BACKBONE.replace("max_epochs: 2", "max_epochs: 20")
    (place.folder / "tiny.yaml").write_text(place.sweep)
    options = place.options
    for is_last in (False, True):
        with cluster(2, place, apart=True) as machines:
            place.options = (*options, "--address", machines.address)
            with place.launch() as launch:
                if not is_last:
                    wait_until_trained(place, launch, machines.nodes[1], 3)
                    launch.process.terminate()
                assert launch.wait(240) == (0 if is_last else 143), launch.said
    launcher(launcher.write(place.sweep))
    assert outcome(place.store) == outcome(launcher.store())


SERVE_S3 = f"""\
import sys, time
import boto3
from moto.server import ThreadedMotoServer
host, port = sys.argv[1:]
ThreadedMotoServer(host, int(port), verbose=False).start()
boto3.client("s3", endpoint_url=f"http://{{host}}:{{port}}").create_bucket(Bucket="{BUCKET}")
time.sleep(600)
"""


@pytest.mark.exhaustive
def test_a_search_that_pauses_in_s3_that_machines_reach(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = "search: {num_trials: 2, sampler: RandomSampler, scheduler: hyperband}\n"
    (place.folder / "tiny.yaml").write_text(TINY + "search_space: lr_plateau\n" + search)
    place.storage, port = f"s3://{BUCKET}/mine", str(free_port())
    # On the network of the machines, not on anybody's loopback.
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{Network.head}:{port}")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with cluster(2, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        serve = [*place.prefix, sys.executable, "-c", SERVE_S3, Network.head, port]
        with subprocess.Popen(serve) as server:
            try:
                done, again = place.to_the_end(), place.to_the_end()
            finally:
                server.kill()
    assert done.process.returncode == 0, done.said
    assert "4 of 4 done" in again.said


@pytest.mark.exhaustive
def test_a_folder_that_a_machine_does_not_see_is_refused(place: Place) -> None:
    # A home is each machine's own.
    place.storage = str(place.folder / "home" / "runs")
    with cluster(2, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        done = place.to_the_end()
    assert done.process.returncode == 2, done.said
    assert "1 of 1 machine cannot use it" in done.said
    assert "there is no such folder" in done.said
    assert "s3://bucket/prefix" in done.said
    assert not Path(place.storage).exists()


@pytest.mark.exhaustive
def test_a_machine_with_other_code_is_named_and_refused(place: Place, tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(PROJECT / "src/foldgrid", code / "foldgrid")
    with (code / "foldgrid/version.py").open("a") as file:
        file.write("# changed\n")
    path = os.pathsep.join((str(code), place.monitoring(0)["PYTHONPATH"]))
    with cluster(2, place, apart=True, elsewhere={"PYTHONPATH": path}) as machines:
        place.options += ("--address", machines.address)
        done = place.to_the_end()
    assert done.process.returncode == 2, done.said
    assert "1 of 1 machine differs from this one" in done.said
    assert "foldgrid of the same version, and other code" in done.said
    assert not place.run.exists()
