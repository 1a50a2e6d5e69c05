"""Metrics of an order compare units of one fold: each fit has a scale of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import foldgrid
from foldgrid.analysis.ranking.uncertainty import all_notes
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.resamples import SubjectResamples
from foldgrid.metrics import METRICS, Target
from foldgrid.metrics.sums import SubjectSums

BINARY, THREE = Target("classes", 2, is_binary=True), Target("classes", 3)


def study(
    seed: int, num_subjects: int = 20, num_classes: int = 2, skill: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Subjects, classes, probabilities and folds; each fit says what it was trained on, louder."""
    random = np.random.default_rng(seed)
    subject_U = np.repeat(np.arange(num_subjects), 4)
    folds_U = (random.permutation(num_subjects) % 5)[subject_U]
    truth_U = random.integers(num_classes, size=num_subjects)[subject_U]
    one_hot_UK = np.eye(num_classes)[truth_U]
    logits_UK = skill * one_hot_UK + random.normal(0, 1, (num_subjects, num_classes))[subject_U]
    for fold in range(5):
        trained = one_hot_UK[folds_U != fold].mean(axis=0)
        logits_UK[folds_U == fold] += 6 * np.log(trained + 0.01)
    odds_UK = np.exp(logits_UK)
    return subject_U, truth_U, odds_UK / odds_UK.sum(axis=1, keepdims=True), folds_U


def test_unlike_fits_hide_what_each_of_them_can() -> None:
    pooled, within, single = [], [], []
    for seed in range(40):
        _, truth_U, probabilities_UK, folds_U = study(seed, 40)
        told = truth_U, probabilities_UK, folds_U
        pooled.append(METRICS["auc_pooled"].of(BINARY)(*told))
        within.append(METRICS["auc"].of(BINARY)(*told))
        own = folds_U == 0
        if len(set(truth_U[own])) == 2:
            single.append(roc_auc_score(truth_U[own], probabilities_UK[own, 1]))
    assert np.mean(within) == pytest.approx(np.mean(single), abs=0.06)
    assert np.mean(pooled) < np.mean(within) - 0.05


@pytest.mark.parametrize("num_classes", [2, 3])
def test_what_knows_only_its_training_has_one_half(num_classes: int) -> None:
    target = BINARY if num_classes == 2 else THREE
    values = []
    for seed in range(20):
        _, truth_U, _, folds_U = study(seed, 20, num_classes)
        said_UK = np.array([np.eye(num_classes)[truth_U[folds_U != fold]].mean(axis=0)
                            for fold in folds_U])  # fmt: skip
        assert METRICS["auc"].of(target)(truth_U, said_UK, folds_U) == 0.5
        values.append(METRICS["auc_pooled"].of(target)(truth_U, said_UK, folds_U))
    assert np.mean(values) < 0.4


def test_it_is_the_mean_of_the_folds_by_their_pairs() -> None:
    _, truth_U, probabilities_UK, folds_U = study(3, 30, 3)
    expected = []
    for each in range(3):
        areas, pairs = [], []
        for fold in range(5):
            own = folds_U == fold
            is_it = truth_U[own] == each
            if 0 < is_it.sum() < len(is_it):
                areas.append(roc_auc_score(is_it, probabilities_UK[own, each]))
                pairs.append(is_it.sum() * (~is_it).sum())
        expected.append(np.average(areas, weights=pairs))
    found = METRICS["auc"].of(THREE)(truth_U, probabilities_UK, folds_U)
    assert found == pytest.approx(np.mean(expected))


def test_average_precision_is_the_mean_of_the_folds_by_their_positives() -> None:
    _, truth_U, probabilities_UK, folds_U = study(5, 40)
    values, positives = [], []
    for fold in range(5):
        own = folds_U == fold
        if truth_U[own].any():
            values.append(average_precision_score(truth_U[own], probabilities_UK[own, 1]))
            positives.append(truth_U[own].sum())
    found = METRICS["average_precision"].of(BINARY)(truth_U, probabilities_UK, folds_U)
    assert found == pytest.approx(np.average(values, weights=positives))


