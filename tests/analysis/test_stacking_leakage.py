"""No figure of a meta-learner or of the baseline may come from what it was fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foldgrid.analysis.evaluation import evaluate, unit_predictions
from foldgrid.analysis.predictions.predictions import PredictionTable, read_prediction_table
from foldgrid.analysis.stacking import nested
from foldgrid.analysis.stacking.meta_learners import META_LEARNERS
from foldgrid.analysis.stacking.nested import add_baseline, stack
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.units import UnitTable


@pytest.fixture
def table(make_run: Any) -> PredictionTable:
    return read_prediction_table(make_run(num_folds=3, num_subjects=8).write())


def with_truth_of(table: PredictionTable, rows: pd.Series[bool], value: float) -> PredictionTable:
    return replace(
        table, samples=table.samples.assign(reference=table.samples["reference"].mask(rows, value))
    )


def test_a_folds_oof_prediction_does_not_depend_on_that_folds_targets(
    table: PredictionTable,
) -> None:
    fold = table.samples["fold"] == 1
    before, _ = stack(table)
    after, _ = stack(with_truth_of(table, fold, 72.0))
    own = table.train_samples["fold"] == 1
    pd.testing.assert_frame_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any(axis=None), "the other folds were fitted on fold 1"


def test_a_folds_oof_prediction_does_not_depend_on_its_neighbours_in_the_fold(
    table: PredictionTable,
) -> None:
    before, _ = stack(table)
    kept = (table.train_samples["fold"] != 1) | (table.train_samples["subject"] == "s03")
    after, _ = stack(replace(table, oof=table.oof[kept]))
    pd.testing.assert_frame_equal(
        before[table.train_samples["subject"] == "s03"],
        after[table.train_samples[kept]["subject"] == "s03"],
    )


def test_test_targets_and_test_predictions_are_never_fitted_on(table: PredictionTable) -> None:
    oof, test = stack(table)
    blind = with_truth_of(table, table.samples["partition"] == "test", 0.0)
    oof_blind, test_blind = stack(replace(blind, test=table.test.iloc[:3]))
    pd.testing.assert_frame_equal(oof, oof_blind)
    pd.testing.assert_frame_equal(test.iloc[:3], test_blind)


def test_every_meta_learner_predicts_every_sample(table: PredictionTable) -> None:
    oof, test = stack(table)
    assert list(oof) == list(test) == list(META_LEARNERS)
    for part, samples in ((oof, table.oof.index), (test, table.test.index)):
        assert list(part.index) == list(samples)
        assert part.to_numpy().min() >= 0
        assert part.to_numpy().max() <= 72


def test_one_base_learner_is_not_stacked(make_run: Any) -> None:
    evaluation = evaluate(make_run(backbones=("resnet18",)).write())
    assert evaluation.meta_learners == ()
    assert list(evaluation.oof.predicted) == ["resnet18", "predict_the_mean"]


def test_the_baseline_by_hand() -> None:
    def visits(fold: list[int], truth: list[float]) -> UnitTable:
        frame = pd.DataFrame({"subject": "a", "fold": fold, "reference": truth})
        return UnitTable(frame, pd.DataFrame(index=frame.index), 0)

    oof, test = add_baseline(
        PasiScoring(PasiSpec()),
        visits([0, 0, 1, 2], [2.0, 4.0, 9.0, 30.0]),
        visits([-1], [5.0]),
    )
    assert oof.predicted[nested.BASELINE].tolist() == [19.5, 19.5, 12.0, 5.0]
    assert test.predicted[nested.BASELINE].tolist() == [11.25]


def test_unit_predictions_are_rows_a_person_can_read(make_run: Any) -> None:
    evaluation = evaluate(make_run(backbones=("resnet18",)).write())
    frame = unit_predictions(evaluation, "resnet18")
    assert list(frame) == [
        "model", "partition", "subject", "visit", "day", "physician_pasi", "predicted_pasi",
    ]  # fmt: skip
    assert frame["partition"].value_counts().to_dict() == {"oof": 30, "test": 6}
    assert np.isfinite(frame[["day", "physician_pasi", "predicted_pasi"]]).all(axis=None)
    with pytest.raises(SweepError, match='Did you mean "resnet18"'):
        unit_predictions(evaluation, "resnet81")
