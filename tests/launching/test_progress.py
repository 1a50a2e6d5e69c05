from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from foldgrid.execution.inline import InlineExecutor
from foldgrid.execution.trainer import FitTrainer
from foldgrid.launching.durations import format_duration
from foldgrid.launching.progress.display import ProgressDisplay, SweepProgress
from foldgrid.records import RunStore
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord
from tests.execution.small_grid import fit_job, random_study


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def epoch(number: int) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        learning_rate=0.01,
        train_loss=1.0,
        validation_loss=2.0,
        is_best=True,
        wall_seconds=1.0,
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (48, "48 s"),
        (720, "12 min"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
        (math.nan, "–"),
    ],
)
def test_durations_are_said_in_people_units(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_the_time_left_follows_from_the_speed_so_far() -> None:
    clock = Clock()
    jobs = [fit_job("resnet18", fold, seconds=10.0) for fold in range(2)]
    progress = SweepProgress(num_total=2, num_done=0, work_left=20.0, clock=clock)
    assert math.isnan(progress.seconds_left)
    progress.started(jobs[0])
    clock.now += 30
    progress.failed(jobs[0], Failure(kind="error", message="whatever"))
    # 10 of 20 units of work took 30 seconds.
    assert progress.seconds_left == pytest.approx(30)
    assert progress.elapsed_seconds == pytest.approx(30)


def test_earlier_launches_count_as_done() -> None:
    progress = SweepProgress(num_total=145, num_done=140, work_left=5.0)
    assert progress.num_done == 140


def displayed(tmp_path: Path, *, is_terminal: bool) -> str:
    """What a display shows of one good and one bad fit."""
    jobs = [fit_job("squeezenet1_1"), fit_job("no_such_network")]
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=is_terminal, color_system=None, width=100)
    progress = SweepProgress(num_total=2, num_done=0, work_left=2.0)
    with ProgressDisplay(progress, console) as display:
        InlineExecutor().run(FitTrainer(random_study(), RunStore(str(tmp_path))), jobs, display)
    assert progress.num_done == 1
    assert len(progress.failures) == 1
    return stream.getvalue()


def test_in_a_file_there_is_a_plain_line_a_fit(tmp_path: Path) -> None:
    text = displayed(tmp_path, is_terminal=False)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[1/2] squeezenet1_1")
    assert "PASI MAE" in lines[0]
    assert "FAILED" in lines[1]
    assert "no_such_network" in lines[1]


def test_on_a_terminal_there_is_one_live_panel(tmp_path: Path) -> None:
    text = displayed(tmp_path, is_terminal=True)
    assert "1 of 2 done" in text
    assert "1 failed" in text


def test_a_long_fit_reports_while_it_runs() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = SweepProgress(num_total=2, num_done=0, work_left=2.0, clock=clock)
    display = ProgressDisplay(progress, Console(file=stream, width=100))
    job = fit_job("resnet18")
    display.started(job)
    display.epoch_done(job, epoch(1))
    clock.now += 5
    display.epoch_done(job, epoch(2))
    assert stream.getvalue() == "", "five seconds of silence are no reason to speak"
    clock.now += 600
    display.epoch_done(job, epoch(3))
    assert "running" in stream.getvalue()
    assert "3 epochs" in stream.getvalue()
