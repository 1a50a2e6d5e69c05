"""Trials whose predictions are made up: what tests of stopping rules are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.metrics import number_metrics
from foldgrid.search.schedulers.rules import Searched, StoppingRule
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch

NUM_EPOCHS = 20
GRACE = 3
FloatArray = NDArray[np.float64]


def made_up_units(num_subjects: int = 54, num_visits: int = 5, seed: int = 0) -> pd.DataFrame:
    """Subjects with as many visits each, and a skewed reference, as PASI is."""
    random = np.random.default_rng(seed)
    subject = np.repeat([f"s{number:02}" for number in range(num_subjects)], num_visits)
    severity = np.repeat(random.gamma(2.0, 5.0, num_subjects), num_visits)
    reference = severity * random.uniform(0.1, 1.0, len(subject))
    return pd.DataFrame({"subject": subject, "reference": reference})


def made_up_epoch(epoch: int, units: pd.DataFrame, predicted: FloatArray) -> TrialEpoch:
    """What a trial reports that predicts so."""
    reference = units["reference"].to_numpy()
    return TrialEpoch(
        epoch=epoch,
        oof={name: metric(reference, predicted) for name, metric in number_metrics().items()},
        predicted=tuple(predicted.tolist()),
        num_running=1,
        wall_seconds=1.0,
    )


def made_up_trial(
    units: pd.DataFrame,
    quality: float,
    seed: int,
    num_epochs: int = NUM_EPOCHS,
    shift: float = 0.0,
) -> list[TrialEpoch]:
    """A trial that starts at the mean and learns.

    Args:
        units: The visits.
        quality: What its errors come down to, as a share of the reference's spread; smaller is
            better.
        seed: Of its errors.
        num_epochs: How long it trains.
        shift: How far its predictions come to lie too high.
    """
    random = np.random.default_rng(seed)
    reference = units["reference"].to_numpy()
    errors = random.normal(0.0, reference.std(), len(reference))
    epochs = []
    for epoch in range(1, num_epochs + 1):
        left = quality + (1 - quality) * np.exp(-epoch / 4)
        learnt = 1 - np.exp(-epoch / 4)
        predicted = reference.mean() + (reference - reference.mean()) * learnt
        epochs.append(made_up_epoch(epoch, units, predicted + errors * left + shift * learnt))
    return epochs


def made_up_course(
    units: pd.DataFrame, errors: FloatArray, scales: Sequence[float]
) -> list[TrialEpoch]:
    """A trial whose errors keep their pattern, an epoch a scale."""
    reference = units["reference"].to_numpy()
    return [
        made_up_epoch(number, units, reference + errors * scale)
        for number, scale in enumerate(scales, start=1)
    ]


def rule_of(scheduler: str, units: pd.DataFrame, **changes: object) -> StoppingRule:
    """The rule that a sweep would get."""
    settings = SearchSettings.model_validate(
        {"scheduler": scheduler, "grace_epochs": GRACE, **changes}
    )
    rule = Searched(settings, units, NUM_EPOCHS).rule()
    assert rule is not None
    return rule


def evaluate(rule: StoppingRule, number: int, epochs: Sequence[TrialEpoch]) -> int | None:
    """Tells the rule a whole trial; returns the epoch at which it was given up, or nothing."""
    for epoch in epochs[:-1]:
        if rule.should_stop(number, epoch):
            rule.ended(number, epochs[: epoch.epoch], "stopped")
            return epoch.epoch
    rule.ended(number, epochs, "complete")
    return None
