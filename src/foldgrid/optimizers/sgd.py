"""Stochastic gradient descent with momentum, as torch has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foldgrid.specs.base import Spec
from foldgrid.specs.optimizers import Optimizer, SharedRates


class Sgd(Optimizer):
    """Momentum (Sutskever and others 2013) and an L2 penalty; see ``Optimizer``."""

    title = "Stochastic gradient descent"

    def build(
        self,
        parameters: Iterable[Any],
        learning_rate: float,
        shared: SharedRates,
        own: Spec,
    ) -> Any:
        """See ``Optimizer``."""
        import torch

        return torch.optim.SGD(
            parameters,
            lr=learning_rate,
            momentum=shared.momentum,
            weight_decay=shared.weight_decay,
        )

    def words(self, shared: SharedRates, own: Spec) -> str:
        """See ``Optimizer``."""
        return (
            f"{self.title} with momentum {shared.momentum:g}, weight decay {shared.weight_decay:g}"
        )