@pytest.mark.parametrize(
    ("name", "num_classes"),
    [("auc", 2), ("auc", 3), ("auc_pooled", 2), ("average_precision", 2), ("spearman", 0)],
)
def test_a_resample_is_the_metric_of_the_units_that_were_drawn_within_each_fold(
    name: str, num_classes: int
) -> None:
    subject_U, truth_U, probabilities_UK, folds_U = study(7, 24, num_classes or 2)
    target = {0: Target(), 2: BINARY, 3: THREE}[num_classes]
    said = probabilities_UK if num_classes else 9 * probabilities_UK[:, 1]
    truth_U = truth_U if num_classes else truth_U + np.random.default_rng(0).normal(size=96)
    metric = METRICS[name].of(target)
    sums = SubjectSums.of(subject_U, truth_U, said[:, None], target, folds_U)
    told = np.array([metric(truth_U, said, folds_U)])
    part = Resampled.of_sums(("m",), {name: metric}, sums, {name: told}, 30, 1)
    draws = part.draws(name)
    is_within = name != "auc_pooled"
    assert draws.num_strata == (5 if is_within else 1)
    fold_S = folds_U[::4]
    for counts_S, value in zip(
        draws.counts_RS.astype(int), part.values_RM[name][:, 0], strict=True
    ):
        if is_within:
            sizes = [counts_S[fold_S == fold].sum() for fold in range(5)]
            assert sizes == [(fold_S == fold).sum() for fold in range(5)]
        rows = np.repeat(np.arange(96), counts_S[subject_U])
        expected = metric(truth_U[rows], said[rows], folds_U[rows])
        assert value == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("name", ["auc", "auc_pooled"])
def test_a_resampled_area_is_that_of_all_pairs_to_the_last_bit(name: str, num_classes: int) -> None:
    """Of a positive and a negative that were drawn so often, a tie half a pair."""
    subject_U, truth_U, probabilities_UK, folds_U = study(9, 18, num_classes)
    said_UMK = np.stack([probabilities_UK, probabilities_UK.round(1)], axis=1)
    target = BINARY if num_classes == 2 else THREE
    sums = SubjectSums.of(subject_U, truth_U, said_UMK, target, folds_U)
    weights_RS = SubjectResamples.draw(18, 40, 2).counts_RS
    found_RM = sums.value(METRICS[name].of(target), weights_RS)
    is_one_fit_UU = (folds_U[:, None] == folds_U) | (name == "auc_pooled")
    weights_RU = weights_RS[:, subject_U]
    for model in range(2):
        areas_RK = np.full((40, num_classes), np.nan)
        for each in [1] if num_classes == 2 else range(3):
            score_U = said_UMK[:, model, each]
            wins_UU = (score_U[:, None] > score_U) + 0.5 * (score_U[:, None] == score_U)
            is_pair_UU = is_one_fit_UU & (truth_U == each)[:, None] & (truth_U != each)
            wins_R, pairs_R = (
                np.einsum("ru,uv,rv->r", weights_RU, counted_UU, weights_RU)
                for counted_UU in (wins_UU * is_pair_UU, is_pair_UU.astype(float))
            )
            with np.errstate(invalid="ignore"):
                areas_RK[:, each] = wins_R / pairs_R
        num_known_R = (~np.isnan(areas_RK)).sum(axis=1)
        with np.errstate(invalid="ignore"):
            expected_R = np.nansum(areas_RK, axis=1) / num_known_R
        assert np.array_equal(found_RM[:, model], expected_R, equal_nan=True)


def test_one_fold_is_drawn_as_all_subjects_are() -> None:
    alike = SubjectResamples.within(np.zeros(9, np.int64), 20, 3)
    assert (alike.counts_RS == SubjectResamples.draw(9, 20, 3).counts_RS).all()


def as_table(seed: int, num_classes: int = 2) -> pd.DataFrame:
    subject_U, truth_U, probabilities_UK, folds_U = study(seed, 20, num_classes)
    names = ("healthy", "ill", "other")[:num_classes]
    columns = {
        f"{model}:{name}": probabilities_UK[:, place]
        for model in ("ours", "theirs")
        for place, name in enumerate(names)
    }
    told = {"subject": subject_U, "fold": folds_U, "truth": np.array(names)[truth_U]}
    return pd.DataFrame({**told, **columns})


def test_a_ranking_names_the_folds_without_both_classes_and_keeps_the_pooled_value() -> None:
    table = as_table(0)
    table.loc[table["fold"] == 3, "truth"] = "healthy"
    ranking = foldgrid.rank(table, task={"name": "binary", "positive": ["ill"]})
    rows = {row.model: row for row in ranking.rows}
    assert ranking.by == "auc"
    assert (
        rows["class_shares" if "class_shares" in rows else ranking.scoring.baseline].oof["auc"]
        == 0.5
    )
    assert rows["ours"].oof["auc"] != rows["ours"].oof["auc_pooled"]
    [note] = [each for each in all_notes(ranking) if each.code == "FG706"]
    assert note.is_warning
    assert "fold 3 for ill" in note.text
    [plain] = [
        each
        for each in all_notes(foldgrid.rank(table.drop(columns="fold")))
        if each.code == "FG706"
    ] or [None]
    assert plain is None, "without folds all units are one fit's"


def test_without_folds_all_units_are_compared() -> None:
    table = as_table(1).drop(columns="fold")
    ranking = foldgrid.rank(table)
    for row in ranking.rows:
        assert row.oof["auc"] == row.oof["auc_pooled"]
        assert row.interval("oof", "auc") == row.interval("oof", "auc_pooled")
        assert (row.oof["auc"] == 0.5) == (row.kind == "baseline")
