"""How long a ranking takes, and how it grows: `python -m benchmarks.analysis_scale`."""

from __future__ import annotations

import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import App, Parameter
from rich.console import Console
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.made_up_sweep import MadeUpSweep
from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.analysis.stacking.nested import stack
from foldgrid.analysis.statistics.assessing import assess
from foldgrid.specs.errors import SweepError

GOAL_RANKED = 15.0
GOAL_STORED = 1.5
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

app = App(
    name="python -m benchmarks.analysis_scale",
    help="Seconds of a ranking with all statistics, of a stored one, and their growth.",
    version_flags=[],
)


Sizes = Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())]


class Took(NamedTuple):
    """Of one process, from its start to its end.

    Attributes:
        wall: Seconds on the clock.
        processor: Seconds of processor time; what else the machine does disturbs it less.
    """

    wall: float
    processor: float


@app.default
def measure_analysis(
    *,
    backbones: int = 29,
    folds: int = 5,
    visits: int = 1000,
    statistics_sizes: Sizes = (29, 100, 300, 1000),
    stacking_sizes: Sizes = (29, 100, 300, 1000),
    repeats: int = 3,
    against: Path | None = None,
    output: Path | None = None,
) -> None:
    """Seconds of a ranking with all statistics, of a stored one, and their growth.

    Args:
        backbones: Base learners of the ranked sweep.
        folds: Fits a base learner.
        visits: Visits in all; about a tenth are test visits.
        statistics_sizes: Numbers of base learners for which the statistics are timed alone.
        stacking_sizes: Numbers of base learners for which the meta-learners are timed alone.
        repeats: How often the ranking and the stored ranking are timed.
        against: Another checkout of this project, such as ``git worktree add`` makes of an
            earlier commit; it ranks the same records by turns.
        output: A JSON file for the figures.
    """
    if repeats < 1:
        raise SweepError(f"--repeats: found {repeats}. At least 1 is needed.")
    if against and not (against / "analysis" / "__main__.py").is_file():
        raise SweepError(f"--against: {against} is no checkout of this project. Name its folder.")
    console = Console()
    environment = describe_environment()
    title = f"{backbones} base learners x {folds} folds, {visits} visits, made-up predictions"
    print_opening(console, title, environment)
    others = (against.resolve(),) if against else ()
    sweep = MadeUpSweep(backbones, folds, visits)
    (ranked, stored), *theirs = _measure_commands(sweep, repeats, (PROJECT, *others))
    _print_commands(ranked, stored, console)
    here = [each.processor for each in ranked]
    there = [each.processor for each in theirs[0][0]] if theirs else None
    if there:
        _print_against(here, there, console)
    growths = {}
    for name, sizes, work in (
        ("statistics", statistics_sizes, _statistics_seconds),
        ("stacking", stacking_sizes, _stacking_seconds),
    ):
        growths[name] = {size: work(MadeUpSweep(size, folds, visits)) for size in sizes}
        _print_growth(name, growths[name], console)
    write_output(
        output,
        {
            "benchmark": "analysis_scale",
            "environment": environment,
            "size": {"backbones": backbones, "folds": folds, "visits": visits},
            "ranked_seconds": [each.wall for each in ranked],
            "stored_seconds": [each.wall for each in stored],
            "ranked_processor_seconds": here,
            "ranked_processor_seconds_against": there,
            "growth_seconds": growths,
            "growth_exponents": {name: _exponent(growth) for name, growth in growths.items()},
            "goals": {"ranked_seconds": GOAL_RANKED, "stored_seconds": GOAL_STORED},
        },
    )


def _measure_commands(
    sweep: MadeUpSweep, repeats: int, checkouts: Sequence[Path]
) -> list[tuple[list[Took], list[Took]]]:
    """Ranking from the records, and printing what that stored, by turns; a pair a checkout."""
    found: list[tuple[list[Took], list[Took]]] = [([], []) for _ in checkouts]
    with tempfile.TemporaryDirectory(prefix="foldgrid-benchmark-") as scratch:
        sweep.write(scratch)
        for _ in range(repeats):
            for checkout, (ranked, stored) in zip(checkouts, found, strict=True):
                for made in ("leaderboard.json", "checks.json"):
                    (Path(scratch) / made).unlink(missing_ok=True)
                ranked.append(_rank(scratch, checkout))
                stored.append(_rank(scratch, checkout))
    return found


def _rank(folder: str, checkout: Path) -> Took:
    """``foldgrid rank`` of a checkout, on one thread."""
    paths = f"{checkout / 'src'}{os.pathsep}{checkout}"
    command = [sys.executable, "-m", "analysis", "rank", folder, "--by", "ccc"]
    started, used = time.perf_counter(), _processor_seconds()
    done = subprocess.run(
        command,
        cwd=checkout,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    took = Took(time.perf_counter() - started, _processor_seconds() - used)
    if done.returncode:
        raise SweepError(f"ranking ended with code {done.returncode}:\n{done.stderr}")
    return took


def _processor_seconds() -> float:
    """Of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print_commands(ranked: list[Took], stored: list[Took], console: Console) -> None:
    rows: list[list[object]] = []
    for name, took, goal in (
        ("ranked from the records", ranked, GOAL_RANKED),
        ("printed from the stored ranking", stored, GOAL_STORED),
    ):
        seconds = [each.wall for each in took]
        middle = statistics.median(seconds)
        rows.append([name, middle, min(seconds), max(seconds), f"under {goal:g}"])
    headings = ["seconds, process start to end", "median", "least", "most", "goal"]
    console.print(make_table(headings, rows), end="\n\n")


def _print_against(here: list[float], there: list[float], console: Console) -> None:
    ratios = [mine / theirs for mine, theirs in zip(here, there, strict=True)]
    rows: list[list[object]] = [
        ["here", statistics.median(here), min(here), max(here)],
        ["there", statistics.median(there), min(there), max(there)],
        ["here / there", statistics.median(ratios), min(ratios), max(ratios)],
    ]
    headings = ["ranked by turns, processor seconds", "median", "least", "most"]
    console.print(make_table(headings, rows), end="\n\n")


def _print_growth(name: str, seconds: dict[int, float], console: Console) -> None:
    rows = [[str(size), took, 1000 * took / size] for size, took in seconds.items()]
    console.print(make_table([f"{name}: base learners", "seconds", "ms each"], rows))
    if len(seconds) > 1:
        console.print(f"grows like n to the {_exponent(seconds):.2f}; 1 is linear", end="\n\n")


def _exponent(seconds: dict[int, float]) -> float | None:
    """Between the two largest sizes, where fixed costs weigh least."""
    if len(seconds) < 2:
        return None
    (fewer, before), (more, after) = sorted(seconds.items())[-2:]
    return math.log(after / before) / math.log(more / fewer)


def _statistics_seconds(sweep: MadeUpSweep) -> float:
    table, oof, test = sweep.tables()
    learners = [str(name) for name in oof.predicted.columns]
    return _seconds(lambda: assess(table.scoring, oof, test, learners, ""))


def _stacking_seconds(sweep: MadeUpSweep) -> float:
    table = sweep.tables()[0]
    return _seconds(lambda: stack(table))


def _seconds(work: Callable[[], object]) -> float:
    """On one thread."""
    with threadpool_limits(limits=1):
        started = time.perf_counter()
        work()
        return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(run(app))
