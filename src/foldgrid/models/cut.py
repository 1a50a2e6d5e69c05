"""Where a frozen backbone ends and its head begins: features on one side, outputs on the other.

Shape letters: B batch, C channels, D features, H and W pixels, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from foldgrid.models.published import native_pixels
from foldgrid.models.sources import fact_of_network, source_of

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Cut:
    """A network's head, by the names of its modules.

    Attributes:
        last: The last layer; "" where the network cannot be cut.
        dropouts: The dropout right before it, which belongs to the head and stays active in
            training; the names of several in their order.
        num_features: D, what the last layer takes.
        has_auxiliary_heads: Whether the network has further heads, by its authors, that take what
            layers before the last ones give.
        problem: Why the network cannot be cut; "" where it can.
    """

    last: str = ""
    dropouts: tuple[str, ...] = ()
    num_features: int = 0
    has_auxiliary_heads: bool = False
    problem: str = ""

    @property
    def head(self) -> tuple[str, ...]:
        """The modules of the head, in their order."""
        return (*self.dropouts, self.last) if self.last else self.dropouts


@fact_of_network
def cut_of(backbone: str) -> Cut:
    """Where ``backbone`` is cut: its head is a dense layer, with the dropout right before it.

    One picture is followed on the meta device. A network is cut where one last layer takes one
    vector a picture, nothing follows it, and no other parameter depends on the number of outputs,
    but those of auxiliary heads. Then ``last(features)`` is by construction what the network
    predicts. SqueezeNet ends in a convolution, DeiT's distilled networks and CrossViT in two
    layers: they are not cut.

    Example:
        >>> cut = cut_of("mobilenet_v2")
        >>> cut.head, cut.num_features
        (('classifier.0', 'classifier.1'), 1280)
    """
    # Imported here: where a network is cut that is known already needs no torch.
    from torch.nn.modules.dropout import _DropoutNd

    from foldgrid.models.backbones import build_on_meta
    from foldgrid.models.construction import follow
    from foldgrid.models.hidden import head_layers

    network = build_on_meta(backbone, 2).eval()
    names = {module: name for name, module in network.named_modules()}
    called: list[tuple[nn.Module, Tensor]] = []
    dropped: list[tuple[nn.Module, Tensor]] = []
    ends: list[object] = []

    def note_layer(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        called.append((module, inputs[0]))
        ends.append(output)

    def note_dropout(module: nn.Module, _inputs: object, output: Tensor) -> None:
        dropped.append((module, output))

    candidates = {layer for head in head_layers(network) for layer in head}
    for module in names:
        if module in candidates:
            module.register_forward_hook(note_layer)
        elif isinstance(module, _DropoutNd):
            module.register_forward_hook(note_dropout)
    outputs: list[object] = []
    network.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    follow(network, native_pixels(backbone))
    last, taken = called[-1]
    own = tuple(names[module] for module, output in dropped if _is_same(output, taken))
    problem = _problem(network, backbone, names[last], last, taken)
    if not problem and (len(head_layers(network)) > 1 or ends[-1] is not outputs[0]):
        problem = "its outputs are not those of one last layer"
    auxiliary = source_of(backbone).has_auxiliary_heads(backbone)
    if problem:
        return Cut(dropouts=own, has_auxiliary_heads=auxiliary, problem=problem)
    return Cut(names[last], own, int(taken.shape[1]), auxiliary)


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same numbers: in prediction a dropout gives on what it takes."""
    in_one_place = one.untyped_storage()._cdata == other.untyped_storage()._cdata
    return in_one_place and one.numel() == other.numel()


def _problem(network: nn.Module, backbone: str, name: str, last: nn.Module, taken: Tensor) -> str:
    from torch import nn
    from torch.nn.modules.dropout import _DropoutNd

    from foldgrid.models.backbones import head_parameters

    if not isinstance(last, nn.Linear):
        return "it ends in a convolution"
    if taken.dim() != 2:
        return "its last layer takes more than one vector a picture"
    entered = {f"{name}.{key}" for key, _ in last.named_parameters()}
    others = set(head_parameters(backbone)) - entered
    if source_of(backbone).has_auxiliary_heads(backbone):
        # Where they weigh anything nothing is cut.
        others = {key for key in others if not key.lower().startswith("aux")}
    if others:
        return "more than its last layer depends on the number of outputs"
    if getattr(network, "drop_rate", 0) and not any(
        isinstance(module, _DropoutNd) for module in network.modules()
    ):
        return "its dropout is no module"
    return ""


class Backbone(Protocol):
    """What features come from: a ``CutNetwork``, or a network with a head of its own."""

    @property
    def head(self) -> nn.Module:
        """What makes outputs of features, (B, D) to (B, K)."""
        ...

    def features(self, images_BCHW: Tensor, /) -> Tensor:
        """What the head takes, (B, D)."""
        ...


class CutNetwork:
    """A network as features and a head, which have its own parameters.

    Args:
        network: Built by `build_network`; it is left as it is, and goes on as a whole.
        cut: Where; see `cut_of`.

    Attributes:
        network: The whole.
        head: Dropout, where there is one, and the last layer: the network's own modules.
    """

    def __init__(self, network: nn.Module, cut: Cut) -> None:
        from torch import nn

        self.network = network
        self._last = network.get_submodule(cut.last)
        self.head = nn.Sequential(*(network.get_submodule(name) for name in cut.head))

    def features(self, images_BCHW: Tensor) -> Tensor:
        """What the head takes, (B, D); the network is in prediction mode."""
        taken: list[Tensor] = []
        handle = self._last.register_forward_pre_hook(
            lambda _module, inputs: taken.append(inputs[0])
        )
        try:
            self.network(images_BCHW)
        finally:
            handle.remove()
        return taken[-1]


def as_backbone(network: nn.Module, backbone: str) -> Backbone:
    """A network as features and a head, its own modules.

    Args:
        network: One with a head of its own, or one that can be cut.
        backbone: Its name.
    """
    from foldgrid.models.headed import HeadedNetwork

    return network if isinstance(network, HeadedNetwork) else CutNetwork(network, cut_of(backbone))


def put_head(network: nn.Module, backbone: str, head: nn.Module) -> None:
    """Puts a head into the place of a network's own; see ``CutNetwork.head``.

    Args:
        network: One with a head of its own, or one that can be cut.
        backbone: Its name.
        head: Of another network of this kind.
    """
    from foldgrid.models.headed import HeadedNetwork

    if isinstance(network, HeadedNetwork):
        network.head = head
        return
    for name, layer in zip(cut_of(backbone).head, head.children(), strict=True):
        network.set_submodule(name, layer)
