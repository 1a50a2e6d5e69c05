"""What trials leave: whole, once, and enough for a new try to go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.records import SearchStore
from foldgrid.records.tables import parquet_bytes
from foldgrid.search.lockstep import TrialTrainer
from foldgrid.search.trial_log import TrialLog
from foldgrid.search.trials import TrialJob, trial_record
from foldgrid.specs.checksums import FileChecksum, checksummed_json
from foldgrid.specs.trials import TrialEpoch
from tests.search.small_search import TrialRecorder, training_samples, trial_job

UNITS = pd.DataFrame(
    {
        "subject": ["S0", "S0", "S1"],
        "unit": ["V0", "V1", "V0"],
        "fold": [0, 0, 1],
        "reference": [1.0, 2.0, 3.0],
    }
)


def an_epoch(number: int, error: float = 1.0) -> TrialEpoch:
    return TrialEpoch(
        epoch=number,
        oof={"mae": error / number},
        predicted=tuple(UNITS["reference"] + error / number),
        best_epochs=(number, number),
        num_running=2,
        wall_seconds=0.5,
    )


@pytest.fixture
def store(tmp_path: Path) -> SearchStore:
    return SearchStore(str(tmp_path))


def trial_log_of(store: SearchStore) -> tuple[TrialLog, TrialRecorder]:
    recorder = TrialRecorder()
    return TrialLog(store, UNITS, recorder), recorder


def train(trial_log: TrialLog, job: TrialJob, epochs: range) -> list[TrialEpoch]:
    trial_log.started(job)
    trained = [an_epoch(number) for number in epochs]
    for epoch in trained:
        trial_log.epoch_done(job, epoch)
    return trained


def test_a_finished_trial_leaves_its_record_its_epochs_and_its_predictions(
    store: SearchStore,
) -> None:
    trial_log, recorder = trial_log_of(store)
    job = trial_job(3)
    epochs = train(trial_log, job, range(1, 4))
    record = trial_record(job, epochs, "complete")
    trial_log.finished(job, record)
    folder = store.trial("study", 3)
    assert folder.read_record() == record == recorder.records[3]
    assert folder.read_epochs() == epochs
    assert [epoch.predicted for epoch in folder.read_history()] == [(), (), ()]
    np.testing.assert_array_equal(
        folder.read_units().predicted_by("predicted"), epochs[-1].predicted
    )
    np.testing.assert_array_equal(
        folder.read_units(1).predicted_by("predicted"), epochs[0].predicted
    )
    assert store.read_trials("study") == [record]
    assert folder.read_running() == []


def test_a_trial_that_was_stopped_is_reported_as_finished(store: SearchStore) -> None:
    trial_log, recorder = trial_log_of(store)
    job = trial_job(1, max_epochs=9)
    epochs = train(trial_log, job, range(1, 3))
    store.trial("study", 1).write_state(b"state")
    trial_log.stopped(job)
    record = recorder.records[1]
    assert (record.status, record.num_epochs, record.num_planned_epochs) == ("stopped", 2, 9)
    assert record.oof == epochs[-1].oof
    assert store.trial("study", 1).read_state() is None


def test_epochs_that_come_again_after_a_lost_worker_count_once(store: SearchStore) -> None:
    trial_log, _ = trial_log_of(store)
    job = trial_job(1)
    train(trial_log, job, range(1, 4))
    epochs = train(trial_log, job, range(2, 5))
    trial_log.finished(job, trial_record(job, epochs, "complete"))
    assert [epoch.epoch for epoch in store.trial("study", 1).read_epochs()] == [1, 2, 3, 4]


def test_a_trial_that_is_tried_again_has_the_epochs_of_the_earlier_launch(
    store: SearchStore,
) -> None:
    """The launcher was killed after three epochs; the next one goes on from the trial's state."""
    trial_log, _ = trial_log_of(store)
    train(trial_log, trial_job(1), range(1, 4))
    later, _ = trial_log_of(store)
    last = train(later, trial_job(1), range(4, 5))
    later.finished(trial_job(1), trial_record(trial_job(1), last, "complete"))
    assert store.trial("study", 1).read_epochs() == [an_epoch(number) for number in range(1, 5)]


def test_a_trial_that_begins_anew_forgets_the_epochs_of_the_earlier_launch(
    store: SearchStore,
) -> None:
    trial_log, _ = trial_log_of(store)
    train(trial_log, trial_job(1), range(1, 4))
    later, _ = trial_log_of(store)
    epochs = train(later, trial_job(1), range(1, 3))
    assert store.trial("study", 1).read_running() == epochs
    later.finished(trial_job(1), trial_record(trial_job(1), epochs, "complete"))
    assert store.trial("study", 1).read_epochs() == epochs


def test_a_line_torn_by_a_crash_is_left_out(store: SearchStore, tmp_path: Path) -> None:
    trial_log, _ = trial_log_of(store)
    train(trial_log, trial_job(1), range(1, 4))
    path = tmp_path / "trials" / "study" / "0001" / "running.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [epoch.epoch for epoch in store.trial("study", 1).read_running()] == [1, 2]


