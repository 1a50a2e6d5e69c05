"""torch's global random numbers, which dropout draws from, for several fits in one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass
class RandomState:
    """A place in torch's global sequences; inside a ``with`` block they go on from there.

    Attributes:
        device: The device whose sequence is meant, besides the CPU's.
        cpu: The CPU's state.
        cuda: The device's state; nothing on a CPU.
    """

    device: torch.device
    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> RandomState:
        """Where the sequences stand."""
        on_cuda = device.type == "cuda"
        cuda = torch.cuda.get_rng_state(device) if on_cuda else None
        return cls(device, torch.get_rng_state(), cuda)

    def __enter__(self) -> Self:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, self.device)
        return self

    def __exit__(self, *exception: object) -> None:
        later = RandomState.now(self.device)
        self.cpu, self.cuda = later.cpu, later.cuda
