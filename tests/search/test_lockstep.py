"""A trial: each fold as the grid would train it, every epoch scored, the test set out of reach."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.execution.trainer import open_fit
from foldgrid.records import RunStore, SearchStore, TrialFolder
from foldgrid.search.lockstep import LockstepTrial
from foldgrid.specs.trials import TrialRecord
from foldgrid.tasks.scoring import evaluated_units
from foldgrid.tasks.units import UnitTable
from foldgrid.training.checkpoint_interval import CheckpointInterval
from tests.execution.small_grid import random_study
from tests.search.small_search import training_samples, trial_job


def folder_in(path: Path) -> TrialFolder:
    return SearchStore(str(path)).trial("study", 0)


def train(folder: Path, **values: float) -> tuple[LockstepTrial, TrialRecord]:
    trial = LockstepTrial(trial_job(**values), training_samples(), folder_in(folder))
    while not trial.is_over:
        trial.run_epoch()
    return trial, trial.finalize()


def flat(table: UnitTable) -> pd.DataFrame:
    return table.units.assign(predicted=table.predicted["predicted"])


def test_a_fold_takes_the_same_course_as_a_fit_of_the_grid(tmp_path: Path) -> None:
    trial, record = train(tmp_path / "search")
    visits = flat(trial.units())
    data, alone, together = random_study(), RunStore(str(tmp_path / "grid")), []
    for job in trial_job().fits:
        fit = open_fit(job, data, alone)
        fit.run()
        in_lockstep = trial.folder.fits.read_history(job.config.fit_id)
        grid = alone.read_history(job.config.fit_id)
        assert [e.validation_loss for e in in_lockstep] == [e.validation_loss for e in grid]
        predictions = alone.read_predictions(job.config.fit_id)
        rows = data.samples.set_index("sample").loc[
            predictions.loc[predictions["partition"] == "oof", "sample"]
        ]
        outputs = predictions.loc[
            predictions["partition"] == "oof", [c for c in predictions if c.startswith("predicted")]
        ]
        units = evaluated_units(fit.task, rows.reset_index(), outputs.to_numpy(np.float32))
        together.append(flat(units))
    grid_visits = pd.concat(together).sort_values(["subject", "visit"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(visits, grid_visits)
    assert record.num_visits == len(grid_visits)


def test_the_test_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="training samples only"):
        LockstepTrial(trial_job(), random_study(), folder_in(tmp_path))


def test_the_data_of_a_search_hold_no_test_sample() -> None:
    whole, search = random_study(), training_samples()
    is_train = (whole.samples["partition"] == "train").to_numpy()
    assert 0 < is_train.sum() < len(is_train)
    assert set(search.samples["partition"]) == {"train"}
    np.testing.assert_array_equal(search.mosaics_NHWC, whole.mosaics_NHWC[is_train])
    assert list(search.samples["sample"]) == list(whole.samples.loc[is_train, "sample"])


def test_every_epoch_has_a_score_and_the_last_is_the_record_s(tmp_path: Path) -> None:
    trial = LockstepTrial(trial_job(), training_samples(), folder_in(tmp_path))
    epochs = []
    while not trial.is_over:
        epochs.append(trial.run_epoch())
    record = trial.finalize()
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert all(np.isfinite(epoch.oof["mae"]) for epoch in epochs)
    assert record.oof == epochs[-1].oof
    assert record.status == "complete"


def finish(trial: LockstepTrial) -> TrialRecord:
    while not trial.is_over:
        trial.run_epoch()
    return trial.finalize()


def without_seconds(record: TrialRecord) -> TrialRecord:
    return record.model_copy(update={"wall_seconds": 0.0})


def test_a_trial_that_was_lost_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: True)
    folder, data = folder_in(tmp_path / "twice"), training_samples()
    lost = LockstepTrial(trial_job(max_epochs=4), data, folder)
    lost.run_epoch()
    lost.run_epoch()
    again = LockstepTrial(trial_job(max_epochs=4), data, folder)
    assert [epoch.epoch for epoch in again.epochs] == [1, 2]
    record = finish(again)
    _, once = train(tmp_path / "once", max_epochs=4)
    assert without_seconds(record) == without_seconds(once)
    assert not list((tmp_path / "twice").rglob("*.pt"))


def test_a_trial_whose_state_is_torn_begins_anew(tmp_path: Path) -> None:
    folder, data = folder_in(tmp_path / "torn"), training_samples()
    lost = LockstepTrial(trial_job(), data, folder)
    lost.run_epoch()
    folder.write_state(lost.state()[:-100])
    again = LockstepTrial(trial_job(), data, folder)
    assert again.epochs == []
    _, once = train(tmp_path / "once")
    assert without_seconds(finish(again)) == without_seconds(once)


def test_what_the_launcher_did_not_keep_is_reported_again_and_not_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: True)
    folder, data = folder_in(tmp_path / "reported"), training_samples()
    lost = LockstepTrial(trial_job(max_epochs=5), data, folder)
    trained = [lost.run_epoch() for _ in range(3)]
    # The launcher kept one, has another otherwise, and died before the third.
    folder.append_epoch(trained[0])
    folder.append_epoch(trained[1].model_copy(update={"oof": {"mae": 0.0}}))
    again = LockstepTrial(trial_job(max_epochs=5), data, folder)
    assert [again.run_epoch() for _ in range(2)] == trained[1:]
    assert [fit.epoch for fit in again.fits] == [3] * len(again.fits)
    assert again.run_epoch().epoch == 4


def test_a_trial_that_takes_another_s_state_goes_on_by_its_own_configuration(
    tmp_path: Path,
) -> None:
    data, values = training_samples(), {"learning_rate": 0.003, "momentum": 0.5, "max_epochs": 3}
    better = LockstepTrial(trial_job(max_epochs=3), data, folder_in(tmp_path / "better"))
    better.run_epoch()
    heir_job = trial_job(1, **values)
    heir = LockstepTrial(heir_job, data, folder_in(tmp_path / "heir"), better.state())
    assert [epoch.oof for epoch in heir.epochs] == [epoch.oof for epoch in better.epochs]
    for fit in heir.fits:
        assert fit.epoch == 1
        group = fit.optimizer.param_groups[0]
        assert (group["lr"], group["momentum"]) == (0.003, 0.5)
    assert heir.run_epoch().oof != better.run_epoch().oof


def test_a_trial_that_diverges_ends_and_has_no_score(tmp_path: Path) -> None:
    trial, record = train(tmp_path, learning_rate=1e30)
    assert trial.has_diverged
    assert (record.status, record.oof, record.num_visits) == ("diverged", {}, 0)
    assert record.num_epochs == 1
