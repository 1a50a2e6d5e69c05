"""The adaptive optimisers of torch and timm, under timm's names and with its defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, ClassVar

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.errors import SweepError
from foldgrid.specs.optimizers import Optimizer, SharedRates


class Betas(Spec):
    """Of Adam and its like.

    Attributes:
        beta1: How much of the mean of the gradients stays in a step, in [0, 1).
        beta2: How much of the mean of their squares stays, in [0, 1).
        epsilon: What is added to the root of that mean before it divides.
    """

    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)


class Adam(Optimizer):
    """Mean gradient over the root of the mean square, with an L2 penalty (Kingma and Ba 2015).

    The others say where they differ.

    Attributes:
        source: Who published it, and when.
        module: Where it is built; torch's own where there is one.
        class_name: What it is called there.
        options: With what it is built, beside its settings.
        remark: What a methods section says of ``options``.
    """

    title = "Adam"
    num_states = 2
    settings: ClassVar[type[Spec]] = Betas
    source: ClassVar[str] = "Kingma and Ba 2015"
    module: ClassVar[str] = "torch.optim"
    class_name: ClassVar[str] = "Adam"
    options: ClassVar[Mapping[str, Any]] = {}
    remark: ClassVar[str] = ""

    def build(
        self, parameters: Iterable[Any], learning_rate: float, shared: SharedRates, own: Any
    ) -> Any:
        """See ``Optimizer``."""
        return getattr(self._library(), self.class_name)(
            parameters,
            lr=learning_rate,
            weight_decay=shared.weight_decay,
            **self.arguments(shared, own),
            **self.options,
        )

    def arguments(self, shared: SharedRates, own: Any) -> dict[str, Any]:
        """The settings under their names in the library."""
        del shared
        return {"betas": (own.beta1, own.beta2), "eps": own.epsilon}

    def _library(self) -> Any:
        try:
            return import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name != "timm":
                raise
            raise SweepError(
                f"training.optimizer: {self.title} needs timm, which is not installed here.\n"
                "`python -m pip install -r requirements.txt` brings it; sgd, adam and adamw do "
                "without."
            ) from error

    def words(self, shared: SharedRates, own: Any) -> str:
        """See ``Optimizer``."""
        return (
            f"{self.title} ({self.source}) with {self.setting_words(shared, own)}{self.remark}, "
            f"weight decay {shared.weight_decay:g}"
        )

    def setting_words(self, shared: SharedRates, own: Any) -> str:
        """Its settings, a part of a sentence."""
        del shared
        return f"betas of {own.beta1:g} and {own.beta2:g}, epsilon {own.epsilon:g}"


class AdamW(Adam):
    """Adam whose weight decay is not a part of the gradient (Loshchilov and Hutter 2019)."""

    title = "AdamW"
    source = "Loshchilov and Hutter 2019"
    class_name = "AdamW"


class NAdamW(AdamW):
    """AdamW with Nesterov's momentum (Dozat 2016)."""

    title = "NAdamW"
    source = "Dozat 2016"
    module = "timm.optim"
    class_name = "NAdamW"


class AdoptW(AdamW):
    """AdamW that divides by the squares before the present one (Taniguchi and others 2024)."""

    class settings(Betas):  # noqa: N801 - as the attribute is called
        """timm's defaults."""

        beta2: float = Field(default=0.9999, ge=0, lt=1)
        epsilon: float = Field(default=1e-6, gt=0)

    title = "ADOPT"
    source = "Taniguchi and others 2024"
    module = "timm.optim"
    class_name = "Adopt"
    options: ClassVar[Mapping[str, Any]] = {"decoupled": True}
    remark = ", weight decay apart from the gradient"


class Lamb(Adam):
    """Adam whose step is scaled by each layer's norm (You and others 2020)."""

    class settings(Betas):  # noqa: N801 - as the attribute is called
        """timm's defaults."""

        epsilon: float = Field(default=1e-6, gt=0)

    title = "LAMB"
    source = "You and others 2020"
    module = "timm.optim"
    class_name = "Lamb"
    remark = ", the gradient's norm clipped at 1"


class Lion(Adam):
    """Steps by the sign of a momentum (Chen and others 2023)."""

    class settings(Spec):  # noqa: N801 - as the attribute is called
        """Of Lion.

        Attributes:
            beta1: How much of the momentum is in the direction of a step, in [0, 1).
            beta2: How much of the momentum stays after it, in [0, 1).
        """

        beta1: float = Field(default=0.9, ge=0, lt=1)
        beta2: float = Field(default=0.99, ge=0, lt=1)

    title = "Lion"
    num_states = 1
    source = "Chen and others 2023"
    module = "timm.optim"
    class_name = "Lion"

    def arguments(self, shared: SharedRates, own: Any) -> dict[str, Any]:
        """See ``Adam``."""
        del shared
        return {"betas": (own.beta1, own.beta2)}

    def setting_words(self, shared: SharedRates, own: Any) -> str:
        """See ``Adam``."""
        del shared
        return f"betas of {own.beta1:g} and {own.beta2:g}"
