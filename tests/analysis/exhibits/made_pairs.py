"""One model's visits, made up: every number of a test in sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from foldgrid.analysis.exhibits.pasi.visits import ModelVisits, in_order_of_time


def make_pairs(
    subjects: Sequence[str],
    physician: Sequence[float],
    predicted: Sequence[float],
    days: Sequence[float] | None = None,
) -> ModelVisits:
    """Visits in the order given; without days they are named V1, V2, … and go by their names."""
    table = pd.DataFrame({"subject": list(subjects)}, dtype=object)
    table["visit"] = [f"V{n + 1}" for n in table.groupby("subject").cumcount()]
    table["day"] = np.full(len(table), np.nan) if days is None else np.asarray(days, dtype=float)
    table["physician"] = np.asarray(physician, dtype=np.float64)
    table["predicted"] = np.asarray(predicted, dtype=np.float64)
    visits = in_order_of_time(table[["subject", "visit", "day"]])
    scores = table[["subject", "visit", "physician", "predicted"]]
    return ModelVisits("m", "oof", visits.merge(scores, on=["subject", "visit"]), (), 64.8)


def random_pairs(seed: int, num_subjects: int = 8, num_visits: int = 4) -> ModelVisits:
    """Subjects that improve, and a model that shrinks towards the mean."""
    random = np.random.default_rng(seed)
    subjects = np.repeat([f"s{n:02}" for n in range(num_subjects)], num_visits)
    kept = np.sort(random.permutation(len(subjects))[: max(2, len(subjects) - 3)])
    start = np.repeat(random.uniform(5, 50, num_subjects), num_visits)
    left = np.tile(np.linspace(1, 0.1, num_visits), num_subjects)
    truth = np.round(np.clip(start * left + random.normal(0, 2, len(start)), 0, 64.8), 1)
    model = np.clip(0.6 * truth + 4 + random.normal(0, 3, len(truth)), 0, 64.8)
    return make_pairs(subjects[kept], truth[kept], model[kept])
