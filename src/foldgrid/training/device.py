"""The device, its precision, its determinism: global torch state, set anew for every fit."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Iterator
from typing import Literal

import torch
import torch.utils.deterministic
from torch import Tensor

Precision = Literal["float32", "bfloat16", "float16"]


def prepare_torch(num_threads: int, seed: int) -> None:
    """Sets everything global that decides a fit's bits.

    A worker that trained another fit before must start like a fresh one.

    Args:
        num_threads: Threads of this process's operators; the sum over concurrent fits must not
            exceed the cores, else they fight.
        seed: Of torch's global generators (initialisation, dropout).
    """
    # cuBLAS reads this when it is first used; without it its results vary between runs.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else torch also writes NaN into every tensor before an operator fills it: a help to find
    # operators that read what nobody wrote, and a kernel for each tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(seed)


def choose_device() -> torch.device:
    """The GPU that this process sees, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(
    device: torch.device, wanted: Literal["auto", "float32", "bfloat16"]
) -> Precision:
    """The precision of the network's products.

    ``auto`` is mixed precision on CUDA, bfloat16 where the card computes it natively (compute
    capability 8 and up) and float16 with loss scaling elsewhere; float32 without CUDA.
    """
    if wanted != "auto":
        return wanted
    if device.type != "cuda":
        return "float32"
    return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float16"


@contextlib.contextmanager
def autocast(device: torch.device, precision: Precision) -> Iterator[None]:
    """Mixed precision inside; nothing for float32."""
    if precision == "float32":
        yield
        return
    with torch.autocast(device.type, dtype=getattr(torch, precision)):
        yield


def start_on_card(device: torch.device) -> None:
    """Gives back what the last fit of this process held of a card, and counts the peak anew.

    Other processes may share the card, and torch keeps what was freed for itself.
    """
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A small CPU tensor on ``device``; nobody waits for what the card still has to compute.

    An ordinary copy to a card first waits until the card is idle, and then the card waits for the
    next operator: with several copies a step it never has work in advance.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def describe_device(device: torch.device) -> str:
    """The device in words: ``cpu``, or the card's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_gib(device: torch.device) -> float:
    """Peak device memory on CUDA; else the peak resident memory of the process, in GiB.

    On a CPU the value is an upper bound: a worker that trained several fits reports its largest.
    """
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**30
    # Linux counts in KiB, macOS in bytes.
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**30
