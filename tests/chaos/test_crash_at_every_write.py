"""kill -9 at each moment at which a launch changes a file, and then on as if nothing had been.

One fit after another and without Ray: what is tested here is that the order of writing leaves a
run folder from which the next launch can go on, whichever change was the last.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from foldgrid.records import RunStore
from tests.chaos.conftest import Chronicle
from tests.chaos.crashing import Crashed, CrashServer
from tests.chaos.evidence import (
    Outcome,
    assert_nothing_is_torn,
    assert_wandb_has_each_epoch_once,
    checkpoints,
    leftovers,
    outcome,
)
from tests.chaos.small_sweep import ONE_BACKBONE

KILLED = -9
WINDOWS = (
    "sweep.yaml",
    "tables.json",
    "last.pt",
    "history.jsonl",
    "predictions.parquet",
    "best.safetensors",
    "fit.json",
    "progress.json",
    "leaderboard.csv",
)
"""Files whose writing a seeded one of the kills hits in any case."""
WRITES_MORE_OR_LESS = 4
"""Gates of one ``progress.json``."""


@dataclass
class Place:
    """A folder with a sweep in it, and whoever launches it there."""

    server: CrashServer
    folder: Path
    cache: Path
    wandb: str = "disabled"

    @property
    def run(self) -> Path:
        return self.folder / "runs" / "tiny"

    @property
    def store(self) -> RunStore:
        return RunStore(str(self.run))

    def launch(self, gate: int = 0) -> Crashed:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "tiny.yaml").write_text(ONE_BACKBONE)
        arguments = [
            "--sweep",
            "tiny.yaml",
            "--budget",
            "smoke",
            "--executor",
            "inline",
            "--wandb",
            self.wandb,
        ]
        return self.server.launch(self.folder, arguments, gate, {"FOLDGRID_CACHE": str(self.cache)})


@dataclass
class Calm:
    """The launch that nobody disturbed."""

    outcome: Outcome
    gates: tuple[str, ...]


@pytest.fixture(scope="module")
def calm(server: CrashServer, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    place = Place(server, tmp_path_factory.mktemp("calm") / "place", cache)
    done = place.launch()
    assert done.code == 0, done.said
    return Calm(outcome(place.store), done.gates)


def short(gate: str) -> str:
    """A gate for people."""
    return gate.replace(" runs/tiny/", " ").replace(" fits/", " ")


def trained(launched: Crashed) -> Counter[str]:
    """How many epochs of each fit a launch trained: each is a line appended to its history."""
    return Counter(
        Path(gate.split()[1]).parent.name
        for gate in launched.gates
        if gate.startswith("opens") and gate.endswith("/history.jsonl")
    )


def go_on(place: Place, calm: Calm) -> Crashed:
    """Launches once more, undisturbed; it trains what no checkpoint holds and nothing else."""
    done_before = checkpoints(place.store)
    launched = place.launch()
    assert launched.code == 0, launched.said
    left = Counter(
        {
            fit_id: facts["record"]["num_epochs"] - done_before.get(fit_id, 0)
            for fit_id, facts in calm.outcome.items()
        }
    )
    assert trained(launched) == +left
    assert outcome(place.store) == calm.outcome
    assert_nothing_is_torn(place.run)
    assert leftovers(place.run) == []
    assert (place.run / "leaderboard.csv").exists()
    return launched


def kill_once(place: Place, calm: Calm, gate: int) -> str | None:
    """Kills a launch into an empty folder at ``gate`` and goes on.

    Returns:
        Where it was killed; nothing where it had fewer gates and came to its end. How often it
        writes ``progress.json`` depends on the time.
    """
    killed = place.launch(gate)
    if killed.code == 0:
        assert len(killed.gates) < gate
        assert outcome(place.store) == calm.outcome
        shutil.rmtree(place.folder)
        return None
    assert killed.code == KILLED, killed.said
    if place.run.exists():
        assert_nothing_is_torn(place.run)
    go_on(place, calm)
    shutil.rmtree(place.folder)
    return killed.last


def test_in_the_windows_between_two_files(
    server: CrashServer,
    calm: Calm,
    cache: Path,
    tmp_path: Path,
    seeded: random.Random,
    chronicle: Chronicle,
) -> None:
    name = seeded.choice(WINDOWS)
    hits = [n for n, gate in enumerate(calm.gates, 1) if gate.endswith(f"/{name}")]
    gate, place = seeded.choice(hits), Place(server, tmp_path / "place", cache)
    while (last := kill_once(place, calm, gate)) is None:
        gate -= WRITES_MORE_OR_LESS
    chronicle.tell(f"killed when it {short(last)}")
    chronicle.conclude("it went on to the bits of the undisturbed launch")


@pytest.mark.exhaustive
def test_many_times_in_a_row_with_wandb(
    server: CrashServer,
    calm: Calm,
    cache: Path,
    tmp_path: Path,
    seeded: random.Random,
    chronicle: Chronicle,
) -> None:
    place = Place(server, tmp_path / "place", cache, wandb="offline")
    for _ in range(3):
        before = checkpoints(place.store)
        killed = place.launch(gate=seeded.randint(45, 95))
        if killed.code == 0:
            break
        assert killed.code == KILLED, killed.said
        after = checkpoints(place.store)
        assert all(after[fit_id] >= done for fit_id, done in before.items())
        chronicle.tell(f"killed when it {short(killed.last)}; {sum(after.values())} epochs safe")
    go_on(place, calm)
    num_epochs = assert_wandb_has_each_epoch_once(place.run, place.store)
    chronicle.conclude(f"same bits; each of {num_epochs} epochs once in W&B")


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_at_every_single_one(
    server: CrashServer, calm: Calm, cache: Path, tmp_path: Path, chronicle: Chronicle
) -> None:
    gate, place = 1, Place(server, tmp_path / "place", cache)
    while (last := kill_once(place, calm, gate)) is not None:
        chronicle.tell(f"killed when it {short(last)}")
        gate += 1
    assert gate > len(calm.gates) - 2 * WRITES_MORE_OR_LESS
    chronicle.conclude(f"{gate - 1} launches, each went on to the same bits")


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_while_the_cache_is_made(
    server: CrashServer, calm: Calm, tmp_path: Path, chronicle: Chronicle
) -> None:
    gate = 0
    while True:
        gate += 1
        place = Place(server, tmp_path / "place", tmp_path / "place" / "cache")
        killed = place.launch(gate)
        assert killed.code == KILLED, killed.said
        if " cache/" not in killed.last:
            break
        chronicle.tell(f"killed when it {short(killed.last)}")
        go_on(place, calm)
        shutil.rmtree(place.folder)
    assert gate > 5
    chronicle.conclude(f"{gate - 1} launches, each went on to the same bits")
