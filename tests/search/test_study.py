"""The study: its first trial, its memory; a search that was killed goes on as if it had not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import optuna
import pytest
from optuna.storages import InMemoryStorage

from foldgrid.metrics import best_trials
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.sweep import SamplerName
from foldgrid.specs.trials import TrialRecord
from tests.search.small_study import (
    COUNTABLE,
    FIRST,
    SPACE,
    journal,
    open_study,
    scored,
    search,
)


def test_the_sweep_s_default_configuration_is_the_first_trial() -> None:
    study = open_study(InMemoryStorage())
    assert study.ask() == (0, FIRST)


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_every_sampler_draws_within_the_space(sampler: SamplerName) -> None:
    is_grid = sampler == "GridSampler"
    space = COUNTABLE if is_grid else SPACE
    first: dict[str, Value] = {"batch_size": 16, "plateau.patience": 4} if is_grid else FIRST
    study = open_study(InMemoryStorage(), space, first, sampler=sampler)
    drawn = search(study, 6)
    for values in drawn:
        for name in space.parameters:
            assert (name in values) == space.is_active(name, values)
    if not is_grid:
        assert all(1e-4 <= values["learning_rate"] <= 0.1 for values in drawn)  # type: ignore[operator]
        assert len({values["learning_rate"] for values in drawn}) > 3


def test_a_grid_ends_when_it_has_been_tried_through() -> None:
    first: dict[str, Value] = {"batch_size": 16, "plateau.patience": 4}
    study = open_study(InMemoryStorage(), COUNTABLE, first, sampler="GridSampler")
    drawn = search(study, 6)
    assert study.ask() is None
    assert drawn[0] == first
    points = {(values["batch_size"], values["plateau.patience"]) for values in drawn}
    assert points == {(size, patience) for size in (8, 16) for patience in (2, 4, 6)}


@pytest.mark.parametrize("sampler", ["TPESampler", "RandomSampler", "CmaEsSampler", "GPSampler"])
def test_a_search_that_was_stopped_draws_what_it_would_have_drawn(
    sampler: SamplerName, tmp_path: Path
) -> None:
    whole = search(open_study(journal(tmp_path / "whole"), sampler=sampler), 14)
    parts: list[dict[str, Value]] = []
    for length in (3, 9, 2):
        parts += search(open_study(journal(tmp_path / "parts"), sampler=sampler), length)
    assert parts == whole


def test_a_trial_that_was_running_when_the_search_died_is_tried_again(tmp_path: Path) -> None:
    dying = journal(tmp_path / "journal")
    study = open_study(dying)
    search(study, 2)
    asked = study.ask()
    assert asked is not None
    dying.close()
    again = open_study(journal(tmp_path / "journal"))
    assert again.num_counted == 2
    assert again.close_stale() == 1
    retried = again.ask()
    assert retried is not None
    assert retried == asked, "the same trial, under its number"
    assert again.close_stale() == 0, "its own open trials are left alone"


def test_a_diverged_trial_counts_and_a_failed_one_does_not() -> None:
    study = open_study(InMemoryStorage())
    first, second = study.ask(), study.ask()
    assert first is not None
    assert second is not None
    study.tell(first[0], scored(first[0], first[1]))
    study.mark_failed(second[0], "FileNotFoundError: /data/subject-7.jpg")
    assert study.num_counted == 1
    closed = study._study.trials[second[0]]
    assert closed.user_attrs["failure"] == "FileNotFoundError", "no path, no name in a database"


def test_several_objectives_leave_a_front() -> None:
    study = open_study(InMemoryStorage(), sampler="NSGAIISampler", objectives=("mae", "ccc"))
    search(study, 3)
    assert study.num_counted == 3


def numbers(trials: Sequence[TrialRecord]) -> list[int]:
    return [trial.number for trial in trials]


def test_the_best_by_one_metric_is_one_and_the_first_of_equals() -> None:
    trials = [scored(0, {}, mae=2.0), scored(1, {}, mae=2.0), scored(2, {}, mae=3.0), scored(3, {})]
    assert numbers(best_trials(trials, ("mae",))) == [0]


def test_the_best_by_several_metrics_is_the_front_that_nothing_beats() -> None:
    pairs = [(2.0, 0.5), (1.0, 0.4), (3.0, 0.9), (2.5, 0.4), (1.0, 0.4)]
    trials = [scored(n, {}, mae=mae, ccc=ccc) for n, (mae, ccc) in enumerate(pairs)]
    assert numbers(best_trials(trials, ("mae", "ccc"))) == [1, 0, 2]


def test_optuna_itself_reads_the_journal(tmp_path: Path) -> None:
    search(open_study(journal(tmp_path / "journal")), 3)
    study = optuna.load_study(study_name="study", storage=journal(tmp_path / "journal").optuna)
    assert study.best_value == min(trial.value or 9 for trial in study.trials)
    assert study.trials[0].intermediate_values == {1: study.trials[0].value + 1}  # type: ignore[operator]
