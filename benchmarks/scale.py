"""What a large sweep costs beside its training: `python -m benchmarks.scale`.

The plan, the launch (records or suggestions, logs, offline W&B runs) and the status of thousands of
fits or trials, each of which ends at once with made-up results.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Self

import numpy as np
from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.made_up_sweep import made_up_record
from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.data.cache import CACHE_VARIABLE
from foldgrid.execution.fit_job import FitJob
from foldgrid.launching.options import Options
from foldgrid.search.trials import trial_record
from foldgrid.sessions import open_session
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import EpochRecord
from foldgrid.specs.folders import space_folders
from foldgrid.specs.trials import TrialEpoch
from foldgrid.tasks.pasi.arithmetic import SCORES
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import evaluated_units
from foldgrid.training.training_data import TrainingData

GOAL_PLAN, GOAL_STATUS, GOAL_GIB = 20.0, 3.0, 1.0
FOLDS = 10
NUM_EPOCHS = 3
BACKBONES = ("squeezenet1_1", "shufflenet_v2_x0_5", "mobilenet_v3_small", "mnasnet0_5", "resnet18")

SWEEP = """\
title: a sweep that nobody trains
data:
  tile_pixels: 16
  synthetic: {{num_subjects: 60, num_visits: 300, photo_width: 48, photo_height: 32}}
split: {{num_folds: {folds}, num_seeds: 1}}
backbones: [{backbones}]
weights: none
keep: none
training: {{max_epochs: {epochs}}}
"""

app = App(
    name="python -m benchmarks.scale",
    help="Seconds and memory of planning, status and W&B runs of thousands of fits and trials.",
    version_flags=[],
)
Sizes = Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())]


@dataclass(frozen=True)
class Took:
    """What a process took.

    Attributes:
        seconds: From its start to its end.
        gib: The most memory that it had.
    """

    seconds: float
    gib: float


@app.default
def measure_scale(
    *,
    fits: Sizes = (1250, 5000),
    trials: Sizes = (2500, 10000),
    untrained: Path | None = None,
    output: Path | None = None,
) -> None:
    """Seconds and memory of what thousands of fits and trials cost beside their training.

    Args:
        fits: Sizes of the grid, multiples of 50.
        trials: Sizes of the search.
        untrained: Only launch this sweep without training anything.
        output: A JSON file for the figures.
    """
    if untrained is not None:
        _launch_untrained(untrained)
        return
    multiple = FOLDS * len(BACKBONES)
    if unsuited := [size for size in fits if size <= 0 or size % multiple]:
        raise SweepError(f"--fits: found {unsuited[0]}. Take multiples of {multiple}.")
    console, environment = Console(), describe_environment()
    print_opening(console, "a large sweep beside its training", environment)
    found = {}
    for what, sizes, sweep_of in (("fits", fits, _grid), ("trials", trials, _search)):
        found[what] = {size: _in_a_folder(sweep_of, size, console) for size in sizes}
        if found[what]:
            _print(what, found[what], console)
    results = {
        what: {
            size: {name: asdict(took) for name, took in each.items()}
            for size, each in by_size.items()
        }
        for what, by_size in found.items()
    }
    goals = {"plan_seconds": GOAL_PLAN, "status_seconds": GOAL_STATUS, "gib": GOAL_GIB}
    written = {"benchmark": "scale", "environment": environment, "results": results, "goals": goals}
    write_output(output, written)


def _in_a_folder(sweep_of: Callable[[int], str], size: int, console: Console) -> dict[str, Took]:
    with TemporaryDirectory(prefix="foldgrid-benchmark-") as name:
        folder = Path(name)
        sweep = folder / "large.yaml"
        sweep.write_text(sweep_of(size), encoding="utf-8")
        asked = ["launch", str(sweep), "--budget", "paper", "--storage", str(folder / "runs")]
        plan = [sys.executable, "-m", "foldgrid", *asked, "--plan"]
        # The study is painted, and networks are followed, once for all launches of a machine.
        first = _process(plan, folder)
        took = {"plan": _process(plan, folder)}
        untrained = [sys.executable, "-m", "benchmarks.scale", "--untrained", str(sweep)]
        took["launch"] = _process(untrained, folder)
        took["plan of what is done"] = _process(plan, folder)
        status = [sys.executable, "-m", "foldgrid", "status", str(folder / "runs/large")]
        took["status"] = _process(status, folder)
    seconds = ", ".join(f"{name} {each.seconds:.1f} s" for name, each in took.items())
    console.print(f"{size}: {seconds}; the very first plan {first.seconds:.1f} s")
    return took


def _grid(num_fits: int) -> str:
    rates = num_fits // FOLDS // len(BACKBONES) - 1
    varied = ", ".join(f"{0.0001 * (1 + place):.4g}" for place in range(rates))
    text = SWEEP.format(folds=FOLDS, backbones=", ".join(BACKBONES), epochs=NUM_EPOCHS)
    return text + (f"ablation: {{learning_rate: [{varied}]}}\n" if rates else "")


def _search(num_trials: int) -> str:
    text = SWEEP.format(folds=2, backbones=BACKBONES[0], epochs=NUM_EPOCHS)
    return (
        f"{text}search_space: lr_plateau\n"
        f"search: {{num_trials: {num_trials}, sampler: RandomSampler}}\n"
    )


def _process(command: Sequence[str], folder: Path) -> Took:
    """A process from its start to its end, and the most memory that it had."""
    paths = f"{PROJECT / 'src'}{os.pathsep}{PROJECT}"
    said = folder / "said.txt"
    started = time.perf_counter()
    with said.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths, CACHE_VARIABLE: str(folder / "cache")},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
    if status:
        tail = "\n".join(said.read_text(encoding="utf-8").splitlines()[-10:])
        raise SweepError(f"{' '.join(command)} ended with {status}:\n{tail}")
    return Took(time.perf_counter() - started, used.ru_maxrss / 2**20)


class Nobody:
    """An executor that trains nothing: every job ends at once, with made-up results."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing was started."""

    def run(self, trainer: Any, jobs: Iterable[Any], listener: Any, steering: Any = None) -> None:
        """See ``Executor``."""
        predicted = _predicted(trainer.data)
        for job in jobs:
            listener.started(job)
            if isinstance(job, FitJob):
                _end_fit(trainer, job, listener)
            else:
                _end_trial(job, listener, predicted)


