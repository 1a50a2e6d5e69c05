"""What a sweep costs beside the same fits in a bare loop: `python -m benchmarks.sweep_overhead`."""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.side_by_side import (
    Measurement,
    by_turns,
    describe_environment,
    make_table,
    measure,
    median_line,
    print_opening,
    ratios,
    run,
    write_output,
)
from benchmarks.study import SMALL_BACKBONES, Study
from foldgrid.data.cache import cache_root
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import load_mosaics
from foldgrid.specs.errors import SweepError

GOAL = 1.15

app = App(
    name="python -m benchmarks.sweep_overhead",
    help="Wall time of a sweep against the same fits in a bare loop at equal cores.",
    version_flags=[],
)


@dataclass(frozen=True)
class Pair:
    """The sweep and the bare loop, measured one after the other."""

    sweep: Measurement
    loop: Measurement

    def __post_init__(self) -> None:
        """Refuses to compare unlike things."""
        ours, theirs = self.sweep.result.losses, self.loop.result.losses
        differing = [
            name
            for name in ours.keys() | theirs.keys()
            if not _are_equal(ours.get(name), theirs.get(name))
        ]
        if differing:
            raise SweepError(
                "The two sides did not train the same fits; validation losses differ in: "
                + ", ".join(sorted(differing))
            )


def _are_equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    return one == other or (math.isnan(one) and math.isnan(other))


def whole_seconds(side: Measurement) -> float:
    """From a planned sweep to everything closed: starting, fits, stopping."""
    return sum(side.result.phases.values())


def fits_seconds(side: Measurement) -> float:
    """From the first fit taken up to the last finished."""
    return side.result.phases["fits"]


@app.default
def compare(
    *,
    backbones: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=())
    ] = SMALL_BACKBONES,
    folds: int = 5,
    epochs: int = 2,
    batches: int | None = None,
    subjects: int = 60,
    cores: int | None = None,
    repeats: int = 3,
    output: Path | None = None,
) -> None:
    """Wall time of a sweep against the same fits in a bare loop at equal cores.

    Args:
        backbones: torchvision's names.
        folds: Folds, all of them trained.
        epochs: Epochs of each fit.
        batches: Batches an epoch; left out, whole epochs.
        subjects: Subjects of the synthetic trial.
        cores: Processes that train at a time; left out, one a usable core.
        repeats: How often each side is measured, by turns.
        output: A JSON file for the figures.
    """
    console = Console()
    study = Study(
        backbones=backbones,
        num_folds=folds,
        num_folds_trained=folds,
        epochs=epochs,
        batches=batches,
        learning_rate=0.001,
        num_subjects=subjects,
        cores=cores or num_usable_cores(),
        cache=str(cache_root()),
    )
    environment = describe_environment()
    print_opening(console, study.title, environment)
    pairs = measure_pairs(study, repeats, console)
    facts = summarise(pairs)
    print_summary(pairs, facts, console)
    write_output(
        output,
        {
            "benchmark": "sweep_overhead",
            "study": study.model_dump(mode="json", exclude={"cache"}),
            "environment": environment,
            "pairs": [{name: _plain(side) for name, side in vars(pair).items()} for pair in pairs],
            **facts,
        },
    )


def _plain(side: Measurement) -> dict[str, Any]:
    return {
        "process_seconds": side.process_seconds,
        **side.result.model_dump(mode="json", exclude={"losses"}),
    }


def measure_pairs(study: Study, repeats: int, console: Console) -> list[Pair]:
    """Measures both sides by turns; photographs and mosaics are made before the clock starts."""
    pairs = []
    with tempfile.TemporaryDirectory(prefix="foldgrid-benchmark-") as scratch:
        load_mosaics(study.prepare(Path(scratch)).survey)
        for number in by_turns(repeats):
            sweep = measure("benchmarks.whole_sweep", study, Path(scratch) / "sweep")
            loop = measure("benchmarks.bare_loop", study, Path(scratch) / "loop")
            pairs.append(Pair(sweep, loop))
            console.print(
                f"pair {number}: sweep {whole_seconds(sweep):.1f} s, "
                f"bare loop {whole_seconds(loop):.1f} s",
                highlight=False,
            )
    return pairs


def summarise(pairs: list[Pair]) -> dict[str, Any]:
    """The ratios, pair by pair."""
    sweeps, loops = [pair.sweep for pair in pairs], [pair.loop for pair in pairs]
    return {
        "ratios_whole": ratios(
            [whole_seconds(each) for each in sweeps], [whole_seconds(each) for each in loops]
        ),
        "ratios_without_start_and_stop": ratios(
            [fits_seconds(each) for each in sweeps], [fits_seconds(each) for each in loops]
        ),
        "num_fits": len(pairs[0].sweep.result.losses),
        "goal": GOAL,
    }


def print_summary(pairs: list[Pair], facts: dict[str, Any], console: Console) -> None:
    """Prints every measurement, then the two ratios, each named for what it is."""
    rows = []
    for number, pair in enumerate(pairs, start=1):
        for name, side in (("sweep", pair.sweep), ("bare loop", pair.loop)):
            phases = side.result.phases
            seconds = [phases["start"], phases["fits"], phases["stop"], whole_seconds(side)]
            rows.append([f"{number} {name}", *seconds, side.result.fit_seconds or math.nan])
    headings = ["seconds", "start", "fits", "stop", "whole", "inside fits, all processes"]
    console.print()
    console.print(make_table(headings, rows))
    console.print(
        f"\nsweep / bare loop, {facts['num_fits']} fits that ended in the same bits on both sides\n"
        f"  whole, starting and stopping included   {median_line(facts['ratios_whole'])}\n"
        "  from the first fit to the last          "
        f"{median_line(facts['ratios_without_start_and_stop'])}\n"
        f"  goal                                    at most {GOAL}",
        highlight=False,
    )


if __name__ == "__main__":
    sys.exit(run(app))
