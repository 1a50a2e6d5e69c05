"""Which parts of a network are trained: frozen layers, and how many parameters that leaves.

A phase of training may keep the first layers as they are. Frozen batch normalisation then predicts
with the statistics that it has, and they do not move; a backbone that is frozen as a whole
predicts, its dropout included. `train_mode` sees to that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from foldgrid.models.backbones import build_on_meta, head_parameters
from foldgrid.models.construction import follow
from foldgrid.models.headed import HeadedNetwork
from foldgrid.models.published import native_pixels
from foldgrid.models.stages import StagedNetwork
from foldgrid.models.tracing import ATTENTIONS, NORMS
from foldgrid.specs.counted import counted
from foldgrid.specs.heads import OwnHead

_LAYERS = (nn.Conv2d, nn.Linear, *ATTENTIONS)


@dataclass(frozen=True)
class WeightLayer:
    """A convolution, dense layer or attention, with what belongs to it.

    Attributes:
        name: The module's name.
        parameters: Its parameters, and those of the normalisation that follows it, by name.
            Parameters that no layer holds (a position embedding, a scale) are with the first layer
            of their module.
    """

    name: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class ParameterCounts:
    """How many numbers a network holds, and which of them training changes.

    Attributes:
        frozen: Parameters that keep their values.
        trained: Parameters that the optimiser changes.
        running_statistics: Means and variances of batch normalisation, of all layers. Keras counts
            them as non-trainable parameters, torch as buffers.
    """

    frozen: int
    trained: int
    running_statistics: int

    @property
    def keras_total(self) -> int:
        """What Keras prints as "Total params"."""
        return self.frozen + self.trained + self.running_statistics

    @property
    def keras_non_trainable(self) -> int:
        """What Keras prints as "Non-trainable params"."""
        return self.frozen + self.running_statistics


@lru_cache(maxsize=64)
def weight_layers(backbone: str) -> tuple[WeightLayer, ...]:
    """The layers of ``backbone`` that hold weights, in the order in which an image passes them.

    Heads that help in training only are not among them. MobileNetV2 has 53: 52 convolutions and
    the last layer.
    """
    network = build_on_meta(backbone, 1).eval()
    found: list[tuple[str, list[str]]] = []
    waiting: list[str] = []
    called = _called(network, native_pixels(backbone))
    for name, module in called:
        is_layer = isinstance(module, _LAYERS)
        own = [
            f"{name}.{key}".removeprefix(".") for key, _ in module.named_parameters("", is_layer)
        ]
        if is_layer:
            found.append((name, [*waiting, *own]))
            waiting = []
        elif isinstance(module, NORMS) and found:
            found[-1][1].extend(own)
        else:
            waiting += own
    found[-1][1].extend(waiting)
    _add_unentered(network, called, found)
    return tuple(WeightLayer(name, tuple(parameters)) for name, parameters in found)


def _add_unentered(
    network: nn.Module, called: list[tuple[str, nn.Module]], found: list[tuple[str, list[str]]]
) -> None:
    """Adds the parameters of modules that others use without entering them (BEiT's queries).

    They go to the first layer of the module around them. What is used by nothing that an image
    enters is an auxiliary head.
    """
    has = {name for _, names in found for name in names}
    entered = [name for name, _ in called if name]
    for name, _ in network.named_parameters():
        around = [each for each in entered if name.startswith(f"{each}.")]
        if name in has or not around:
            continue
        innermost = max(around, key=len)
        inside = [names for layer, names in found if layer.startswith(f"{innermost}.")]
        (inside or [found[0][1]])[0].append(name)


def _called(network: nn.Module, pixels: int) -> list[tuple[str, nn.Module]]:
    """The modules that one image enters, in order, each once; those inside attention left out."""
    entered: dict[str, nn.Module] = {}
    inside: set[nn.Module] = set()
    for name, module in network.named_modules():
        if module in inside:
            continue
        if isinstance(module, ATTENTIONS):
            inside.update(module.modules())

        def note(module: nn.Module, _inputs: object, name: str = name) -> None:
            entered.setdefault(name, module)

        module.register_forward_pre_hook(note)
    follow(network, pixels)
    return list(entered.items())


def freeze(network: nn.Module, backbone: str, frozen: int | str) -> None:
    """Says which parameters are trained from now on; what was frozen before may thaw.

    Args:
        network: Built by `build_network`, with or without heads at its stages or one of its own.
        backbone: Its name.
        frozen: ``nothing``; ``backbone``: all but the last layer and the auxiliary or stage heads;
            or how many of `weight_layers`, from the first on. Heads at stages and auxiliary heads
            are always trained.

    Raises:
        ValueError: No layer would be left to train, or the word is unknown.
    """
    prefix = "body." if isinstance(network, (StagedNetwork, HeadedNetwork)) else ""
    names = {prefix + name for name in _frozen_parameters(backbone, frozen)}
    if isinstance(network, HeadedNetwork) and frozen == "backbone":
        names = {f"body.{name}" for name, _ in network.body.named_parameters()}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in names)
        if name in names:
            # An optimiser would go on with the gradient of the last step.
            parameter.grad = None


def check_frozen(backbone: str, frozen: int | str) -> None:
    """Refuses what `freeze` would refuse, without a network.

    Raises:
        ValueError: No layer would be left to train, or the word is unknown.
    """
    _frozen_parameters(backbone, frozen)


def _frozen_parameters(backbone: str, frozen: int | str) -> set[str]:
    layers = weight_layers(backbone)
    if frozen == "nothing":
        return set()
    if frozen == "backbone":
        names = {name for layer in layers for name in layer.parameters}
        return names - set(head_parameters(backbone))
    if isinstance(frozen, str):
        raise ValueError(f'frozen: found "{frozen}". Give nothing, backbone, or a number of layers')
    if not 0 <= frozen < len(layers):
        raise ValueError(
            f"frozen: found {frozen}, and {backbone} has {counted(len(layers), 'layer')} with "
            f"weights. At "
            f"most {len(layers) - 1} can be frozen, so that one is left to train"
        )
    return {name for layer in layers[:frozen] for name in layer.parameters}


def train_mode(
    network: nn.Module, *, auxiliary_heads: bool = True, head: Collection[str] | None = None
) -> None:
    """``network.train()``, but frozen batch normalisation stays as in prediction.

    Args:
        network: Any network.
        auxiliary_heads: Whether GoogLeNet's and Inception v3's own heads are asked. They cannot
            take small pictures, and nobody needs outputs that weigh nothing.
        head: Where the whole backbone is frozen, the modules of the head: see `cut.Cut`. The
            backbone then predicts: its dropout and stochastic depth pass everything on.
    """
    network.train()
    if not auxiliary_heads and hasattr(network, "aux_logits"):
        # The network asks itself whether it trains; its layers go on training.
        network.training = False
    if head is not None:
        prefix = "body." if isinstance(network, StagedNetwork) else ""
        _predict_frozen(network, {network.get_submodule(prefix + name) for name in head})
    for layer in batch_norms(network, is_frozen=True):
        layer.eval()


def _predict_frozen(module: nn.Module, head: Collection[nn.Module]) -> None:
    """Prediction mode for what is below ``module``, but not for the head and what is trained."""
    for child in module.children():
        trained = [parameter.requires_grad for parameter in child.parameters()]
        if child in head or (trained and all(trained)):
            continue
        if any(trained) or any(each in head for each in child.modules()):
            _predict_frozen(child, head)
        else:
            child.eval()


def batch_norms(network: nn.Module, *, is_frozen: bool) -> list[_BatchNorm]:
    """The layers of batch normalisation that are, or are not, frozen."""
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return [
        layer
        for layer in layers
        if is_frozen == any(not each.requires_grad for each in layer.parameters())
    ]


def parameter_counts(network: nn.Module) -> ParameterCounts:
    """How many parameters are frozen and trained as the network now is."""
    sizes = {True: 0, False: 0}
    for parameter in network.parameters():
        sizes[parameter.requires_grad] += parameter.numel()
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    statistics = [
        each for norm in norms for each in (norm.running_mean, norm.running_var) if each is not None
    ]
    return ParameterCounts(sizes[False], sizes[True], sum(each.numel() for each in statistics))


@lru_cache(maxsize=64)
def frozen_counts(
    backbone: str, num_outputs: int, pixels: int, own_head: OwnHead | None
) -> ParameterCounts:
    """The `parameter_counts` of a network whose backbone is frozen, found without numbers."""
    network = build_on_meta(backbone, num_outputs, pixels=pixels, own_head=own_head)
    freeze(network, backbone, "backbone")
    return parameter_counts(network)