def _end_fit(trainer: Any, job: FitJob, listener: Any) -> None:
    folder, samples = trainer.store.fit(job.config.fit_id), trainer.data.samples
    for number in range(1, NUM_EPOCHS + 1):
        epoch = EpochRecord(
            epoch=number,
            learning_rate=0.01,
            train_loss=1 / number,
            validation_loss=1 / number,
            is_best=True,
            wall_seconds=0.1,
        )
        folder.append_epoch(epoch)
        listener.epoch_done(job, epoch)
    rows = samples[(samples["fold"] == job.config.fold) | (samples["partition"] == "test")]
    scores = rows[list(SCORES)].reset_index(drop=True)
    table = scores.join(scores.astype(np.float32).add_prefix("predicted_"))
    table.insert(0, "sample", rows["sample"].to_numpy())
    table.insert(1, "partition", np.where(rows["partition"] == "test", "test", "oof"))
    folder.write_predictions(table)
    record = made_up_record(job.config, NUM_EPOCHS)
    folder.complete(record)
    listener.finished(job, record)


def _end_trial(job: Any, listener: Any, predicted: tuple[float, ...]) -> None:
    epochs = [
        TrialEpoch(
            epoch=number,
            oof={"mae": 1.0 + math.sin(job.number) / number},
            predicted=predicted,
            best_epochs=(number, number),
            num_running=0 if number == NUM_EPOCHS else 2,
            wall_seconds=0.1,
        )
        for number in range(1, NUM_EPOCHS + 1)
    ]
    for epoch in epochs:
        listener.epoch_done(job, epoch)
    listener.finished(job, trial_record(job, epochs, "complete"))


def _predicted(data: TrainingData) -> tuple[float, ...]:
    """As many numbers as a trial predicts."""
    task = make_scoring(PasiSpec())
    outputs_NK = np.zeros((len(data.samples), task.num_outputs), np.float32)
    return tuple(evaluated_units(task, data.samples, outputs_NK).predicted.to_numpy().ravel())


def _launch_untrained(sweep: Path) -> None:
    """A launch to its end, but for training and ranking."""
    options = Options(
        sweep=str(sweep),
        budget="paper",
        storage=str(sweep.parent / "runs"),
        trackers={"wandb": "offline"},
    )
    session = open_session(sweep, space_folders(), options, Console())
    session._executor = lambda is_left: Nobody()  # type: ignore[method-assign]
    try:
        if session.train():
            raise SweepError("some of what nobody trained has failed")
    finally:
        session.close()


def _print(what: str, by_size: dict[int, dict[str, Took]], console: Console) -> None:
    smallest, largest = min(by_size), max(by_size)
    rows: list[list[object]] = []
    for name, most in by_size[largest].items():
        least = by_size[smallest][name]
        grows = math.nan
        if largest > smallest:
            grows = math.log(most.seconds / least.seconds) / math.log(largest / smallest)
        goal = {"plan": GOAL_PLAN, "plan of what is done": GOAL_PLAN, "status": GOAL_STATUS}
        wanted = f"under {goal[name]:g} s" if name in goal else ""
        rows.append([name, least.seconds, most.seconds, grows, most.gib, wanted])
    headings = [what, f"s, {smallest}", f"s, {largest}", "grows like n to the", "GiB", "goal"]
    console.print(make_table(headings, rows))
    console.print(f"memory: under {GOAL_GIB:g} GiB; an exponent of 1 is linear", end="\n\n")


if __name__ == "__main__":
    sys.exit(run(app))
