"""One-Step PASI's two tables: the ten best models to three decimals, all 33 to two.

They are values of the study's test set, 34 visits of 6 subjects; it published no out-of-fold ones.
Knows nothing of any sweep.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from foldgrid.specs.base import Spec
from foldgrid.tasks.pasi.scoring import PasiScoring

METRIC_NAMES = PasiScoring.shown
"""What the study published of every model."""

SOURCE = (
    "Xing et al. 2023, medRxiv 2023.03.23.23287628, tables 1 and S1; reviewed version PMC10911790"
)


class PublishedModel(Spec):
    """A row of the study's tables.

    Attributes:
        model: Its name there.
        kind: ``base_learner`` or ``meta_learner``.
        metric_values: mae, mse, pcc and ccc on the study's test set.
        source: Whose network it is, as the study cites it.
        num_decimals: Of ``mae`` and ``ccc``: 3 for the ten of table 1, else 2.
    """

    model: str
    kind: Literal["base_learner", "meta_learner"]
    metric_values: dict[str, float]
    source: str
    num_decimals: int


@lru_cache(maxsize=1)
def published_models() -> Mapping[str, PublishedModel]:
    """The study's 33 models by its own names, in the order of table S1.

    The ten of table 1 carry its third decimal.
    """
    finer = {row["model"]: row for row in _read("one_step_pasi_table_1.csv")}
    models = {}
    for row in _read("one_step_pasi_table_s1.csv"):
        name = row["model"]
        metric_values = {metric: float(finer.get(name, row)[metric]) for metric in METRIC_NAMES}
        models[name] = PublishedModel(
            model=name,
            kind="base_learner" if row["kind"] == "base_learner" else "meta_learner",
            metric_values=metric_values,
            source=row["source"],
            num_decimals=3 if name in finer else 2,
        )
    return models


def _read(name: str) -> list[dict[str, str]]:
    text = files("foldgrid.analysis.published").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
