"""Do the sweeps on labels learn, and how long do they take?

Each runs from one command to its ranking, on its simulated study. What is compared is the fraction
of photographs of held-out subjects that the best base learner decides rightly, out of fold,
against always saying the most frequent class.
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
from typing import Any, Literal

from cyclopts import App
from rich.console import Console

from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.specs.learners import is_ablation

STUDIES = ("ssc_skin", "ssc_skin_stages", "aidda", "referable_dr", "skin_taxonomy")

app = App(name="python -m benchmarks.small_studies", help=__doc__, version_flags=[])


@dataclass(frozen=True)
class Learned:
    """What one sweep came to.

    Attributes:
        sweep: Its name.
        wall_seconds: From the command to the ranking.
        best: The base learner with the highest out-of-fold accuracy.
        accuracy: Its accuracy.
        low: The lower end of its 95 % interval over subjects.
        high: The upper end.
        majority: The accuracy of always saying the most frequent class.
        auc: The best's area under the ROC curve.
    """

    sweep: str
    wall_seconds: float
    best: str
    accuracy: float
    low: float
    high: float
    majority: float
    auc: float


def run_study(sweep: str, budget: str, storage: Path) -> Learned:
    """Launches a sweep under a budget and reads its ranking."""
    command = [sys.executable, str(PROJECT / "launch.py"), "--sweep", sweep]
    command += ["--budget", budget, "--storage", str(storage), "--wandb", "offline"]
    started = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    board = json.loads((storage / sweep / "leaderboard.json").read_text(encoding="utf-8"))
    return _learned(sweep, seconds, board["rows"])


def _learned(sweep: str, seconds: float, rows: Sequence[dict[str, Any]]) -> Learned:
    learners = [
        row
        for row in rows
        if row["kind"] == "base_learner" and not row["left_out"] and not is_ablation(row["model"])
    ]
    best = max(learners, key=lambda row: row["oof"]["accuracy"])
    baseline = next(row for row in rows if row["kind"] == "baseline")
    ends = best["oof_intervals"]["accuracy"]
    return Learned(
        sweep=sweep,
        wall_seconds=seconds,
        best=best["model"],
        accuracy=best["oof"]["accuracy"],
        low=ends["low"],
        high=ends["high"],
        majority=baseline["oof"]["accuracy"],
        auc=best["oof"]["auc"],
    )


@app.default
def main(
    *sweeps: str, budget: Literal["probe", "smoke"] = "probe", output: Path | None = None
) -> None:
    """Run the studies one after another and print what they learned.

    Args:
        sweeps: Their names; all five without any.
        budget: How they are trained.
        output: Also write the values to this JSON file.
    """
    console, environment = Console(), describe_environment()
    print_opening(
        console, f"What the sweeps on labels learn under the budget {budget}.", environment
    )
    found = []
    for sweep in sweeps or STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            found.append(run_study(sweep, budget, Path(folder)))
    headings = ["sweep", "minutes", "best", "accuracy", "from", "to", "majority", "AUC"]
    rows = [
        [
            each.sweep,
            each.wall_seconds / 60,
            each.best,
            *(each.accuracy, each.low, each.high, each.majority, each.auc),
        ]
        for each in found
    ]
    console.print(make_table(headings, rows))
    write_output(output, {"environment": environment, "studies": [asdict(each) for each in found]})


if __name__ == "__main__":
    sys.exit(run(app))
