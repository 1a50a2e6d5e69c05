"""A network with a head of its own in the place of its last layer: features first, then the head.

The body is the network without its last layer, and, where features are pooled from its last map or
tokens, without the layers behind these. Shape letters: B batch, C channels, D features, H and W
pixels, K outputs, P tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foldgrid.models.attention import GatedAttention
from foldgrid.models.construction import construct_on_meta, follow
from foldgrid.models.hidden import head_layers, inputs_of, pooled
from foldgrid.models.published import native_pixels
from foldgrid.models.sources import fact_of_network
from foldgrid.specs.heads import ATTENTION, OwnHead, Pooling, TrainedHead, pooling_of_each


@dataclass(frozen=True)
class LastMap:
    """Where features are pooled from, and what of the network nobody needs then.

    Attributes:
        module: The module that yields the last map or tokens; "" where ``forward_features`` does.
        unused: The modules with weights behind it.
        activations: What the network itself applies to it before it pools, not by a module: names
            in ``torch.nn.functional``. torchvision's DenseNets have ``relu``.
    """

    module: str = ""
    unused: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()


class HeadedNetwork(nn.Module):
    """``head(features(images))``.

    Its parameters are ``body.`` and the network's own names, and ``head.`` and the head's. While
    the whole body is frozen it stays in prediction mode (`models.train_mode`).

    Args:
        body: The network without its last layer.
        pooling: How features come from it, each picture's.
        head: From (B, D) to (B, K); one that begins with ``GatedAttention`` also takes the
            features of several photographs.
        last_map: Where the last map or tokens are.
    """

    def __init__(
        self, body: nn.Module, pooling: Pooling, head: nn.Module, last_map: LastMap
    ) -> None:
        super().__init__()
        self.body, self.head = body, head
        self._pooling, self._last_map = pooling, last_map

    def features(self, images_BCHW: Tensor) -> Tensor:
        """(B, D) What the head sees."""
        if self._pooling == "network":
            hidden: Tensor = self.body(images_BCHW)
            return pooled(hidden)
        last = _last_of(self.body, self._last_map, images_BCHW)
        if self._pooling == "class_token":
            return last[:, 0]
        cells_BPC = _cells(self.body, last)
        mean_BC = cells_BPC.mean(dim=1)
        if self._pooling == "mean":
            return mean_BC
        return torch.cat([mean_BC, cells_BPC.amax(dim=1)], dim=1)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """(B, K) Outputs."""
        outputs_BK: Tensor = self.head(self.features(images_BCHW))
        return outputs_BK

    @property
    def last_layer(self) -> nn.Linear:
        """The layer that makes the outputs."""
        return last_linear(self.head)


def with_own_head(network: nn.Module, name: str, own: OwnHead, num_outputs: int) -> HeadedNetwork:
    """A network's own last layer replaced by a head, freshly initialised.

    Args:
        network: Built by `construct`; it is not to be used by itself any more.
        name: Its name.
        own: Which head, on which features.
        num_outputs: K.

    Raises:
        ValueError: It has no such features; says which it has.
    """
    pooling = pooling_of_each(own.pooling)
    last_map = _strip(network, name, pooling)
    with next(network.parameters()).device:
        layers = build_head(name, own, num_outputs)
    return HeadedNetwork(network, pooling, layers, last_map)


def build_head(name: str, own: OwnHead, num_outputs: int) -> nn.Module:
    """A head for a network's features, freshly initialised; see `with_own_head`."""
    num_features = feature_width(name, pooling_of_each(own.pooling))
    layers = _layers_of(own, num_features, num_outputs)
    if own.pooling == ATTENTION:
        return nn.Sequential(GatedAttention(num_features), layers)
    return layers


def _layers_of(own: OwnHead, num_features: int, num_outputs: int) -> nn.Module:
    head = own.head
    if isinstance(head, TrainedHead):
        built: nn.Module = head.build(num_features, num_outputs, own.own)
        return built
    return SolvedLayer(num_features, num_outputs)


def last_linear(head: nn.Module) -> nn.Linear:
    """The layer that makes the outputs."""
    return [each for each in head.modules() if isinstance(each, nn.Linear)][-1]


def head_on_features(own: OwnHead, num_features: int, num_outputs: int) -> HeadedNetwork:
    """A head, freshly initialised, that takes features which were made elsewhere: (B, D) to (B, K).

    A head that is trained sees them in units that `Standardise` holds and that training sets; one
    that is solved has them in its weights.

    Args:
        own: Which head.
        num_features: D.
        num_outputs: K.
    """
    layers = _layers_of(own, num_features, num_outputs)
    if not own.head.is_solved:
        layers = nn.Sequential(Standardise(num_features), layers)
    return HeadedNetwork(nn.Identity(), "network", layers, LastMap())


