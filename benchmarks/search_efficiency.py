"""Epochs and regret of the rules that give trials up: `python -m benchmarks.search_efficiency`.

Replays stored learning curves, many orders of the configurations, by the product's own rules.
HyperBand and population based training pause trials inside Ray's loop and cannot be replayed.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.simulated_search import (
    Interval,
    SimulatedSearch,
    draw_order,
    mean_with_interval,
    simulate,
)
from benchmarks.stored_curves import CURVES, Curve, CurveStudy, read_curves
from foldgrid.data.cores import num_usable_cores
from foldgrid.metrics import METRICS
from foldgrid.search.schedulers.rules import Searched, score_key
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.specs.schedulers import SCHEDULERS
from foldgrid.specs.sweep import SearchSettings

REPLAYED = tuple(name for name, scheduler in SCHEDULERS.items() if not scheduler.pauses)
TITLES = {"none": "full training"}
FRACTIONS = (0.25, 0.5, 0.75)
"""Of full training's epochs: where the regret at equal epochs is read."""

app = App(
    name="python -m benchmarks.search_efficiency",
    help="Epochs spent and regret of asha, median and paired_race against full training.",
    version_flags=[],
)


@dataclass(frozen=True)
class Replay:
    """One search against full training of the same trials in the same order.

    Attributes:
        epochs: Epochs trained, as a fraction of full training's.
        time: Time on the clock, likewise.
        regret: The chosen trial's score minus the best of all, in the objective's unit.
        relative_regret: The same as a fraction of the best score.
        missed_best: 1 where the best of all was stopped, else 0.
        regret_at: Regret when ``FRACTIONS`` of full training's epochs were spent, as far as then
            known; infinite before the first trial was complete.
    """

    epochs: float
    time: float
    regret: float
    relative_regret: float
    missed_best: float
    regret_at: tuple[float, ...]


def replay(
    study: CurveStudy, settings: SearchSettings, num_trials: int, num_workers: int, seed: int
) -> Replay:
    """Replays one search and compares it with full training.

    Args:
        study: The curves.
        settings: How the search goes.
        num_trials: Trials of each search.
        num_workers: Trials under way at a time.
        seed: Decides which configurations are tried, and in which order.
    """
    trials = [study.curves[each] for each in draw_order(len(study.curves), num_trials, seed)]
    objective = settings.objectives[0]
    longest = max(len(trial.epochs) for trial in trials)
    rule = Searched(settings, study.units, longest).rule()
    found = simulate(trials, rule, objective, num_workers)
    full = simulate(trials, None, objective, num_workers)
    return _against(found, full, trials, settings)


def _against(
    found: SimulatedSearch, full: SimulatedSearch, trials: Sequence[Curve], settings: SearchSettings
) -> Replay:
    def score(place: int) -> float:
        return score_key(settings.objectives[0], trials[place].epochs[-1])

    best = score(full.chosen)
    return Replay(
        epochs=found.num_epochs / full.num_epochs,
        time=found.duration / full.duration,
        regret=score(found.chosen) - best,
        relative_regret=(score(found.chosen) - best) / abs(best),
        missed_best=float(full.chosen in found.stopped),
        regret_at=tuple(
            found.best_after(int(fraction * full.num_epochs)) - best for fraction in FRACTIONS
        ),
    )


def replays(
    study: CurveStudy,
    settings: SearchSettings,
    num_trials: int,
    num_workers: int,
    seeds: Iterable[int],
) -> list[Replay]:
    """``replay`` of every seed."""
    # Ray warns about what a scheduler is asked for outside its loop.
    warnings.simplefilter("ignore")
    return [replay(study, settings, num_trials, num_workers, seed) for seed in seeds]


def summarise(found: Sequence[Replay]) -> dict[str, Any]:
    """Means over the seeds, each with its interval."""
    rows = [asdict(each) for each in found]
    names = ("epochs", "time", "regret", "relative_regret", "missed_best")
    summary: dict[str, Any] = {
        name: mean_with_interval([row[name] for row in rows]) for name in names
    }
    summary["regret_at"] = {
        str(fraction): mean_with_interval([each.regret_at[position] for each in found])
        for position, fraction in enumerate(FRACTIONS)
    }
    return summary


@dataclass(frozen=True)
class RecordedInputs:
    """What all rules are replayed on.

    Attributes:
        study: The curves.
        settings: How every search goes, but for its scheduler.
        num_trials: Trials of each search.
        num_seeds: Searches.
    """

    study: CurveStudy
    settings: SearchSettings
    num_trials: int
    num_seeds: int

    def replay_all(
        self, num_workers: int, pool: ProcessPoolExecutor, num_parts: int
    ) -> dict[str, dict[str, Any]]:
        """The values of every rule by its name, its searches spread over the processes."""
        asked = {
            name: [
                pool.submit(
                    replays,
                    self.study,
                    self.settings.model_copy(update={"scheduler": name}),
                    self.num_trials,
                    num_workers,
                    range(start, self.num_seeds, num_parts),
                )
                for start in range(min(num_parts, self.num_seeds))
            ]
            for name in REPLAYED
        }
        return {
            name: summarise([each for part in parts for each in part.result()])
            for name, parts in asked.items()
        }


