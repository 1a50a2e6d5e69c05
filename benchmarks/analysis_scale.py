"""How long a ranking takes, and how it grows: `python -m benchmarks.analysis_scale`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from analysis.stacking.nested import stack
from analysis.statistics.assessing import assess
from benchmarks.made_up_sweep import MadeUpSweep
from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.specs.errors import SweepError

GOAL_RANKED = 15.0
GOAL_STORED = 1.5
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

app = App(
    name="python -m benchmarks.analysis_scale",
    help="Seconds of a ranking with all statistics, of a stored one, and their growth.",
    version_flags=[],
)


@app.default
def measure_analysis(
    *,
    backbones: int = 29,
    folds: int = 5,
    visits: int = 1000,
    growth: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())] = (
        29,
        100,
        300,
        1000,
    ),
    repeats: int = 3,
    output: Path | None = None,
) -> None:
    """Seconds of a ranking with all statistics, of a stored one, and their growth.

    Args:
        backbones: Base learners of the ranked sweep.
        folds: Fits a base learner.
        visits: Visits in all; about a tenth are test visits.
        growth: Numbers of base learners for which statistics and stacking are timed apart.
        repeats: How often the ranking and the stored ranking are timed.
        output: A JSON file for the figures.
    """
    if repeats < 1:
        raise SweepError(f"--repeats: found {repeats}. At least 1 is needed.")
    console = Console()
    environment = describe_environment()
    title = f"{backbones} base learners x {folds} folds, {visits} visits, made-up predictions"
    print_opening(console, title, environment)
    with tempfile.TemporaryDirectory(prefix="foldgrid-benchmark-") as scratch:
        MadeUpSweep(backbones, folds, visits).write(scratch)
        ranked, stored = [], []
        for _ in range(repeats):
            (Path(scratch) / "leaderboard.json").unlink(missing_ok=True)
            ranked.append(_rank_seconds(scratch))
            stored.append(_rank_seconds(scratch))
    _print_commands(ranked, stored, console)
    rows = [_growth_row(number, visits, folds) for number in growth]
    headings = ["base learners", "statistics, s", "ms each", "stacking, s", "ms each"]
    console.print(make_table(headings, [[*row.values()] for row in rows]))
    write_output(
        output,
        {
            "benchmark": "analysis_scale",
            "environment": environment,
            "size": {"backbones": backbones, "folds": folds, "visits": visits},
            "ranked_seconds": ranked,
            "stored_seconds": stored,
            "growth": rows,
            "goals": {"ranked_seconds": GOAL_RANKED, "stored_seconds": GOAL_STORED},
        },
    )


def _rank_seconds(folder: str) -> float:
    """Of ``python -m analysis rank``, from the process's start to its end, on one thread."""
    paths = f"{PROJECT / 'src'}{os.pathsep}{PROJECT}"
    command = [sys.executable, "-m", "analysis", "rank", folder, "--by", "ccc"]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SweepError(f"ranking ended with code {done.returncode}:\n{done.stderr}")
    return seconds


def _print_commands(ranked: list[float], stored: list[float], console: Console) -> None:
    rows: list[list[object]] = [
        [name, statistics.median(seconds), min(seconds), max(seconds), f"under {goal:g}"]
        for name, seconds, goal in (
            ("ranked from the records", ranked, GOAL_RANKED),
            ("printed from the stored ranking", stored, GOAL_STORED),
        )
    ]
    headings = ["seconds, process start to end", "median", "least", "most", "goal"]
    console.print(make_table(headings, rows), end="\n\n")


def _growth_row(num_learners: int, num_visits: int, num_folds: int) -> dict[str, float]:
    """Statistics and stacking of so many base learners, on one thread."""
    table, oof, test = MadeUpSweep(num_learners, num_folds, num_visits).tables()
    learners = [str(name) for name in oof.predicted.columns]
    with threadpool_limits(limits=1):
        statistics_seconds = _seconds(lambda: assess(oof, test, learners, ""))
        stacking_seconds = _seconds(lambda: stack(table))
    return {
        "base_learners": num_learners,
        "statistics_seconds": statistics_seconds,
        "statistics_ms_each": 1000 * statistics_seconds / num_learners,
        "stacking_seconds": stacking_seconds,
        "stacking_ms_each": 1000 * stacking_seconds / num_learners,
    }


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(run(app))
