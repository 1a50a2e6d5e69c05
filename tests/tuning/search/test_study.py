"""The study: its first trial, its memory; a search that was killed goes on as if it had not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from foldgrid.scoring import best_trials
from foldgrid.specs.recipe import Value
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import SamplerName, SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.tuning.search.study import SearchStudy
from tests.tuning.search.small_search import space_of, trial_task

SPACE = space_of(
    learning_rate={"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    momentum={"type": "choice", "choices": (0.0, 0.9)},
    plateau__patience={"type": "int", "low": 2, "high": 20, "when": {"momentum": (0.9,)}},
)
COUNTABLE = space_of(
    batch_size={"type": "choice", "choices": (8, 16)},
    plateau__patience={"type": "int", "low": 2, "high": 6, "step": 2},
)
FIRST: dict[str, Value] = {"learning_rate": 0.01, "momentum": 0.9, "plateau.patience": 10}


def open_study(
    storage: BaseStorage,
    space: SearchSpace = SPACE,
    first: dict[str, Value] = FIRST,
    **settings: object,
) -> SearchStudy:
    return SearchStudy(
        storage, "study", space, SearchSettings.model_validate(settings), first, seed=7
    )


def scored(number: int, values: dict[str, Value], **oof: float) -> TrialRecord:
    task = trial_task(number)
    return TrialRecord(
        study="study",
        number=number,
        status="complete" if oof else "diverged",
        backbone="b",
        values=values,
        training=task.fits[0].config.training,
        num_epochs=2,
        num_planned_epochs=2,
        best_epochs=(1, 2),
        oof=oof,
        num_visits=3,
        fit_ids=("a", "b"),
        wall_seconds=1.0,
    )


def search(study: SearchStudy, num_trials: int) -> list[dict[str, Value]]:
    """Asks and tells; the score prefers a learning rate near 0.003."""
    drawn = []
    for _ in range(num_trials):
        asked = study.ask()
        assert asked is not None
        number, values = asked
        rate = float(values.get("learning_rate") or 0.01)  # type: ignore[arg-type]
        error = abs(rate - 0.003)
        epoch = TrialEpoch(epoch=1, oof={"mae": error + 1}, num_running=2, wall_seconds=0.1)
        study.report(number, epoch)
        study.tell(number, scored(number, values, mae=error, ccc=-error))
        drawn.append(values)
    return drawn


def test_the_sweep_s_own_recipe_is_the_first_trial() -> None:
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


def journal(path: Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(path)))


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
    study = open_study(journal(tmp_path / "journal"))
    search(study, 2)
    asked = study.ask()
    assert asked is not None
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
    study.give_up(second[0], "no such network")
    assert study.num_counted == 1


def test_several_objectives_leave_a_front() -> None:
    study = open_study(InMemoryStorage(), sampler="NSGAIISampler", objectives=("mae", "ccc"))
    search(study, 3)
    assert study.num_counted == 3


def numbers(trials: Sequence[TrialRecord]) -> list[int]:
    return [trial.number for trial in trials]


def test_the_best_by_one_figure_is_one_and_the_first_of_equals() -> None:
    trials = [scored(0, {}, mae=2.0), scored(1, {}, mae=2.0), scored(2, {}, mae=3.0), scored(3, {})]
    assert numbers(best_trials(trials, ("mae",))) == [0]


def test_the_best_by_several_figures_is_the_front_that_nothing_beats() -> None:
    pairs = [(2.0, 0.5), (1.0, 0.4), (3.0, 0.9), (2.5, 0.4), (1.0, 0.4)]
    trials = [scored(n, {}, mae=mae, ccc=ccc) for n, (mae, ccc) in enumerate(pairs)]
    assert numbers(best_trials(trials, ("mae", "ccc"))) == [1, 0, 2]


def test_optuna_itself_reads_the_journal(tmp_path: Path) -> None:
    search(open_study(journal(tmp_path / "journal")), 3)
    study = optuna.load_study(study_name="study", storage=journal(tmp_path / "journal"))
    assert study.best_value == min(trial.value or 9 for trial in study.trials)
    assert study.trials[0].intermediate_values == {1: study.trials[0].value + 1}  # type: ignore[operator]
