"""All clinical facts of one model together, as the tests hold them against each other."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.exhibits.pasi.bland_altman import BlandAltman, bland_altman
from foldgrid.analysis.exhibits.pasi.change import ChangeFacts, change_from_baseline
from foldgrid.analysis.exhibits.pasi.components import (
    ComponentErrors,
    error_by_region,
    error_by_score,
)
from foldgrid.analysis.exhibits.pasi.errors import error_by_severity
from foldgrid.analysis.exhibits.pasi.scatter import ScatterFacts, scatter_facts
from foldgrid.analysis.exhibits.pasi.visits import (
    PARTITIONS,
    ModelVisits,
    Partition,
    known_model,
    model_visits,
)
from foldgrid.analysis.statistics.resamples import SEED


@dataclass(frozen=True)
class PartitionReading:
    """The clinical facts of one model on one partition.

    Attributes:
        pairs: Its visits.
        severity: What ``error_by_severity`` returns.
        regions: What ``error_by_region`` returns.
        scores: What ``error_by_score`` returns.
        agreement: Bland-Altman.
        change: Change from baseline, responses and trajectories.
        scatter: Predicted against physician.
    """

    pairs: ModelVisits
    severity: pd.DataFrame
    regions: ComponentErrors
    scores: ComponentErrors
    agreement: BlandAltman
    change: ChangeFacts
    scatter: ScatterFacts


@dataclass(frozen=True)
class ClinicalReading:
    """The clinical facts of one model.

    Attributes:
        model: Its name.
        oof: On the training visits, predicted out of fold.
        test: On the test visits; all figures NaN and tables empty where there are none.
    """

    model: str
    oof: PartitionReading
    test: PartitionReading


def read_clinically(
    evaluation: Evaluation, model: str | None = None, seed: int = SEED
) -> ClinicalReading:
    """Computes every clinical fact of a model.

    Args:
        evaluation: What ``evaluate`` returned.
        model: A judged model; None takes the ranking's best by OOF MAE.
        seed: Of the bootstraps over subjects.

    Raises:
        SweepError: No model of that name was judged; the message offers the nearest.
    """
    name = known_model(evaluation, model)
    oof, test = (_read(evaluation, name, partition, seed) for partition in PARTITIONS)
    return ClinicalReading(name, oof, test)


def _read(evaluation: Evaluation, model: str, partition: Partition, seed: int) -> PartitionReading:
    pairs = model_visits(evaluation, model, partition)
    return PartitionReading(
        pairs=pairs,
        severity=error_by_severity(pairs, seed=seed),
        regions=error_by_region(evaluation, model, partition, seed),
        scores=error_by_score(evaluation, model, partition, seed),
        agreement=bland_altman(pairs, seed),
        change=change_from_baseline(pairs, seed=seed),
        scatter=scatter_facts(pairs, seed=seed),
    )
