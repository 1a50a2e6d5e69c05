"""A launch that shares its study with others: when it waits, when it takes up, when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from foldgrid.launching.deadline import Deadline
from foldgrid.search.storage.storage import SearchStorage
from foldgrid.search.study import SearchStudy
from foldgrid.search.study_feed import StudyFeed
from foldgrid.search.trials import TrialJob
from foldgrid.specs.failure import Failure
from foldgrid.specs.recipe_keys import Value
from tests.search.small_search import trial_job
from tests.search.small_study import journal, open_study, scored


class AnyPlan:
    def job(self, number: int, values: Mapping[str, Value]) -> TrialJob:
        return trial_job(number)


def feed_of(storage: SearchStorage, num_trials: int) -> tuple[SearchStudy, StudyFeed]:
    study, plan = open_study(storage), AnyPlan()
    deadline = Deadline.after(None)
    return study, StudyFeed(study, plan, num_trials, deadline, num_trials)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.log"


def finish(feed: StudyFeed, job: TrialJob | None) -> None:
    assert job is not None
    feed.finished(job, scored(job.number, {}, mae=1.0))


def test_it_waits_for_a_trial_of_another_launch_and_is_done_with_it(path: Path) -> None:
    _, mine = feed_of(journal(path), 2)
    _, theirs = feed_of(journal(path), 2)
    job = next(theirs, None)
    finish(mine, next(mine, None))
    assert next(mine, None) is None
    assert mine.waits_for_others
    assert not mine.has_room
    finish(theirs, job)
    assert not mine.waits_for_others


def test_it_takes_up_the_trial_of_a_launch_that_died(path: Path) -> None:
    study, mine = feed_of(journal(path), 2)
    dying = journal(path)
    _, theirs = feed_of(dying, 2)
    lost = next(theirs, None)
    finish(mine, next(mine, None))
    assert next(mine, None) is None
    dying.close()
    assert mine.waits_for_others
    assert mine.has_room
    retried = next(mine, None)
    assert lost is not None
    assert retried is not None
    assert retried.number == lost.number
    finish(mine, retried)
    assert study.num_counted == 2


def test_it_ends_though_all_of_its_trials_fail(path: Path) -> None:
    study, mine = feed_of(journal(path), 3)
    given: list[Any] = []
    while (job := next(mine, None)) is not None:
        given.append(job.number)
        mine.failed(job, Failure(kind="error", message="OSError: no such file"))
    assert given == [0, 1, 2]
    assert not mine.waits_for_others
    assert study.num_counted == 0
    _, next_launch = feed_of(journal(path), 3)
    assert next(next_launch, None) is not None


def test_more_trials_are_added_whatever_others_train(path: Path) -> None:
    study, _ = feed_of(journal(path), 1)
    more = StudyFeed(study, AnyPlan(), 2, Deadline.after(None))  # type: ignore[arg-type]
    _, theirs = feed_of(journal(path), 1)
    assert next(theirs, None) is not None
    finish(more, next(more, None))
    finish(more, next(more, None))
    assert next(more, None) is None
    assert not more.waits_for_others
    assert not more.has_room
