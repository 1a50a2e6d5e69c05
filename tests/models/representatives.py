"""Networks of eight kinds, which stand for all others in ``make test``.

What a law costs on a hundred networks buys nothing on each commit; ``make test-all`` asks them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

REPRESENTATIVES = (
    "alexnet",  # Nearly all weights in dense layers, pooling to several cells, dropout.
    "densenet121",  # Maps concatenated, and norms before the layers that they serve.
    "googlenet",  # Auxiliary heads, parallel branches.
    "mobilenet_v3_small",  # Depthwise convolutions, squeeze and excitation.
    "resnet18",  # Maps added.
    "shufflenet_v2_x0_5",  # Channels split, shuffled and joined.
    "squeezenet1_1",  # A convolution as last layer.
    "vit_b_32",  # Attention.
)
"""The cheapest network of its kind each."""


def networks(names: Iterable[str], *values: Any, also: Iterable[str] = ()) -> list[Any]:
    """A parameter for each name; ``make test`` takes the representatives alone.

    Args:
        names: Of networks.
        values: Further parameters that follow each name.
        also: Names that ``make test`` takes too.
    """
    taken = {*REPRESENTATIVES, *also}
    return [
        pytest.param(name, *values, marks=() if name in taken else pytest.mark.exhaustive)
        for name in names
    ]
