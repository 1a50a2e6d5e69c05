"""The fixtures of the training room's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from foldgrid.training import TrainingData
from tests.training.tiny_study import make_data


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    """A fit sets torch's global switches; the next test shall not inherit them."""
    threads = torch.get_num_threads()
    is_deterministic = torch.are_deterministic_algorithms_enabled()
    warns_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng(devices=[]):
        yield
    torch.use_deterministic_algorithms(is_deterministic, warn_only=warns_only)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data() -> TrainingData:
    return make_data()
