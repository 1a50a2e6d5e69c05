"""What an optimiser is: how the weights of a network follow their gradients.

One class says all there is to say of it: its title, what it has to set, how a methods section
writes of it, and the `torch.optim.Optimizer` that it builds. Importing it needs no torch, so that
the analysis can ask for the words alone. The rules (``tests/contracts/test_optimizers.py``):

1. *A rate that is set is a rate that is taken.* Each step reads the learning rate in its
   parameter groups, where the schedule sets it; at a rate of 0 nothing moves.
2. *What has no gradient stays*, to the bit, its decay included: frozen layers have none.
3. *No chance.* It draws no random number; the same gradients give the same bits.
4. *A state is whole.* ``state_dict`` holds tensors and plain values only, and one that goes on
   from it takes the steps that it would have taken.
5. *Its settings are in its groups*, so that a fit that takes over another's state goes on by its
   own.
6. *A group's own rate and decay count*: parameters may come in groups, mappings as torch takes
   them, with a ``weight_decay`` or an ``lr`` that is not the recipe's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol

from foldgrid.specs.base import Spec
from foldgrid.specs.registry import Registry

DEFAULT_OPTIMIZER = "sgd"
"""What every fit was trained by before there was a choice."""


class SharedRates(Protocol):
    """What a recipe says to any optimiser; each takes what it knows of."""

    @property
    def momentum(self) -> float:
        """How much of the last step goes into the next, in [0, 1)."""
        ...

    @property
    def weight_decay(self) -> float:
        """How strongly weights are pulled to 0, at least 0."""
        ...


class Optimizer(ABC):
    """An optimiser by name, as a recipe asks for it; see the rules above.

    Attributes:
        title: What people call it, as a sentence begins.
        num_states: Numbers that it keeps for each weight, as momentum is one.
        settings: What it alone has to set, under ``optimizer_settings: {NAME: …}``: a frozen,
            strict model with a default for each key.

    Example:
        >>> OPTIMIZERS.named("sgd").title
        'Stochastic gradient descent'
    """

    title: ClassVar[str]
    num_states: ClassVar[int] = 1
    settings: ClassVar[type[Spec]] = Spec

    @abstractmethod
    def build(
        self, parameters: Iterable[Any], learning_rate: float, shared: SharedRates, own: Any
    ) -> Any:
        """The ``torch.optim.Optimizer`` that trains.

        Args:
            parameters: The network's, frozen ones among them; plain, or in groups with a
                ``weight_decay`` or an ``lr`` of their own.
            learning_rate: Where it starts; the phase's or the recipe's.
            shared: The recipe.
            own: Its ``settings``, as the recipe has them.
        """

    @abstractmethod
    def words(self, shared: SharedRates, own: Any) -> str:
        """How a methods section's sentence on training begins: its title and its settings.

        Args:
            shared: The recipe.
            own: Its ``settings``, as the recipe has them.
        """


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", Optimizer, home="foldgrid.optimizers")
"""All optimisers; a package adds one by an entry point of the group ``foldgrid.optimizers``."""
