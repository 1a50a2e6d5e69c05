"""A launch in a process of its own: asks and tells, and says which trials it drew.

The processes are forked off one that has imported all this already, which takes seconds.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tests.search.small_study import open_study, tell_score
from tests.search.storage_places import Place

PATIENCE_SECONDS = 120
WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Launch:
    """A launch that runs, or ran.

    Attributes:
        process: Its process.
        ear: What it says.
    """

    process: ForkServerProcess
    ear: Connection

    def receive(self) -> int | None:
        """The number of its next trial; nothing where there is none left."""
        assert self.ear.poll(PATIENCE_SECONDS), "it says nothing"
        number: int | None = self.ear.recv()
        return number

    def receive_all(self) -> list[int]:
        """The numbers of all its trials, when it is over."""
        numbers = list(iter(self.receive, None))
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode == 0
        return numbers

    def kill(self) -> None:
        """As when memory runs out."""
        self.process.kill()
        self.process.join()


@contextmanager
def launch(place: Place, num_trials: int, gate: Barrier) -> Iterator[Launch]:
    """A launch that waits at the gate once it has drawn its first trial, before it tells of it."""
    ear, mouth = WARM.Pipe(duplex=False)
    process = WARM.Process(target=_search, args=(place.journal, place.url, num_trials, gate, mouth))
    process.start()
    mouth.close()
    running = Launch(process, ear)
    try:
        yield running
    finally:
        running.kill()
        ear.close()


def gate(num_launches: int) -> Barrier:
    """Opens when so many launches wait at it."""
    return WARM.Barrier(num_launches, timeout=PATIENCE_SECONDS)


def _search(
    journal: Path, url: str | None, num_trials: int, gate: Barrier, mouth: Connection
) -> None:
    storage = Place(journal, url).open()
    study = open_study(storage, sampler="RandomSampler")
    is_first = True
    while (asked := study.ask(num_trials)) is not None:
        mouth.send(asked[0])
        if is_first:
            gate.wait()
            is_first = False
        tell_score(study, *asked)
    mouth.send(None)
    storage.close()
