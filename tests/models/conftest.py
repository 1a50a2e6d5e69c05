from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

BLOCK = 99_991
"""A prime, so that no two rows of a layer are alike."""


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where torch's hub keeps weights."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def _initialised_quickly() -> Iterator[None]:
    """First weights repeat: to draw those of large networks takes longer than their tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("uniform_", "normal_"):
            patch.setattr(Tensor, name, _repeated(getattr(Tensor, name)))
        yield


def _repeated(fill: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An initialiser that draws at most ``BLOCK`` numbers, again and again the same."""

    @wraps(fill)
    def filled(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if tensor.is_meta or tensor.numel() <= BLOCK or not tensor.is_contiguous():
            return fill(tensor, *args, **kwargs)
        drawn = fill(torch.empty(BLOCK, dtype=tensor.dtype), *args, **kwargs)
        with torch.no_grad():
            flat, times = tensor.view(-1), tensor.numel() // BLOCK
            flat[: times * BLOCK].view(times, BLOCK).copy_(drawn)
            flat[times * BLOCK :].copy_(drawn[: tensor.numel() - times * BLOCK])
        return tensor

    return filled