class Standardise(nn.Module):
    """Features less a mean and over a unit, which are kept with the weights and never trained."""

    mean: Tensor
    inverse: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("inverse", torch.ones(num_features))

    def set(self, mean_D: Tensor, unit_D: Tensor) -> None:
        """Says what training samples have; a unit is above 0, and infinite leaves a column out."""
        self.mean.copy_(mean_D)
        self.inverse.copy_(1 / unit_D)

    def forward(self, features_BD: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        return (features_BD - self.mean) * self.inverse


@fact_of_network
def feature_width(name: str, pooling: Pooling) -> int:
    """D, the features that a head sees.

    Args:
        name: A known name.
        pooling: How they are pooled.

    Raises:
        ValueError: It has no such features; says which it has.
    """
    body = construct_on_meta(name, 2).eval()
    last_map = _strip(body, name, pooling)
    found: list[int] = []
    follow(HeadedNetwork(body, pooling, _Width(found), last_map).eval(), native_pixels(name))
    return found[0]


class SolvedLayer(nn.Linear):
    """A linear layer that is computed in float64, whatever the precision around it.

    Its weights are the solution of a problem, not what training found to work in fewer digits.
    """

    def forward(self, features_BD: Tensor) -> Tensor:
        """(B, D) to (B, K), float32."""
        weight_KD, bias_K = self.weight.double(), self.bias.double()
        return F.linear(features_BD.double(), weight_KD, bias_K).float()


class _Width(nn.Module):
    """A head that notes how many features it is given."""

    def __init__(self, found: list[int]) -> None:
        super().__init__()
        self._found = found

    def forward(self, features_BD: Tensor) -> Tensor:
        self._found.append(features_BD.shape[1])
        return features_BD


def _strip(network: nn.Module, name: str, pooling: Pooling) -> LastMap:
    """Takes what is not needed out of a network, in place; says where its last map is."""
    own: Any = network
    # GoogLeNet and Inception v3: their auxiliary heads help their own last layer, which goes.
    if getattr(network, "aux_logits", False):
        own.aux_logits = False
        for head in ("aux1", "aux2", "AuxLogits"):
            if hasattr(network, head):
                setattr(network, head, None)
    if pooling != "network":
        fault = pooling_fault(name, pooling)
        if fault:
            raise ValueError(fault)
        last_map = last_map_of(name)
        for unused in last_map.unused:
            network.set_submodule(unused, nn.Identity())
        return last_map
    if hasattr(network, "reset_classifier"):
        own.reset_classifier(0)
    else:
        network.set_submodule(_last_layer(name), nn.Identity())
    return LastMap()


@fact_of_network
def _last_layer(name: str) -> str:
    network = construct_on_meta(name, 2).eval()
    names = {module: each for each, module in network.named_modules()}
    (layers,) = head_layers(network)
    with inputs_of(layers) as inputs:
        follow(network, native_pixels(name))
    return str(names[list(inputs)[-1]])


@fact_of_network
def last_map_of(name: str) -> LastMap:
    """Where a network's last map or tokens are, found by one picture of its own size.

    Raises:
        ValueError: It has neither.
    """
    network: Any = construct_on_meta(name, 2).eval()
    entered: list[str] = []
    reached: list[tuple[str, int]] = []
    noticed = _Activations()

    def note_map(each: str) -> None:
        reached.append((each, len(entered)))
        noticed.names.clear()

    def leave(each: str, _module: object, _inputs: object, output: object) -> None:
        if _has_cells(output):
            note_map(each)

    if hasattr(network, "forward_features"):
        features = network.forward_features

        def noted(images_BCHW: Tensor, **options: Any) -> Any:
            last = features(images_BCHW, **options)
            note_map("")
            return last

        network.forward_features = noted
        own_last = []
    else:
        # Of a network that ends in a convolution its outputs would be the last map.
        own_last = [_last_layer(name)]
        network.set_submodule(own_last[0], nn.Identity())
    for each, module in network.named_modules():
        module.register_forward_pre_hook(lambda *_, each=each: entered.append(each))
        if not hasattr(network, "forward_features"):
            module.register_forward_hook(partial(leave, each))
    with noticed:
        follow(network, native_pixels(name))
    # The network's own outputs have no cells: what has some and is left last is the last map.
    if not reached:
        raise ValueError(f"{name} has no map and no tokens that could be pooled")
    module_name, place = reached[-1]
    behind = [each for each in dict.fromkeys(entered[place:]) if each not in entered[:place]]
    leaves = {each: network.get_submodule(each) for each in behind}
    unused = [
        each
        for each, leaf in leaves.items()
        if not list(leaf.children()) and any(True for _ in leaf.parameters())
    ]
    return LastMap(module_name, (*unused, *own_last), tuple(noticed.names))


class _Activations(TorchFunctionMode):
    """Notes the activations that are applied to maps; a module's own end with its output."""

    known: ClassVar = {
        getattr(F, name): name
        for name in ("relu", "relu6", "leaky_relu", "gelu", "silu", "hardswish", "elu", "mish")
    }

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in self.known and args and _has_cells(args[0]):
            self.names.append(self.known[func])
        return func(*args, **(kwargs or {}))


def _has_cells(output: object) -> bool:
    if not isinstance(output, Tensor):
        return False
    return (output.dim() == 4 and output[0, 0].numel() > 1) or (
        output.dim() == 3 and output.shape[1] > 1
    )


class _Reached(Exception):  # noqa: N818 - nothing went wrong
    """The module that was waited for has given its output."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


def _last_of(body: nn.Module, last_map: LastMap, images_BCHW: Tensor) -> Tensor:
    """The last map (B, C, H, W) or (B, H, W, C), or the last tokens (B, P, C)."""
    last = _output_of(body, last_map.module, images_BCHW)
    for name in last_map.activations:
        last = getattr(F, name)(last)
    return last


def _output_of(body: nn.Module, module: str, images_BCHW: Tensor) -> Tensor:
    own: Any = body
    if not module:
        last: Tensor = own.forward_features(images_BCHW)
        return last

    def stop(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        raise _Reached(output)

    handle = body.get_submodule(module).register_forward_hook(stop)
    try:
        body(images_BCHW)
    except _Reached as reached:
        return reached.output
    finally:
        handle.remove()
    raise AssertionError(f"{module} was not entered")


def _num_prefix_tokens(body: nn.Module) -> int:
    """Tokens of no patch, which come first: the class token, registers."""
    known = getattr(body, "num_prefix_tokens", None)
    return int(known) if known is not None else _num_class_tokens(body)


def _num_class_tokens(body: nn.Module) -> int:
    for called in ("cls_token", "class_token"):
        if isinstance(token := getattr(body, called, None), Tensor):
            return int(token.shape[-2]) if token.dim() > 1 else 1
    return 0


def _cells(body: nn.Module, last: Tensor) -> Tensor:
    """(B, P, C) What is pooled over: the cells of a map, or the patches' tokens."""
    if last.dim() == 3:
        return last[:, _num_prefix_tokens(body) :]
    if getattr(body, "output_fmt", "NCHW") == "NHWC":
        return last.flatten(1, 2)
    return last.flatten(2).transpose(1, 2)


def pooling_fault(name: str, pooling: str) -> str:
    """Why a network's features cannot be pooled so, and how they can; "" where they can."""
    if pooling == "network":
        return ""
    body = construct_on_meta(name, 2).eval()
    lasts: list[Any] = []
    try:
        last_map = last_map_of(name)

        def note(images_BCHW: Tensor) -> None:
            lasts.append(_last_of(body, last_map, images_BCHW))

        follow(_Called(note), native_pixels(name))
    except ValueError:
        lasts.append(None)
    (last,) = lasts
    is_map = isinstance(last, Tensor) and last.dim() == 4
    has_tokens = isinstance(last, Tensor) and last.dim() == 3
    may_mean = is_map or (has_tokens and last.shape[1] > _num_prefix_tokens(body))
    may_token = has_tokens and _num_class_tokens(body) > 0
    if may_token if pooling == "class_token" else may_mean:
        return ""
    why = (
        "it has no class token"
        if pooling == "class_token"
        else "its last layers give no single map and no tokens of patches"
    )
    allowed = ["network", *(["mean", "mean_max"] if may_mean else [])]
    allowed += ["class_token"] if may_token else []
    return f"{name} cannot have pooling: {pooling}, {why}. Take {' or '.join(allowed)}."


class _Called(nn.Module):
    def __init__(self, note: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._note = note

    def forward(self, images_BCHW: Tensor) -> None:
        self._note(images_BCHW)
