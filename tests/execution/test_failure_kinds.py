"""What people and launches are told of an exception."""

from __future__ import annotations

import errno
import os

import pytest
import safetensors
import torch

from foldgrid.execution.job_runner import classify, is_disk_full
from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.failure import KIND_WORDS, Failure

CUDA = (
    # As torch writes it.
    "CUDA out of memory. Tried to allocate 392.00 MiB. GPU 0 has a total capacity of 139.80 GiB"
    " of which 12.00 MiB is free. If reserved but unallocated memory is large try setting "
    "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)


def test_a_card_that_is_full_says_what_to_do_and_keeps_the_rest_for_the_traceback() -> None:
    failure = classify(torch.OutOfMemoryError(CUDA))
    assert failure.kind == "out_of_memory"
    line = failure.message
    assert line.startswith("CUDA out of memory. Tried to allocate 392.00 MiB. Give each fit more")
    for key in ("resources.gpus_per_fit: 1", "resources.max_concurrent", "training.batch_size"):
        assert key in line
    assert "PYTORCH" not in line


def test_the_memory_of_this_machine_runs_out_like_a_card() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert classify(caught.value).kind == "out_of_memory"
    with pytest.raises(MemoryError) as no_list:
        bytearray(2**62)
    assert classify(no_list.value).kind == "out_of_memory"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(number: int) -> None:
    assert classify(OSError(number, os.strerror(number))).kind == "disk_full"
    assert classify(OSError(errno.EACCES, "Permission denied")).kind == "error"


def test_weights_that_do_not_fit_on_the_disk() -> None:
    # safetensors raises an error of its own, without a number.
    reported = "Error while serializing: I/O error: No space left on device (os error 28)"
    assert is_disk_full(safetensors.SafetensorError(reported))


def test_an_object_store_that_is_away() -> None:
    away = StorageAwayError(errno.EHOSTUNREACH, "no answer", "s3://bucket/runs")
    assert classify(away) == Failure(kind="storage_away", message="no answer")


def test_what_the_user_has_to_mend_is_reported_whole() -> None:
    assert classify(SweepError("two\nlines")) == Failure(kind="bad_input", message="two\nlines")


def test_any_other_error_is_named() -> None:
    failure = classify(ValueError("no such thing"))
    assert failure == Failure(kind="error", message="ValueError: no such thing")


def test_every_kind_has_words() -> None:
    assert {Failure(kind=kind, message="").words for kind in KIND_WORDS} == set(KIND_WORDS.values())
