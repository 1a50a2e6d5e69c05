"""The best of a search's trials: one, or a front where there are several objectives."""

from __future__ import annotations

import math
from collections.abc import Sequence

from foldgrid.specs.metric import METRICS
from foldgrid.specs.trials import TrialRecord


def best_trials(trials: Sequence[TrialRecord], objectives: Sequence[str]) -> list[TrialRecord]:
    """The trials that no other beats in every objective, best in the first objective first.

    With one objective that is the best trial; the first of equals, so that the sweep's default
    configuration stays where nothing is better. Only trials that trained to their end take part.
    """
    scored = [
        (trial, tuple(METRICS[each].sort_key(trial.oof.get(each)) for each in objectives))
        for trial in trials
        if trial.status == "complete"
    ]
    scored = [pair for pair in scored if all(map(math.isfinite, pair[1]))]
    front: list[tuple[TrialRecord, tuple[float, ...]]] = []
    for trial, keys in sorted(scored, key=lambda pair: (pair[1], pair[0].number)):
        if not any(all(a <= b for a, b in zip(other, keys, strict=True)) for _, other in front):
            front.append((trial, keys))
    return [trial for trial, _ in front]
