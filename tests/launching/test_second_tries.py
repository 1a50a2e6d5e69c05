"""Which failed fits are tried again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.inline import InlineExecutor
from foldgrid.execution.memory import (
    MemoryNote,
    note_memory,
    read_memory,
    with_known_fraction,
    with_known_size,
)
from foldgrid.launching.session import SecondTries, train_all
from foldgrid.records import RunStore
from foldgrid.specs.failure import SHARED_BY_ALL, Failure
from tests.execution.small_grid import Recorder, fit_job, ids, random_study
from tests.small_memory import fits_in_small_memory

AN_ERROR = Failure(kind="error", message="OSError: stale file handle")
NO_MEMORY = Failure(kind="out_of_memory", message="CUDA out of memory.")


@pytest.fixture
def tries(tmp_path: Path) -> SecondTries:
    return SecondTries(Recorder(), RunStore(str(tmp_path)).root)


def fold(number: int, backbone: str = "squeezenet1_1", gpus: float = 0.0) -> FitJob:
    return replace(fit_job(backbone, number), gpus=gpus)


def test_an_error_is_tried_once_more(tries: SecondTries) -> None:
    tries.failed(fold(0), AN_ERROR)
    assert tries.take() == [fold(0)]
    assert tries.take() == [], "given out once"
    tries.failed(fold(0), AN_ERROR)
    assert tries.take() == [], "the same error a second time"


def test_the_same_error_in_two_folds_is_the_backbones(tries: SecondTries) -> None:
    tries.failed(fold(0), AN_ERROR)
    tries.failed(fold(0, "alexnet"), AN_ERROR)
    tries.failed(fold(1), AN_ERROR)
    assert tries.take() == [fold(0, "alexnet")]


def test_another_error_is_another_matter(tries: SecondTries) -> None:
    tries.failed(fold(0), AN_ERROR)
    tries.failed(fold(1), Failure(kind="error", message="ValueError: other"))
    assert tries.take() == [fold(0), fold(1)]


@pytest.mark.parametrize("kind", ["lost_worker", *SHARED_BY_ALL])
def test_what_trying_again_does_not_mend(tries: SecondTries, kind: str) -> None:
    tries.failed(fold(0), Failure.model_validate({"kind": kind, "message": ""}))
    assert tries.take() == []


def test_a_fit_too_large_for_its_fraction_is_given_more_of_the_card(tries: SecondTries) -> None:
    job, fractions = fold(0, gpus=1 / 4), []
    for _ in range(5):
        tries.failed(job, NO_MEMORY)
        for job in tries.take():
            fractions.append(job.gpus)
    assert fractions == [1 / 2, 1.0]


def test_what_no_part_of_a_batch_fitted_into_trains_with_half_a_card(tmp_path: Path) -> None:
    store, recorder = RunStore(str(tmp_path)), Recorder()
    jobs = [fold(0, gpus=1 / 4), fold(1, gpus=1 / 4)]
    with fits_in_small_memory(random_study(), store, num_samples=1, enough_gpus=1 / 2) as trainer:
        train_all(InlineExecutor(), trainer, jobs[:1], recorder)
        reported = recorder.failures[jobs[0].config.fit_id]
        assert (reported.kind, reported.is_tried_again) == ("out_of_memory", True)
        train_all(InlineExecutor(), trainer, jobs[1:], recorder)
    assert recorder.of("finished") == ids(jobs)
    assert recorder.of("failed") == ids(jobs[:1]), "the next fit begins with what helped"
    assert [store.read_fit(name).micro_batch_size for name in ids(jobs)] == [None, None]


def test_without_a_card_there_is_no_more_of_it(tries: SecondTries) -> None:
    tries.failed(fold(0), NO_MEMORY)
    assert tries.take() == []


def test_listeners_know_what_is_tried_again(tmp_path: Path) -> None:
    recorder = Recorder()
    tries = SecondTries(recorder, RunStore(str(tmp_path)).root)
    tries.failed(fold(0), AN_ERROR)
    assert recorder.failures[fold(0).config.fit_id].is_tried_again
    tries.failed(fold(0), AN_ERROR)
    assert not recorder.failures[fold(0).config.fit_id].is_tried_again


def test_what_is_known_to_be_too_small_is_not_tried_first(tmp_path: Path) -> None:
    root = RunStore(str(tmp_path)).root
    for gpus in (1 / 8, 1 / 4):
        note = MemoryNote(device="a card", gpus=gpus, micro_batch_size=None)
        note_memory(root, "squeezenet1_1", note)
    assert with_known_fraction(fold(0, gpus=1 / 8), root).gpus == 1 / 2
    assert with_known_fraction(fold(0, gpus=1 / 2), root).gpus == 1 / 2
    assert with_known_fraction(fold(0, "alexnet", gpus=1 / 8), root).gpus == 1 / 8


def test_what_fitted_before_is_taken_at_once_on_such_a_device_only(tmp_path: Path) -> None:
    root = RunStore(str(tmp_path)).root
    note_memory(root, "squeezenet1_1", MemoryNote(device="cpu", gpus=0.0, micro_batch_size=4))
    note_memory(root, "squeezenet1_1", MemoryNote(device="cpu", gpus=0.0, micro_batch_size=2))
    note_memory(root, "squeezenet1_1", MemoryNote(device="a card", gpus=0.5, micro_batch_size=6))
    assert len(read_memory(root, "squeezenet1_1").notes) == 2, "the later note counts"
    assert with_known_size(fold(1), root).micro_batch_size == 2
    assert with_known_size(fold(1, "alexnet"), root).micro_batch_size is None
    said = replace(fold(1), micro_batch_size=3)
    assert with_known_size(said, root) == said


def test_corrupt_notes_cost_nothing_but_their_content(tmp_path: Path) -> None:
    root = RunStore(str(tmp_path)).root
    root.write_bytes("memory/squeezenet1_1.json", b'{"notes": [')
    assert with_known_size(fold(0), root) == fold(0)
