"""Attention over the photographs of one evaluation unit: their features in, one vector out.

Shape letters: B bags, P photographs of the largest, D features, H units.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_UNITS = 128
"""H, as in the published networks."""


class Bags(NamedTuple):
    """Bags of photographs, as multiple instance learning calls what has one truth together.

    Attributes:
        features_BPD: Those of each photograph; any number where there is none.
        is_there_BP: Whether there is one; at least one a bag.
    """

    features_BPD: Tensor
    is_there_BP: Tensor


class GatedAttention(nn.Module):
    """Gated attention pooling: a weighted mean of photographs' features, the weights learned.

    A photograph's weight is the softmax over its bag of ``w (tanh(V x) * sigmoid(U x))``. Other
    than published, x is standardised over its features before it is weighed (not where it is
    averaged), because frozen features of some networks are in the hundreds and tanh would be at its
    ends; and w begins at 0, so that training begins with the plain mean. The order of a bag's
    photographs does not matter. Source: Ilse, Tomczak and Welling 2018, arXiv:1802.04712, eq. 9.

    Args:
        num_features: D.

    Example:
        >>> import torch
        >>> pool = GatedAttention(3)
        >>> bags = Bags(torch.tensor([[[0.0, 0, 0], [2, 4, 6]]]), torch.tensor([[True, True]]))
        >>> pool(bags).tolist()
        [[1.0, 2.0, 3.0]]
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.content = nn.Linear(num_features, NUM_UNITS)
        self.gate = nn.Linear(num_features, NUM_UNITS)
        self.score = nn.Linear(NUM_UNITS, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def weights(self, bags: Bags) -> Tensor:
        """(B, P) How much each photograph counts: a sum of 1 a bag, 0 where there is none."""
        features_BPD = F.layer_norm(bags.features_BPD, bags.features_BPD.shape[-1:])
        content_BPH = torch.tanh(self.content(features_BPD))
        gate_BPH = torch.sigmoid(self.gate(features_BPD))
        scores_BP: Tensor = self.score(content_BPH * gate_BPH)[..., 0].float()
        return scores_BP.masked_fill(~bags.is_there_BP, -torch.inf).softmax(dim=1)

    def forward(self, given: Bags | Tensor) -> Tensor:
        """Bags, or (B, D) photographs that are each a bag of one, to (B, D)."""
        if isinstance(given, Tensor):
            given = Bags(given[:, None], torch.ones_like(given[:, :1], dtype=torch.bool))
        weights_BP1 = self.weights(given)[..., None]
        return (weights_BP1 * given.features_BPD).sum(dim=1)


def attention_of(head: nn.Module) -> GatedAttention | None:
    """What pools several photographs before a head decides; nothing where each has one vector."""
    first = next(head.children(), None)
    return first if isinstance(first, GatedAttention) else None
