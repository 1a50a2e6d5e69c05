"""``launch.py`` as a user starts it, in processes of its own, to be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from foldgrid.records import RunStore
from tests.chaos.crashing import CrashServer
from tests.chaos.evidence import Outcome, checkpoints, epochs_done, outcome
from tests.chaos.processes import descendants, kill, title, wait_until_gone

PROJECT = Path(__file__).parents[2]
MONITORED = Path(__file__).parent / "monitored"
SOON = 120.0
"""Seconds within which a launch must have come somewhere, on the slowest machine."""
FATE_SECONDS = 40.0
"""Within which Ray's processes end after their launcher was killed."""

RAY_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


@dataclass(frozen=True)
class Trained:
    """One epoch that some process trained, as it told the log."""

    launch: int
    pid: int
    when: float
    fit_id: str


@dataclass
class Launch:
    """A launch under way.

    Attributes:
        process: The launcher.
        output: What it says, with what it says of errors.
        number: Counted from 0 in its place.
    """

    process: subprocess.Popen[bytes]
    output: Path
    number: int

    @property
    def said(self) -> str:
        return self.output.read_text()

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float) -> int:
        """Its exit code."""
        return self.process.wait(timeout=seconds)

    def kill(self, *, with_workers: bool) -> None:
        """kill -9 of the launcher, or of it and of all that it started, and waits for the rest."""
        family = descendants(self.process.pid)
        self.process.kill()
        if with_workers:
            kill(family)
        self.process.wait()
        # Ray's own agents, which neither train nor write, may outlive their raylet for long.
        agents = [each for each in family if title(each).startswith(RAY_AGENTS)]
        wait_until_gone(set(family) - set(agents), FATE_SECONDS)
        kill(agents)


@dataclass
class Place:
    """A folder with one sweep, launched there again and again.

    Args:
        folder: Holds the sweep's file, and the run folder unless ``storage`` is elsewhere.
        sweep: The sweep's text.
        cache: The data cache.
        options: Of every launch.
        environment: Of every launch.
        storage: Where run folders go.
        prefix: Before the command of every launch.
    """

    folder: Path
    sweep: str
    cache: Path
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    storage: str = ""
    prefix: tuple[str, ...] = ()
    num_launches: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "tiny.yaml").write_text(self.sweep)
        self.storage = self.storage or str(self.folder / "runs")

    @property
    def run(self) -> Path:
        """The run folder, where the storage is a folder."""
        return Path(self.storage) / "tiny"

    @property
    def store(self) -> RunStore:
        return RunStore(f"{self.storage}/tiny")

    @property
    def arguments(self) -> list[str]:
        return [
            "--sweep",
            str(self.folder / "tiny.yaml"),
            "--budget",
            "smoke",
            "--storage",
            self.storage,
            *self.options,
        ]

    @contextmanager
    def launch(self) -> Iterator[Launch]:
        """Launches; whatever is left of it at the block's end is killed."""
        number, self.num_launches = self.num_launches, self.num_launches + 1
        output = self.folder / f"launch-{number}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*self.prefix, sys.executable, str(PROJECT / "launch.py"), *self.arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | self.monitoring(number) | self.environment,
                start_new_session=True,
            )
        launch = Launch(process, output, number)
        try:
            yield launch
        finally:
            if not launch.is_over():
                launch.kill(with_workers=True)

    def monitoring(self, number: int) -> dict[str, str]:
        """The variables by which processes find foldgrid, and note for which launch they train."""
        return {
            "PYTHONPATH": os.pathsep.join(map(str, (MONITORED, PROJECT, PROJECT / "src"))),
            "OMP_NUM_THREADS": "1",
            "FOLDGRID_CACHE": str(self.cache),
            "CHAOS_LOG": str(self._log),
            "CHAOS_LAUNCH": str(number),
        }

    def to_the_end(self, seconds: float = 240.0) -> Launch:
        """One launch that nobody disturbs."""
        with self.launch() as launch:
            launch.wait(seconds)
        return launch

    @property
    def _log(self) -> Path:
        return self.folder / "trained.log"

    def trained(self, launch: int | None = None) -> list[Trained]:
        """The epochs that were trained here, in their order; of one launch or of all."""
        text = self._log.read_text() if self._log.exists() else ""
        lines = [line.split() for line in text.splitlines()]
        found = [Trained(int(n), int(pid), float(when), fit) for n, pid, when, fit in lines]
        return [each for each in found if launch in (None, each.launch)]


class Account:
    """Whether epochs were trained twice that a checkpoint held.

    Args:
        place: Where is launched.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.safe: Counter[str] = Counter()
        self.num_lost = 0

    def close(self, launch: int) -> None:
        """After each launch: its epochs follow on those that were safe before it.

        The last epoch of a fit may be told and not on record: killed in the very moment.
        """
        trained = Counter(each.fit_id for each in self.place.trained(launch))
        on_record = epochs_done(self.place.store)
        for fit_id, num_trained in trained.items():
            reported = self.safe[fit_id] + num_trained
            assert on_record.get(fit_id, 0) in (reported - 1, reported), fit_id
        safe = Counter(checkpoints(self.place.store))
        assert all(safe[fit_id] >= epochs for fit_id, epochs in self.safe.items())
        self.num_lost += sum((self.safe + trained - safe).values())
        self.safe = safe

    @property
    def num_safe(self) -> int:
        """Epochs that are never trained again."""
        return sum(self.safe.values())

    def assert_balanced(self) -> None:
        """All that was trained is on record, or was lost to a kill after the last checkpoint."""
        num_trained = len(self.place.trained())
        num_needed = sum(epochs_done(self.place.store).values())
        assert num_trained == num_needed + self.num_lost
        self._assert_no_ghosts()

    def _assert_no_ghosts(self) -> None:
        """No worker of a killed launch trained on when the next one did."""
        newest = 0
        for each in self.place.trained():
            assert each.launch >= newest, "a worker outlived its launch"
            newest = each.launch


def undisturbed(server: CrashServer, sweep: str, cache: Path, folder: Path) -> Outcome:
    """What the sweep comes to where nobody disturbs it, without Ray."""
    calm = Place(folder, sweep, cache)
    arguments = [*calm.arguments, "--executor", "inline", "--wandb", "disabled"]
    done = server.launch(folder, arguments, environment={"FOLDGRID_CACHE": str(cache)})
    assert done.code == 0, done.said
    return outcome(calm.store)