@app.default
def measure_efficiency(
    *,
    curves: Path = CURVES,
    study: str = "1",
    seeds: int = 200,
    trials: int = 15,
    workers: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())] = (1, 4),
    objective: str = "mae",
    grace_epochs: int = 2,
    reduction_factor: float | None = None,
    significance: float | None = None,
    processes: int | None = None,
    output: Path | None = None,
) -> None:
    """Epochs spent and regret of asha, median and paired_race against full training.

    Args:
        curves: The stored curves, without an ending.
        study: Which of their studies. Study 0 is what the defaults were chosen on.
        seeds: Searches: each tries other configurations, or the same in another order.
        trials: Trials of each search, at most as many as there are curves.
        workers: Trials under way at a time.
        objective: What is searched for.
        grace_epochs: Nothing is stopped before.
        reduction_factor: As in a sweep's ``search``; left out, its default.
        significance: Likewise.
        processes: That replay at a time; left out, one a usable core.
        output: A JSON file for the figures.
    """
    if seeds < 1:
        raise SweepError(f"--seeds: found {seeds}. At least 1 is needed.")
    given = {
        "objectives": (objective,),
        "grace_epochs": grace_epochs,
        "reduction_factor": reduction_factor,
        "significance": significance,
    }
    settings = SearchSettings.model_validate({k: v for k, v in given.items() if v is not None})
    stored = _study(curves, study)
    ground = RecordedInputs(stored, settings, min(trials, len(stored.curves)), seeds)
    console, environment = Console(), describe_environment()
    title = (
        f"{seeds} searches of {ground.num_trials} of {len(stored.curves)} configurations, data "
        f"{study}; nothing is given up before epoch {grace_epochs}"
    )
    print_opening(console, title, environment)
    metric_values = {}
    num_processes = processes or num_usable_cores()
    with ProcessPoolExecutor(num_processes, mp_context=get_context("spawn")) as pool:
        for count in workers:
            metric_values[str(count)] = ground.replay_all(count, pool, num_processes)
            _print(count, metric_values[str(count)], settings, console)
    write_output(
        output,
        {
            "benchmark": "search_efficiency",
            "environment": environment,
            "study": study,
            "configurations": len(stored.curves),
            "seeds": seeds,
            "trials": ground.num_trials,
            "settings": settings.model_dump(mode="json", exclude={"scheduler", "num_trials"}),
            "by_workers": metric_values,
        },
    )


def _study(curves: Path, name: str) -> CurveStudy:
    stored = read_curves(curves)
    if name not in stored:
        hint = did_you_mean(name, list(stored))
        raise SweepError(f"--study: found {name}. {curves} has no such study. {hint}")
    return stored[name]


def _print(
    num_workers: int,
    metric_values: Mapping[str, Mapping[str, Any]],
    settings: SearchSettings,
    console: Console,
) -> None:
    """What was spent and what was lost, a row a rule: means, and intervals over the searches."""
    metric = METRICS[settings.objectives[0]].title
    spent: list[list[object]] = []
    lost: list[list[object]] = []
    for name, each in metric_values.items():
        title = TITLES.get(name, name)
        percents = [
            _words(each[metric_value], 100, 1) for metric_value in ("epochs", "time", "missed_best")
        ]
        spent.append([title, *percents])
        regrets = _words(each["regret"], 1, 3), _words(each["relative_regret"], 100, 1)
        at = [each["regret_at"][str(fraction)] for fraction in FRACTIONS]
        lost.append([title, *regrets, *("-" if one is None else f"{one[0]:.2f}" for one in at)])
    console.print(f"{num_workers} trials at a time, mean (95 % interval over the searches)")
    console.print(make_table(["% of full training", "epochs", "time", "best lost"], spent))
    headings = [
        "regret",
        metric,
        "% of the best",
        *(f"at {fraction:.0%}" for fraction in FRACTIONS),
    ]
    console.print(make_table(headings, lost), end="\n\n")


def _words(metric_value: Interval | None, factor: float, digits: int) -> str:
    """The mean, and its interval."""
    if metric_value is None:
        return "-"
    mean, low, high = (f"{factor * each:.{digits}f}" for each in metric_value)
    return f"{mean} ({low}-{high})"


if __name__ == "__main__":
    sys.exit(run(app))
