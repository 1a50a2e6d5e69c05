"""What people read when a task failed."""

from __future__ import annotations

import torch

from foldgrid.tuning.work import describe_failure


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_card_that_is_full_says_what_to_do_and_keeps_the_rest_for_the_traceback() -> None:
    # As torch writes it.
    told = (
        "CUDA out of memory. Tried to allocate 392.00 MiB. GPU 0 has a total capacity of 139.80 GiB"
        " of which 12.00 MiB is free. If reserved but unallocated memory is large try setting "
        "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
    )
    line, text = describe_failure(raised(torch.OutOfMemoryError(told)))
    assert line.startswith("CUDA out of memory. Tried to allocate 392.00 MiB. Give each fit more")
    for key in ("resources.gpus_per_fit: 1", "resources.max_concurrent", "training.batch_size"):
        assert key in line
    assert "PYTORCH" not in line
    assert told in text
    assert "Traceback" in text


def test_any_other_error_is_named() -> None:
    line, text = describe_failure(raised(ValueError("no such thing")))
    assert line == "ValueError: no such thing"
    assert text.endswith("ValueError: no such thing\n")
