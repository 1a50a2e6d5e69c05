"""How many GPUs torch can use here; torch is imported only where there may be one."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

DEVICES = Path("/dev")
_CARDS = ("nvidia*", "nvhost*", "nvgpu*", "nvmap", "dxg", "kfd")
"""What a kernel names cards by: NVIDIA's, Tegra's, Windows' below its Linux, AMD's."""


def num_gpus() -> int:
    """How many torch counts; asked of torch unless this machine certainly has none."""
    if "torch" not in sys.modules and has_none():
        return 0
    import torch

    return torch.cuda.device_count()


def has_none() -> bool:
    """Whether Linux has no card's device and no driver's library: then torch finds none either."""
    if sys.platform != "linux" or any(any(DEVICES.glob(name)) for name in _CARDS):
        return False
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return True
    return False
