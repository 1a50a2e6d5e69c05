"""The sweep that the chaos tests launch: small enough to be launched a hundred times."""

from __future__ import annotations

from tests.launching.tiny_sweep import TINY

ONE_BACKBONE = TINY.replace("  - squeezenet1_1\n", "").replace("max_epochs: 2", "max_epochs: 3")
"""Two fits of three epochs."""


def two_backbones(max_epochs: int, num_batches: int = 4) -> str:
    """Four fits, long enough to be found training."""
    training = f"training:\n  early_stopping: {{patience: {max_epochs}}}"
    sweep = TINY.replace("max_epochs: 2", f"max_epochs: {max_epochs}")
    sweep = sweep.replace("max_batches_per_epoch: 2", f"max_batches_per_epoch: {num_batches}")
    return sweep.replace("training:", training)
