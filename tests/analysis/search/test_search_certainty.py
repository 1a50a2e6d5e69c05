"""What a trial's score is worth: intervals, the winner's curse, the own recipe beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldgrid.analysis.search.certainty import assess_study
from foldgrid.analysis.search.results import StudyResults, read_studies
from foldgrid.analysis.search.summary import best_certainty, summarize_search
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import SearchSettings
from tests.analysis.search.made_up_search import MadeUpSearch


def study_of(folder: Path, **settings: object) -> StudyResults:
    search = MadeUpSearch(folder / "made_up", **settings)  # type: ignore[arg-type]
    return read_studies(search.write())[0]


@given(seed=st.integers(0, 10_000), num_trials=st.integers(2, 12))
@settings(max_examples=15)
def test_choosing_among_equals_is_worth_less_than_it_seems(
    tmp_path_factory: pytest.TempPathFactory, seed: int, num_trials: int
) -> None:
    folder = tmp_path_factory.mktemp("equals")
    study = study_of(folder, seed=seed, num_trials=num_trials, truth=lambda _: 5.0, num_epochs=2)
    selection = assess_study(study, num_resamples=400).selections["mae"]
    assert selection.naive is not None
    assert selection.corrected is not None
    assert selection.naive == min(trial.oof["mae"] for trial in study.complete)
    # The mean over resamples has a little noise of its own.
    assert selection.corrected > selection.naive - 0.05


def test_the_corrected_score_is_that_of_the_next_people(tmp_path: Path) -> None:
    """Over many searches among equals: the naive best flatters, the corrected one does not."""
    naive, corrected = [], []
    for seed in range(25):
        study = study_of(
            tmp_path / str(seed), seed=seed, num_trials=15, truth=lambda _: 5.0, num_epochs=1
        )
        selection = assess_study(study, num_resamples=200, seed=seed).selections["mae"]
        naive.append(selection.naive)
        corrected.append(selection.corrected)
    # After one epoch the made-up error is larger than the truth by this.
    truth = 5.0 * (1 + 1.2 * np.exp(-4.0))
    assert np.mean(naive) < truth - 0.3
    assert abs(np.mean(corrected) - truth) < abs(np.mean(naive) - truth) / 2


def test_the_interval_covers(tmp_path: Path) -> None:
    truth = 5.0 * (1 + 1.2 * np.exp(-4.0))
    covered = []
    for seed in range(60):
        study = study_of(
            tmp_path / str(seed), seed=seed, num_trials=1, truth=lambda _: 5.0, num_epochs=1
        )
        ends = assess_study(study, num_resamples=400, seed=seed).intervals["mae"][0]
        assert ends.low is not None
        assert ends.high is not None
        covered.append(ends.low <= truth <= ends.high)
    assert 0.85 <= np.mean(covered) <= 1.0


def test_only_trials_that_trained_to_their_end_take_part(tmp_path: Path) -> None:
    study = study_of(tmp_path, stopped=frozenset({2, 3}), diverged=frozenset({4}), num_trials=8)
    certainty = assess_study(study)
    assert set(certainty.intervals["mae"]) == {0, 1, 5, 6, 7}
    assert certainty.selections["mae"].num_learners == 5
    assert set(certainty.worse_than_default["mae"]) == {1, 5, 6, 7}
    assert certainty.num_subjects == 20


@pytest.mark.parametrize("objective", ["mae", "ccc"])
def test_the_best_beside_the_default_configuration(tmp_path: Path, objective: str) -> None:
    study = study_of(tmp_path, settings=SearchSettings(objectives=(objective,)), num_trials=20)
    best = study.best[0]
    own = study.own
    assert own is not None
    found = best_certainty(study, assess_study(study), best)
    low, high = found.interval[objective]
    assert low < best.oof[objective] < high
    assert found.default_configuration == {objective: own.oof[objective]}
    turn = 1 if objective == "ccc" else -1
    gain = turn * (best.oof[objective] - own.oof[objective])
    assert found.better_by[objective] == pytest.approx(gain)
    low, high = found.better_by_interval[objective]
    assert low < found.better_by[objective] < high
    worse = turn * (found.corrected[objective] - best.oof[objective])
    assert worse < 0, "the corrected score is worse than the naive one"


def test_nothing_is_said_of_the_default_configuration_beside_itself(tmp_path: Path) -> None:
    study = study_of(tmp_path, truth=lambda values: 2.0 if values["momentum"] == 0.9 else 9.0)
    own = next(trial for trial in study.trials if trial.number == 0)
    found = best_certainty(study, assess_study(study), own)
    assert found.better_by == {}
    assert found.default_configuration == {"mae": own.oof["mae"]}


def test_of_a_front_each_trial_is_corrected_where_it_was_the_choice(tmp_path: Path) -> None:
    study = study_of(tmp_path, settings=SearchSettings(objectives=("mae", "bias")), num_trials=25)
    found = {
        trial.number: best_certainty(study, assess_study(study), trial) for trial in study.best
    }
    assert len(found) > 1, "the made-up trials differ in their bias by chance"
    chosen = [name for each in found.values() for name in each.corrected]
    assert chosen == ["mae"], "chosen by once; a bias is not corrected"


def test_the_first_objective_can_be_another(tmp_path: Path) -> None:
    store = MadeUpSearch(
        tmp_path / "two", settings=SearchSettings(objectives=("mae", "ccc")), num_trials=6
    ).write()
    assert read_studies(store, "ccc")[0].objectives == ("ccc", "mae")
    with pytest.raises(SweepError, match="was not searched for"):
        read_studies(store, "pcc")


def test_a_folder_without_a_search_and_one_without_trials(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="nothing was searched here"):
        read_studies(RunStore(str(tmp_path)))
    store = MadeUpSearch(tmp_path / "young", num_trials=0).write()
    summary = summarize_search(store)[0]
    assert summary.best == {}
    assert summary.saved.fraction == 0.0


def test_trials_of_other_visits_are_refused(tmp_path: Path) -> None:
    search = MadeUpSearch(tmp_path / "mixed", num_trials=3)
    store = search.write()
    MadeUpSearch(tmp_path / "other", num_trials=3, num_subjects=9).write()
    for name in ("trial.json", "history.jsonl", "predictions.parquet"):
        here = next((tmp_path / "mixed").glob(f"search/trials/*/0001/{name}"))
        there = next((tmp_path / "other").glob(f"search/trials/*/0001/{name}"))
        here.write_bytes(there.read_bytes())
    with pytest.raises(SweepError, match="trial 1 did not predict the visits of the others"):
        read_studies(store)
