"""One model's PASI beside the physician's, visit by visit in the order of time.

Knows what was evaluated; nothing of pictures or intervals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.run import Run
from foldgrid.analysis.stacking.nested import BASELINE
from foldgrid.metrics import METRICS
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.tasks.pasi.arithmetic import max_pasi
from foldgrid.tasks.units import UnitTable

Partition = Literal["oof", "test"]
PARTITIONS: tuple[Partition, ...] = ("oof", "test")
PARTITION_TITLES = {"oof": "out of fold", "test": "test"}


@dataclass(frozen=True)
class ModelVisits:
    """One model on the visits of one partition.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        visits: A row a visit with a PASI, ordered by subject and time: subject, visit, day (NaN
            where unknown), place (1 for the subject's earliest visit, counted over all its
            visits, those without a PASI too), physician and predicted, both PASI. Empty where
            the partition has no visits.
        incomplete_baselines: Subjects whose earliest visit lacks a region and so has no PASI.
        max_pasi: The upper end of the scale: 64.8 without head and neck, 72 with.
    """

    model: str
    partition: Partition
    visits: pd.DataFrame
    incomplete_baselines: tuple[str, ...]
    max_pasi: float

    @property
    def num_visits(self) -> int:
        """Visits with a PASI."""
        return len(self.visits)

    @property
    def num_subjects(self) -> int:
        """Subjects that these visits are of."""
        return int(self.visits["subject"].nunique())

    @property
    def errors(self) -> pd.Series[float]:
        """Predicted minus the physician's PASI, a visit each."""
        return self.visits["predicted"] - self.visits["physician"]


def best_model(evaluation: Evaluation, by: str = "mae") -> str:
    """The model on top of the ranking: the best OOF metric, the baseline only where it is alone.

    Args:
        evaluation: What ``evaluate`` returned.
        by: One of ``foldgrid.metrics.METRICS``.

    Raises:
        SweepError: There is no such metric.
    """
    metric, table = METRICS.named(by), evaluation.oof
    truth = table.units["reference"]
    learned = [name for name in table.predicted.columns if name != BASELINE]

    def place(name: str) -> tuple[float, bool, str]:
        # As the ranking breaks ties: a base learner stands before the meta-learner that took it.
        is_meta = name in evaluation.meta_learners
        return metric.sort_key(metric(truth, table.predicted[name])), is_meta, name

    return min(learned, key=place) if learned else BASELINE


def model_visits(
    evaluation: Evaluation, model: str | None = None, partition: Partition = "oof"
) -> ModelVisits:
    """The visits of one model, ready for every figure of this room.

    Args:
        evaluation: What ``evaluate`` returned.
        model: A base learner, a meta-learner or the baseline; None takes ``best_model``.
        partition: ``oof`` or ``test``.

    Raises:
        SweepError: No model of that name was evaluated; the message offers the nearest.
    """
    name = known_model(evaluation, model)
    scored: UnitTable = getattr(evaluation, partition)
    table = evaluation.table
    samples = table.train_samples if partition == "oof" else table.test_samples
    times = in_order_of_time(samples[["subject", "visit", "day"]])
    pairs = scored.units[["subject", "visit"]].assign(
        physician=scored.units["reference"], predicted=scored.predicted[name]
    )
    visits = times.merge(pairs, on=["subject", "visit"], how="left")
    is_scored = visits["physician"].notna()
    lacking = visits[~is_scored & (visits["place"] == 1)]["subject"]
    return ModelVisits(
        model=name,
        partition=partition,
        visits=visits[is_scored].reset_index(drop=True),
        incomplete_baselines=tuple(lacking.astype(str)),
        max_pasi=max_pasi(evaluation.parts),
    )


def best_visits(run: Run, partition: Partition) -> ModelVisits:
    """The visits of the model that a report is about."""
    return model_visits(run.evaluation, run.best.model, partition)


def shown_partitions(run: Run) -> list[Partition]:
    """Those in which there is a visit."""
    return [each for each in PARTITIONS if run.once(best_visits, each).num_visits]


def known_model(evaluation: Evaluation, model: str | None) -> str:
    """``model``, or the best one for None.

    Raises:
        SweepError: No model of that name was evaluated; the message offers the nearest.
    """
    known = list(evaluation.oof.predicted.columns)
    if model is not None and model not in known:
        raise SweepError(f'no evaluated model "{model}". {did_you_mean(model, known)}')
    return model or best_model(evaluation)


def in_order_of_time(samples: pd.DataFrame) -> pd.DataFrame:
    """The visits of each subject from the earliest on.

    A subject's visits go by ``day`` where every one of them has a day, else by the visit's name,
    numbers in it read as numbers (V2 before V10); so do two visits of one day.

    Args:
        samples: subject, visit and day; a visit may have many rows.

    Returns:
        subject, visit, day and place (1, 2, …), a row a visit, subjects in alphabetical order.
    """
    visits = samples.drop_duplicates(["subject", "visit"])
    names = sorted(visits["visit"].unique(), key=_natural)
    name_rank = visits["visit"].map({name: rank for rank, name in enumerate(names)})
    has_days = visits["day"].notna().groupby(visits["subject"]).transform("all")
    visits = visits.assign(
        day=visits["day"].astype(np.float64),
        _when=visits["day"].where(has_days, 0.0).astype(np.float64),
        _name=name_rank,
    )
    visits = visits.sort_values(["subject", "_when", "_name"], ignore_index=True)
    place = visits.groupby("subject").cumcount() + 1
    return visits.drop(columns=["_when", "_name"]).assign(place=place)


def _natural(name: object) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", str(name))
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
