"""How the physician scored, train against test (the paper's figure 2).

Knows the physician's scores alone; no model is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.clinical.components import physician_scores
from analysis.judging import Judgement
from foldgrid.records import RunStore
from foldgrid.scoring import SCORE_MAXIMA, SCORES, max_pasi

BIN_WIDTH = 5.0
"""Of the PASI's histogram."""


@dataclass(frozen=True)
class ScoreDistributions:
    """Histograms of the physician's scores.

    Attributes:
        scores: score, grade, train and test (samples with that grade), train_share and test_share
            (of the partition's samples; NaN where it has none): every grade of each of the four
            scores, also those that nobody got. Empty where ``not_applicable``.
        pasi: low, high, train, test, train_share, test_share: visits by PASI in steps of 5; a
            value on a border belongs to the upper bin, the end of the scale to the last one.
        differences: By score and for ``pasi``: the largest part of one partition that would have
            to change its value to look like the other (total variation, 0 to 1); NaN where a
            partition is empty.
        imbalance: What the split minimised: the mean absolute difference of the scaling grades'
            shares between train and test, adjusted for their sizes; None where not recorded.
        not_applicable: Why there are no single scores; "" where there are.
    """

    scores: pd.DataFrame
    pasi: pd.DataFrame
    differences: dict[str, float]
    imbalance: float | None
    not_applicable: str = ""


def score_distributions(judgement: Judgement, store: RunStore | None = None) -> ScoreDistributions:
    """Histograms of every score and of the PASI, train against test.

    Args:
        judgement: What ``judge`` returned.
        store: The run folder, for the split's recorded imbalance.
    """
    is_test = judgement.table.samples["partition"] == "test"
    known = physician_scores(judgement.table)
    tables, reason = [], ""
    if judgement.table.scoring.target_names == SCORES:
        test_rows = is_test.loc[known.index].to_numpy()
        for score in SCORES:
            grades = np.arange(int(SCORE_MAXIMA[score]) + 1)
            values = known[score].to_numpy()
            counts = [
                (values[part] == grades[:, None]).sum(axis=1) for part in (~test_rows, test_rows)
            ]
            tables.append(_shares(pd.DataFrame({"score": score, "grade": grades}), *counts))
    else:
        reason = "The records hold a region's composite, no single scores."
    edges = np.arange(0.0, max_pasi(judgement.parts) + BIN_WIDTH, BIN_WIDTH)
    pasi_counts = [
        np.histogram(table.units["reference"], bins=edges)[0]
        for table in (judgement.oof, judgement.test)
    ]
    bins = _shares(pd.DataFrame({"low": edges[:-1], "high": edges[1:]}), *pasi_counts)
    scores = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    differences = {str(table["score"].iloc[0]): _difference(table) for table in tables}
    return ScoreDistributions(
        scores=scores,
        pasi=bins,
        differences={**differences, "pasi": _difference(bins)},
        imbalance=recorded_imbalance(store) if store else None,
        not_applicable=reason,
    )


def recorded_imbalance(store: RunStore) -> float | None:
    """The imbalance in ``split.json``, or nothing where there is none."""
    try:
        found = store.read_split_facts().get("imbalance")
    except FileNotFoundError:
        return None
    return float(found) if isinstance(found, int | float) else None


def _shares(table: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    shares = {
        f"{name}_share": counts / counts.sum() if counts.sum() else np.full(len(counts), np.nan)
        for name, counts in (("train", train), ("test", test))
    }
    return table.assign(train=train, test=test, **shares)


def _difference(table: pd.DataFrame) -> float:
    gaps = (table["train_share"] - table["test_share"]).abs()
    return float(gaps.sum() / 2) if gaps.notna().all() else float("nan")
