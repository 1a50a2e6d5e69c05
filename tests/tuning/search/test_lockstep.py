"""A trial: each fold as the grid would train it, every epoch scored, the test set out of reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.records import RunStore
from foldgrid.tuning.executor import open_fit
from foldgrid.tuning.search.lockstep import LockstepTrial
from foldgrid.tuning.search.trials import TrialRecord
from tests.tuning.search.small_search import training_samples, trial_task
from tests.tuning.small_grid import random_study


def train(folder: Path, **values: float) -> tuple[LockstepTrial, TrialRecord]:
    trial = LockstepTrial(trial_task(**values), training_samples(), RunStore(str(folder)))
    while not trial.is_over:
        trial.run_epoch()
    return trial, trial.conclude()


def test_a_fold_takes_the_same_course_as_a_fit_of_the_grid(tmp_path: Path) -> None:
    _, record = train(tmp_path / "search")
    visits = pd.read_parquet(tmp_path / "search" / "trials" / "study" / "0000.parquet")
    data, alone, together = random_study(), RunStore(str(tmp_path / "grid")), []
    for task in trial_task().fits:
        fit = open_fit(task, data, alone)
        fit.run()
        lockstep = RunStore(str(tmp_path / "search")).read_history(task.config.fit_id)
        grid = alone.read_history(task.config.fit_id)
        assert [e.validation_loss for e in lockstep] == [e.validation_loss for e in grid]
        predictions = alone.read_predictions(task.config.fit_id)
        rows = data.samples.set_index("sample").loc[
            predictions.loc[predictions["partition"] == "oof", "sample"]
        ]
        outputs = predictions.loc[
            predictions["partition"] == "oof", [c for c in predictions if c.startswith("predicted")]
        ]
        together.append(fit.task.units(rows, outputs.to_numpy(np.float32)))
    grid_visits = pd.concat(together).sort_values(["subject", "visit"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(visits, grid_visits)
    assert record.num_visits == len(grid_visits)


def test_the_test_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training samples only"):
        LockstepTrial(trial_task(), random_study(), RunStore(str(tmp_path)))


def test_the_data_of_a_search_hold_no_test_sample() -> None:
    whole, search = random_study(), training_samples()
    is_train = (whole.samples["partition"] == "train").to_numpy()
    assert 0 < is_train.sum() < len(is_train)
    assert set(search.samples["partition"]) == {"train"}
    np.testing.assert_array_equal(search.composites_NHWC, whole.composites_NHWC[is_train])
    assert list(search.samples["sample"]) == list(whole.samples.loc[is_train, "sample"])


def test_every_epoch_has_a_score_and_the_last_is_the_record_s(tmp_path: Path) -> None:
    trial = LockstepTrial(trial_task(), training_samples(), RunStore(str(tmp_path)))
    epochs = []
    while not trial.is_over:
        epochs.append(trial.run_epoch())
    record = trial.conclude()
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert all(np.isfinite(epoch.oof["mae"]) for epoch in epochs)
    assert record.oof == epochs[-1].oof
    assert record.status == "complete"


def test_a_trial_begins_anew_after_its_worker_was_lost(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path / "twice"))
    lost = LockstepTrial(trial_task(), training_samples(), store)
    lost.run_epoch()
    for fit in lost.fits:
        fit.save_checkpoint()
    trial = LockstepTrial(trial_task(), training_samples(), store)
    while not trial.is_over:
        trial.run_epoch()
    _, once = train(tmp_path / "once")
    assert trial.conclude().oof == once.oof
    assert not list((tmp_path / "twice").rglob("last.pt"))


def test_a_trial_that_diverges_ends_and_has_no_score(tmp_path: Path) -> None:
    trial, record = train(tmp_path, learning_rate=1e30)
    assert trial.has_diverged
    assert (record.status, record.oof, record.num_visits) == ("diverged", {}, 0)
    assert record.num_epochs == 1
