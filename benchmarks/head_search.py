"""A search over heads on the features of a frozen backbone: many configurations on all folds.

Each trial draws a head, what it is fitted by and how its features are pooled, and trains all five
folds; its score is the out-of-fold error. The command is timed from its start to its end: plan,
search, ranking. It runs twice, without W&B and with an offline run of W&B a trial. Photographs,
mosaics and features are made before, by a search of one trial whose time is printed, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.console import Console

from benchmarks.side_by_side import (
    LOG_LINES_SHOWN,
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.specs.errors import SweepError

GOAL_SECONDS, GOAL_OF_WANDB = 300.0, 180.0

SWEEP = """\
title: "Heads on the features of one frozen backbone"
search_space: heads.yaml
search: {{objectives: [mae]}}
data:
  tile_pixels: {tile}
  synthetic: {{num_subjects: {subjects}, num_visits: {visits}}}
backbones: [{backbone}]
weights: {weights}
training:
  head: ridge
  pooling: mean_max
  head_settings: {{ridge: {{strength: 1000.0}}}}
  phases: [{{name: head, frozen: backbone}}]
  max_epochs: 10
  batch_size: 64
  learning_rate: 0.001
  schedule: constant
  early_stopping: {{policy: none}}
  start_from_mean: true
  augmentation: {{rotate_tiles: false, shuffle_tiles: false, brightness: 0.0, contrast: 0.0}}
"""

SPACE = """\
title: "Heads, and what they are fitted by"
parameters:
  head: {{type: choice, choices: [{heads}]}}
  pooling: {{type: choice, choices: [network, mean, mean_max]}}
  head_settings.ridge.strength:
    {{type: float, low: 1.0, high: 1000000.0, log: true, when: {{head: [ridge]}}}}
{rate}"""

RATE = """\
  learning_rate: {type: float, low: 0.00001, high: 0.01, log: true, when: {head: [linear]}}
"""

app = App(name="python -m benchmarks.head_search", help=__doc__, version_flags=[])


@dataclass(frozen=True)
class Searched:
    """One search.

    Attributes:
        wandb: ``disabled`` or ``offline``.
        num_trials: That were over.
        seconds: From the command's start to its end.
        best: The lowest out-of-fold MAE.
        num_files: In the run folder, W&B's included.
    """

    wandb: str
    num_trials: int
    seconds: float
    best: float
    num_files: int


def write_sweep(folder: Path, heads: Sequence[str], **values: str | int) -> Path:
    """Writes the sweep and its space; returns the sweep's path.

    Args:
        folder: Where to.
        heads: Which are drawn.
        values: ``backbone``, ``weights``, ``subjects`` and ``tile``.
    """
    rate = RATE if "linear" in heads else ""
    space = SPACE.format(heads=", ".join(heads), rate=rate)
    (folder / "heads.yaml").write_text(space, encoding="utf-8")
    path = folder / "sweep.yaml"
    visits = int(values["subjects"]) * 338 // 60
    path.write_text(SWEEP.format(**values, visits=visits), encoding="utf-8")
    return path


def search(folder: Path, wandb: Literal["disabled", "offline"], trials: int) -> Searched:
    """Launches the sweep in ``folder`` with a run folder of its own."""
    storage = folder / f"{wandb}-{trials}"
    command = [sys.executable, str(PROJECT / "launch.py"), "--sweep", str(folder / "sweep.yaml")]
    command += ["--budget", "paper", "--storage", str(storage), "--wandb", wandb]
    command += ["--set", f"search.num_trials={trials}"]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        lines = "\n".join(done.stdout.splitlines()[-LOG_LINES_SHOWN:])
        raise SweepError(f"the search ended with code {done.returncode}:\n{lines}")
    found = [json.loads(path.read_text()) for path in storage.rglob("trial.json")]
    scores = [trial["oof"]["mae"] for trial in found if trial["status"] == "complete"]
    num_files = sum(path.is_file() for path in storage.rglob("*"))
    return Searched(wandb, len(found), seconds, min(scores), num_files)


@app.default
def main(
    *,
    trials: int = 1000,
    heads: Sequence[Literal["ridge", "linear"]] = ("ridge", "linear"),
    backbone: str = "tf_efficientnet_lite0",
    weights: Literal["required", "none"] = "required",
    subjects: int = 60,
    tile: int = 64,
    output: Path | None = None,
) -> None:
    """Runs the search without and with W&B's runs and prints what both took.

    Args:
        trials: Configurations.
        heads: Which heads are drawn.
        backbone: Whose features.
        weights: Whether it has to have seen photographs.
        subjects: Of the simulated trial.
        tile: Height and width of a photograph's tile.
        output: Also writes the values as JSON.
    """
    console, environment = Console(), describe_environment()
    title = f"{trials} configurations of heads x 5 folds on the features of {backbone}"
    print_opening(console, title, environment)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sweep(folder, heads, backbone=backbone, weights=weights, subjects=subjects, tile=tile)
        first = search(folder, "disabled", 1)
        console.print(f"features, and one trial: {first.seconds:.0f} s\n", highlight=False)
        sides = [search(folder, "disabled", trials), search(folder, "offline", trials)]
    plain, tracked = sides
    headings = ["W&B", "trials", "seconds", "trials a second", "best OOF MAE", "files"]
    rows = [
        [s.wandb, s.num_trials, s.seconds, s.num_trials / s.seconds, s.best, s.num_files]
        for s in sides
    ]
    console.print(make_table(headings, rows))
    more = tracked.seconds - plain.seconds
    console.print(
        f"\nWithout W&B {plain.seconds:.0f} s (goal: {GOAL_SECONDS:.0f} s for 1,000 on two cores); "
        f"its offline runs take {more:.0f} s more (goal: {GOAL_OF_WANDB:.0f} s).",
        highlight=False,
        soft_wrap=True,
    )
    content = {
        "environment": environment,
        "first": asdict(first),
        "searches": [asdict(each) for each in sides],
        "goals": {"seconds": GOAL_SECONDS, "more with offline runs": GOAL_OF_WANDB},
    }
    write_output(output, content)


if __name__ == "__main__":
    raise SystemExit(run(app))
