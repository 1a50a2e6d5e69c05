"""What each base learner costs, and which of them are worth it: the Pareto front.

Costs are read from the fits' records. What a record does not say is unknown, never 0. A cost that
cannot be compared has no front, and a note says why:

    times and memory     fits on unlike devices
    memory               fits on a CPU, where the peak is the process's and not the fit's own
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.predictions.predictions import BaseLearner
from foldgrid.analysis.ranking.ranking import known_metric
from foldgrid.specs.counted import counted
from foldgrid.specs.fits import FitRecord
from foldgrid.specs.given import is_given

COSTS: Mapping[str, str] = MappingProxyType(
    {
        "parameters": "parameters",
        "multiply_adds": "multiply-adds an image",
        "train_seconds": "training time of all folds",
        "peak_memory_gib": "peak memory",
    }
)
"""Each cost by its column, and what it is called."""


@dataclass(frozen=True)
class CostFacts:
    """The costs of a sweep's base learners beside their error.

    Attributes:
        table: A row a complete base learner, the best first: model, error (the OOF metric
            ``metric``), parameters, multiply_adds (of one image's forward pass at the trained
            size), train_seconds (all its fits), train_seconds_per_fit, epochs (all its fits),
            epochs_per_fit, peak_memory_gib (the largest of its fits), num_fits, device, and
            ``front_`` and a cost's name: whether it is on that front. NaN is unknown.
        fronts: By cost: the learners on the front, the cheapest first; none where the cost is
            unknown or cannot be compared.
        metric: The OOF metric of ``error``.
        notes: What limits these values, in sentences.
    """

    table: pd.DataFrame
    fronts: dict[str, tuple[str, ...]]
    metric: str
    notes: tuple[str, ...]


def cost_facts(evaluation: Evaluation, metric: str | None = None) -> CostFacts:
    """The costs of every complete base learner, and the front of OOF error against each.

    Args:
        evaluation: What ``evaluate`` returned.
        metric: The OOF metric to hold the costs against; its direction says which end is best.

    Raises:
        SweepError: There is no such metric.
    """
    scoring = evaluation.table.scoring
    metric = known_metric(metric, scoring)
    measure = scoring.metrics[metric]
    # What a table cost whoever made it, nobody knows here.
    learners = [
        one for one in evaluation.table.learners if not one.left_out and not is_given(one.name)
    ]
    rows = [
        {
            "model": one.name,
            "error": measure(evaluation.oof.reference, evaluation.oof.predicted_by(one.name)),
            **learner_costs(one),
        }
        for one in learners
    ]
    table = pd.DataFrame(rows)
    badness = [measure.sort_key(error) for error in table["error"]]
    table = table.assign(_badness=badness).sort_values(["_badness", "model"], ignore_index=True)
    badness_N = table.pop("_badness").to_numpy(dtype=np.float64)
    devices = {device for one in learners for device in _devices(one)}
    incomparable = _incomparable(devices)
    fronts = {}
    for cost in COSTS:
        is_fair = cost not in incomparable
        on_front = pareto_front(badness_N, table[cost]) if is_fair else np.zeros(len(table), bool)
        table[f"front_{cost}"] = on_front
        front = table[on_front].sort_values([cost, "model"])
        fronts[cost] = tuple(front["model"])
    return CostFacts(table, fronts, metric, (*incomparable.values(), *_notes(table)))


def learner_costs(learner: BaseLearner) -> dict[str, float | str]:
    """One base learner's costs over its fits, as columns of ``CostFacts.table``."""
    records = [fit.record for fit in learner.fits]
    seconds = [record.timings.get("train", math.nan) for record in records]
    epochs = [record.num_epochs for record in records]
    return {
        "parameters": float(records[0].num_parameters),
        "multiply_adds": _multiply_adds(records),
        "train_seconds": float(np.sum(seconds)),
        "train_seconds_per_fit": float(np.mean(seconds)),
        "epochs": int(np.sum(epochs)),
        "epochs_per_fit": float(np.mean(epochs)),
        "peak_memory_gib": max(record.peak_memory_gib for record in records),
        "num_fits": len(records),
        "device": ", ".join(sorted(_devices(learner))),
    }


def pareto_front(errors: ArrayLike, costs: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other point beats.

    A point is beaten by one that is no worse in both and better in one. Points that are equal in
    both stand or fall together. An unknown or infinite value is never on the front and beats
    nobody.

    Args:
        errors: Smaller is better.
        costs: Smaller is better, as many.

    Returns:
        A mark a point.

    Raises:
        ValueError: The lengths differ.
    """
    error_N, cost_N = (np.asarray(values, dtype=np.float64) for values in (errors, costs))
    if error_N.shape != cost_N.shape or error_N.ndim != 1:
        raise ValueError(f"as many errors as costs, not {error_N.shape} and {cost_N.shape}")
    on_front = np.zeros(len(error_N), dtype=bool)
    known = np.flatnonzero(np.isfinite(error_N) & np.isfinite(cost_N))
    best, best_cost = math.inf, -math.inf
    # From the cheapest on, a point stays if it is better than everything cheaper.
    for place in known[np.lexsort((error_N[known], cost_N[known]))]:
        is_better = error_N[place] < best
        is_twin = error_N[place] == best and cost_N[place] == best_cost
        if is_better or is_twin:
            on_front[place] = True
            best, best_cost = error_N[place], cost_N[place]
    return on_front


def format_cost(cost: str, value: float) -> str:
    """A cost for a table: ``11.2 M``, ``1.81 G``, ``4 min 5 s``, ``0.97 GiB`` or ``unknown``.

    Args:
        cost: One of ``COSTS``.
        value: In the column's own unit; NaN is unknown.
    """
    if not math.isfinite(value):
        return "unknown"
    if cost == "train_seconds":
        return _duration(value)
    if cost == "peak_memory_gib":
        return f"{value:.2f} GiB"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _multiply_adds(records: list[FitRecord]) -> float:
    counted = {record.multiply_adds for record in records} - {None}
    # All folds see pictures of one size; where records say otherwise, nothing is known.
    return float(counted.pop() or 0) if len(counted) == 1 else math.nan


def _devices(learner: BaseLearner) -> set[str]:
    return {fit.record.environment.get("device", "unknown") for fit in learner.fits}


def _incomparable(devices: set[str]) -> dict[str, str]:
    """The costs that these devices leave without a front, each with the reason."""
    if len(devices) > 1:
        unlike = f"The fits ran on unlike devices ({', '.join(sorted(devices))}):"
        return {
            "train_seconds": f"{unlike} their times cannot be compared.",
            "peak_memory_gib": f"{unlike} their memory cannot be compared.",
        }
    if devices == {"cpu"}:
        reason = (
            "On a CPU the peak memory is the whole process's, also of fits that it trained "
            "before: an upper bound, and no reason for choosing a learner."
        )
        return {"peak_memory_gib": reason}
    return {}


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    for cost, title in COSTS.items():
        num_unknown = int(table[cost].isna().sum())
        if num_unknown:
            notes.append(
                f"Unknown for {num_unknown} of {counted(len(table), 'base learner')}: {title}."
            )
    notes.append(
        "Times are wall-clock, early stopping included, beside whatever else the machine did."
    )
    return tuple(notes)
