"""What a launch tells other terminals."""

from __future__ import annotations

import json
from pathlib import Path

from foldgrid.launching.progress.file import ProgressFile, read_progress
from foldgrid.records import RunStore
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def an_epoch(number: int) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        learning_rate=0.01,
        train_loss=1.0,
        validation_loss=1.0,
        metrics={},
        is_best=True,
        wall_seconds=1.0,
    )


def test_it_says_what_runs_what_is_done_and_what_failed(tmp_path: Path) -> None:
    store, clock = RunStore(str(tmp_path)), Clock()
    file = ProgressFile[str](store, str, num_done=3, num_total=9, clock=clock)
    with file:
        for name in ("a", "b", "c"):
            clock.now += 10
            file.started(name)
        clock.now += 10
        file.epoch_done("a", an_epoch(4))
        clock.now += 10
        file.finished("b", None)
        clock.now += 10
        file.failed("c", Failure(kind="error", message="ValueError: no"))
        said = read_progress(store)
        assert said is not None
        assert (said.num_done, said.num_total, said.updated) == (4, 9, 1060.0)
        assert {name: job.epoch for name, job in said.running.items()} == {"a": 4}
        assert said.running["a"].since == 1010.0
        assert said.failures == {"c": Failure(kind="error", message="ValueError: no")}
        assert said.seconds_left is None


def test_it_is_not_written_at_every_event_but_at_the_end(tmp_path: Path) -> None:
    store, clock = RunStore(str(tmp_path)), Clock()
    file = ProgressFile[str](store, str, 0, 1, lambda: 60.0, clock)
    with file:
        file.started("a")
        for number in range(1, 50):
            clock.now += 0.01
            file.epoch_done("a", an_epoch(number))
        said = read_progress(store)
        assert said is not None
        assert said.running == {}, "written once, before the first event"
    said = read_progress(store)
    assert said is not None
    assert (said.running["a"].epoch, said.seconds_left) == (49, 60.0)


def test_a_corrupt_file_says_nothing(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    assert read_progress(store) is None
    (tmp_path / "progress.json").write_text(json.dumps({"updated": 1})[:-3])
    assert read_progress(store) is None
