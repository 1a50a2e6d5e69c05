"""The laws of ``search.storage.storage``, and what a search promises on every storage."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from optuna.storages import RDBStorage

from foldgrid.search import study as study_module
from foldgrid.search.study import SearchStudy, count_done
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import Parameter
from foldgrid.specs.sweep import SamplerName
from tests.postgresql_on_localhost import PASSWORD, PostgresqlServer
from tests.search.searching_launch import gate, launch
from tests.search.small_study import (
    COUNTABLE,
    journal,
    open_study,
    scored,
    search,
    tell_score,
)
from tests.search.storage_places import KINDS, Place, new_place, plugged_in

GRID_FIRST: dict[str, Value] = {"batch_size": 16, "plateau.patience": 4}


@pytest.fixture(params=KINDS)
def place(request: Any, tmp_path: Path, postgresql: PostgresqlServer) -> Iterator[Place]:
    place = new_place(request.param, tmp_path, postgresql)
    with plugged_in():
        yield place
        place.close()


def ask(study: SearchStudy, num_trials: int | None = None) -> tuple[int, dict[str, Value]]:
    asked = study.ask(num_trials)
    assert asked is not None
    return asked


def test_looking_makes_nothing(place: Place, tmp_path: Path, postgresql: PostgresqlServer) -> None:
    looking = place.open()
    assert not looking.exists()
    assert count_done(looking, "study") == 0
    looking.close()
    assert list(tmp_path.iterdir()) == []
    if place.url and place.url.startswith("postgresql"):
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        assert postgresql.run(tables, place.url.rpartition("/")[2]) == [(0,)]
    search(open_study(place.open()), 2)
    assert place.open().exists()
    assert count_done(place.open(), "study") == 2
    assert count_done(place.open(), "another") == 0


def test_another_launch_has_the_records_of_all(place: Place) -> None:
    first = open_study(place.open())
    search(first, 2)
    number, values = ask(first)
    first.tell(number, scored(number, values))
    second = open_study(place.open())
    assert second.records() == first.records()
    assert [(r.number, r.status) for r in second.records()] == [
        (0, "complete"),
        (1, "complete"),
        (2, "diverged"),
    ]


PARTS = (3, 8, 2)
"""TPE draws at random ten times, then as the trials before suggest."""


@pytest.fixture(scope="module", params=["TPESampler", "RandomSampler", "CmaEsSampler"])
def searched_at_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SamplerName, list[dict[str, Value]]]:
    """A sampler, and what it suggests to one launch with a journal."""
    path = tmp_path_factory.mktemp("whole") / "journal.log"
    with plugged_in():
        return request.param, search(open_study(journal(path), sampler=request.param), sum(PARTS))


def test_the_suggestions_are_those_of_the_journal(
    place: Place, searched_at_once: tuple[SamplerName, list[dict[str, Value]]]
) -> None:
    (sampler, whole), parts = searched_at_once, []
    for length in PARTS:
        storage = place.open()
        parts += search(open_study(storage, sampler=sampler), length)
        storage.close()
    assert parts == whole


def test_a_launch_that_lives_keeps_its_trials(place: Place) -> None:
    living = place.open()
    asked = ask(open_study(living))
    other = open_study(place.open())
    assert other.close_stale() == 0
    assert other.num_running == 1
    living.close()
    assert open_study(place.open()).close_stale() == 1
    assert ask(other) == asked, "the same trial, under its number"


def test_a_launch_that_is_killed_loses_its_trial_to_the_next(place: Place) -> None:
    with launch(place, 3, gate(2)) as alone:
        assert alone.receive() == 0
        study = open_study(place.open())
        assert study.close_stale() == 0, "it is alive"
        alone.kill()
    assert study.close_stale() == 1
    assert study.close_stale() == 0, "lined up once"
    assert ask(study) == ask(open_study(journal(place.journal.with_name("own"))))


def test_a_launch_that_died_while_it_drew_had_not_drawn(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = search(open_study(journal(tmp_path / "whole")), 3)
    storage = place.open()
    study = open_study(storage)
    drawn = search(study, 1)
    real = study_module._suggest

    def dying(trial: Any, name: str, parameter: Parameter) -> Value:
        if name == "momentum":
            raise KeyboardInterrupt
        return real(trial, name, parameter)

    with monkeypatch.context() as patch:
        patch.setattr(study_module, "_suggest", dying)
        with pytest.raises(KeyboardInterrupt):
            study.ask()
    storage.close()
    assert drawn + search(open_study(place.open()), 2) == undisturbed


def test_a_trial_that_others_took_for_dead_is_reported_in_vain(place: Place) -> None:
    slow = place.open()
    study = open_study(slow)
    number, values = ask(study)
    # As after an hour without a network.
    slow.mark.release()
    other = open_study(place.open())
    assert other.close_stale() == 1
    retried = ask(other)
    tell_score(study, number, values)
    tell_score(other, *retried)
    assert [record.number for record in other.records()] == [retried[0]]


def test_what_is_handed_back_is_tried_again(place: Place) -> None:
    study = open_study(place.open())
    asked = ask(study)
    study.hand_back()
    assert study.num_running == 0
    assert study.close_stale() == 1
    assert ask(study) == asked


def test_a_trial_may_be_lost_many_times(place: Place) -> None:
    asked = ask(open_study(place.open()))
    for _ in range(3):
        place.close()
        study = open_study(place.open())
        assert study.close_stale() == 1
        assert ask(study) == asked
    tell_score(study, *asked)
    assert [record.number for record in study.records()] == [0]
    assert study.num_running == 0


def test_the_number_of_trials_is_that_of_all_launches(place: Place) -> None:
    one, other = open_study(place.open()), open_study(place.open())
    asked = [ask(one, 3), ask(other, 3), ask(one, 3)]
    assert other.ask(3) is None
    assert not one.has_room(3)
    other.mark_failed(asked[1][0], "no memory")
    assert one.has_room(3)
    assert ask(other, 3)[1] not in [values for _, values in asked]


def test_a_grid_is_lined_up_once_by_many(place: Place) -> None:
    barrier = threading.Barrier(4)
    studies: list[SearchStudy] = []

    def open_one() -> None:
        barrier.wait()
        studies.append(open_study(place.open(), COUNTABLE, GRID_FIRST, sampler="GridSampler"))

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(studies) == 4
    points = search(studies[0], 6)
    assert studies[1].ask() is None
    assert len({tuple(point.items()) for point in points}) == 6


def test_launches_at_once_share_the_trials(place: Place) -> None:
    num_trials, both_drew = 8, gate(2)
    with (
        launch(place, num_trials, both_drew) as one,
        launch(place, num_trials, both_drew) as other,
    ):
        numbers = [one.receive_all(), other.receive_all()]
    assert sorted(numbers[0] + numbers[1]) == list(range(num_trials))
    assert all(numbers), "both took part"
    records = open_study(place.open()).records()
    drawn = {tuple(record.values.items()) for record in records}
    assert len(drawn) == len(records) == num_trials, "no suggestion twice"


def test_no_password_is_shown(place: Place) -> None:
    storage = place.open()
    shown = f"{storage.title} {storage.dashboard} {storage.optuna!r}"
    if isinstance(storage.optuna, RDBStorage):
        shown += f"{storage.optuna.url} {storage.optuna.engine!r}"
    assert PASSWORD not in shown
    assert quote(PASSWORD, safe="") not in shown


def test_no_warning_reaches_the_user(place: Place) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(open_study(place.open()), 3)