def test_a_line_that_was_torn_does_not_swallow_the_next(store: SearchStore, tmp_path: Path) -> None:
    job = trial_job(1)
    train(trial_log_of(store)[0], job, range(1, 3))
    path = tmp_path / store.trial("study", 1).name / "running.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    train(trial_log_of(store)[0], job, range(2, 4))
    assert [epoch.epoch for epoch in store.trial("study", 1).read_running()] == [1, 2, 3]


def test_the_record_of_other_values_is_not_taken_for_a_trial_s(store: SearchStore) -> None:
    # A study that lost its memory may ask for other values under the same number.
    data = training_samples()
    old, new = trial_job(1, learning_rate=0.1), trial_job(1, learning_rate=0.2)
    trial_log, _ = trial_log_of(store)
    epochs = train(trial_log, old, range(1, 3))
    trial_log.finished(old, trial_record(old, epochs, "complete"))
    assert TrialTrainer(data, store).finished(old) is not None
    assert TrialTrainer(data, store).finished(new) is None
    again, _ = trial_log_of(store)
    again.finished(new, trial_record(new, train(again, new, range(1, 3)), "complete"))
    assert store.trial("study", 1).read_record().values == new.values


def test_an_heir_has_the_epochs_of_the_trial_that_it_went_on_from(store: SearchStore) -> None:
    trial_log, recorder = trial_log_of(store)
    better, worse = trial_job(1, learning_rate=0.01), trial_job(2, learning_rate=0.1)
    trial_log.started(better)
    trial_log.started(worse)
    for number in (1, 2):
        trial_log.epoch_done(better, an_epoch(number, error=1.0))
        trial_log.epoch_done(worse, an_epoch(number, error=5.0))
    heir = replace(trial_job(2, learning_rate=0.008), inherited_from=1)
    trial_log.epoch_done(heir, an_epoch(3, error=0.5))
    trial_log.finished(heir, trial_record(heir, [an_epoch(3, error=0.5)], "complete"))
    epochs = store.trial("study", 2).read_epochs()
    assert epochs == [an_epoch(1), an_epoch(2), an_epoch(3, error=0.5)]
    (change,) = recorder.records[2].changes
    assert (change.after_epoch, change.inherited_from) == (2, 1)
    assert change.values == {"learning_rate": 0.008}


def test_a_diverged_epoch_has_no_predictions(store: SearchStore) -> None:
    trial_log, _ = trial_log_of(store)
    job = trial_job(1)
    train(trial_log, job, range(1, 2))
    lost = TrialEpoch(epoch=2, oof={}, num_running=0, wall_seconds=0.1, best_epochs=(1, 1))
    trial_log.epoch_done(job, lost)
    trial_log.finished(job, trial_record(job, [an_epoch(1), lost], "diverged"))
    folder = store.trial("study", 1)
    assert folder.read_record().oof == {}
    assert folder.read_epochs() == [an_epoch(1), lost]
    assert list(folder.read_units().predicted_by("predicted")) == list(an_epoch(1).predicted)


def test_class_probabilities_come_back_as_they_were_reported(store: SearchStore) -> None:
    trial_log, _ = trial_log_of(store)
    job = trial_job(4)
    probabilities_UK = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.125, 0.125, 0.75]])
    epochs = [
        an_epoch(number).model_copy(update={"predicted": tuple(each.ravel())})
        for number, each in enumerate((probabilities_UK, probabilities_UK[::-1]), start=1)
    ]
    trial_log.started(job)
    for epoch in epochs:
        trial_log.epoch_done(job, epoch)
    trial_log.finished(job, trial_record(job, epochs, "complete"))
    folder = store.trial("study", 4)
    assert folder.read_epochs() == epochs
    np.testing.assert_array_equal(folder.read_units(1).predicted_by("predicted"), probabilities_UK)
    last = folder.read_units()
    assert last.models == ("predicted",)
    np.testing.assert_array_equal(last.predicted_by("predicted"), probabilities_UK[::-1])
    pd.testing.assert_frame_equal(last.units, UNITS)


def test_a_search_of_an_earlier_version_is_read(store: SearchStore) -> None:
    trial_log, _ = trial_log_of(store)
    job = trial_job(3)
    epochs = train(trial_log, job, range(1, 3))
    trial_log.finished(job, trial_record(job, epochs, "complete"))
    folder = store.trial("study", 3)
    record, checksums = folder.read_checksummed()
    table = UNITS.rename(columns={"unit": "visit"})
    data = parquet_bytes(table.assign(**{str(each.epoch): each.predicted for each in epochs}))
    place = Path(folder.path)
    (place / "predictions.parquet").write_bytes(data)
    checksums = {**checksums, "predictions.parquet": FileChecksum.of(data)}
    (place / "trial.json").write_bytes(checksummed_json(record.model_dump(mode="json"), checksums))
    assert folder.faults() == ()
    assert folder.read_epochs() == epochs
    found = folder.read_units(1)
    pd.testing.assert_frame_equal(found.units, UNITS)
    assert tuple(found.predicted_by("predicted")) == epochs[0].predicted
