"""A backbone's name in, a module with its head out.

Shape letters: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.fx.proxy import TraceError

from foldgrid.models.attention import Bags
from foldgrid.models.construction import construct, construct_on_meta
from foldgrid.models.headed import HeadedNetwork, with_own_head
from foldgrid.models.pooling import make_pooling_deterministic
from foldgrid.models.sources import no_stages, source_of
from foldgrid.models.stages import STAGE_HEAD, Stage, StagedNetwork, stages_of
from foldgrid.specs.heads import OwnHead


def build_on_meta(
    name: str,
    num_outputs: int,
    stage_heads: bool = False,
    pixels: int | None = None,
    own_head: OwnHead | None = None,
) -> nn.Module:
    """The network as shapes without numbers, on torch's meta device; draws nothing at random.

    Raises:
        ValueError: ``stage_heads`` where the network has no stages, no features such as
            ``own_head`` asks for, or it cannot be built for pictures of ``pixels``.
    """
    network = construct_on_meta(name, num_outputs, pixels)
    if own_head is not None:
        return with_own_head(network, name, own_head, num_outputs)
    if not stage_heads:
        return network
    with torch.device("meta"):
        return _with_stage_heads(network, name, num_outputs)


@lru_cache(maxsize=64)
def head_parameters(name: str, stage_heads: bool = False) -> tuple[str, ...]:
    """The parameters whose shape depends on the number of outputs: the head's, auxiliary ones too.

    Found by building the network twice on the meta device, so it holds for every architecture.

    Raises:
        ValueError: ``stage_heads`` where the network has no stages.
    """
    if stage_heads:
        stages = range(len(_stages(name)))
        heads = (f"stage_heads.{stage}.{key}" for stage in stages for key in STAGE_HEAD)
        return (*(f"body.{key}" for key in head_parameters(name)), *heads)
    two, three = (build_on_meta(name, num_outputs).state_dict() for num_outputs in (2, 3))
    return tuple(key for key in two if two[key].shape != three[key].shape)


def build_network(
    name: str,
    num_outputs: int,
    pretrained: Mapping[str, Tensor] | None = None,
    *,
    stage_heads: bool = False,
    pixels: int | None = None,
    drop_path: float | None = None,
) -> nn.Module:
    """The network ``name`` with its last layer replaced by one of ``num_outputs`` outputs.

    Args:
        name: Any that `check_backbones` takes.
        num_outputs: K, the size of the new last layer and of each auxiliary head.
        pretrained: The published state dict for ImageNet; the head's entries are left out and the
            head keeps its fresh initialisation. Without it all weights are drawn at random from
            torch's global generator, by the library's own initialisation.
        stage_heads: Add a linear classifier at the end of each stage. In training the network then
            gives all their outputs (see `forward_all`), in prediction the mean of all. The body's
            random weights are those of the network without them.
        pixels: Height and width of the pictures, for networks whose position embeddings depend on
            them; ``pretrained`` ones are resized. Nothing for the network's own size.
        drop_path: How often the last residual block is left out in training; nothing for what its
            library builds.

    Raises:
        ValueError: ``pretrained`` does not fit the network, it has no stages, or it cannot be built
            for pictures of this size.
    """
    network = construct(name, num_outputs, pixels, drop_path)
    if pretrained is not None:
        _load_body(network, name, pretrained, pixels)
    network = make_pooling_deterministic(network)
    return _with_stage_heads(network, name, num_outputs) if stage_heads else network


def _with_stage_heads(network: nn.Module, name: str, num_outputs: int) -> StagedNetwork:
    stages = _stages(name)
    try:
        return StagedNetwork(network, stages, num_outputs)
    except (TraceError, TypeError, AttributeError, KeyError) as error:
        # Not every network's way through its layers can be written down without pictures.
        raise ValueError(no_stages(name)) from error


def _stages(name: str) -> tuple[Stage, ...]:
    if stages := stages_of(name):
        return stages
    raise ValueError(no_stages(name))


def check_weights(
    name: str, num_outputs: int, pretrained: Mapping[str, Tensor], pixels: int
) -> None:
    """Refuses weights that `build_network` would refuse; builds no network with numbers.

    Raises:
        ValueError: They are another network's, or cannot be resized to ``pixels``; says which
            layers differ.
    """
    _body_of(build_on_meta(name, num_outputs, pixels=pixels), name, pretrained, pixels)


def _load_body(
    network: nn.Module, name: str, pretrained: Mapping[str, Tensor], pixels: int | None
) -> None:
    body = _body_of(network, name, pretrained, pixels)
    network.load_state_dict(_marked(network, body, pretrained), strict=False)
    if hasattr(network, "transform_input"):
        # torchvision's GoogLeNet and Inception v3 weights expect inputs in [-1, 1].
        network.transform_input = True  # type: ignore[assignment]


def _body_of(
    network: nn.Module, name: str, pretrained: Mapping[str, Tensor], pixels: int | None
) -> dict[str, Tensor]:
    """All of a published state but the heads, as the network takes it.

    Raises:
        ValueError: Names or shapes differ.
    """
    heads = set(head_parameters(name))
    try:
        adapted = source_of(name).adapt_state(name, network, pretrained, pixels)
    except (RuntimeError, KeyError, IndexError):
        # Nothing of it is where it should be: the comparison says what.
        adapted = pretrained
    body = {key: value for key, value in adapted.items() if key not in heads}
    own = {key: value for key, value in network.state_dict().items() if key not in heads}
    shapes = [
        f"{key} is {_shape(value)} in them and {_shape(own[key])} in the network"
        for key, value in body.items()
        if key in own and value.shape != own[key].shape
    ]
    # A file without marks may lack counters of batches, which nobody predicts with.
    missing = [key for key in own if key not in body and not key.endswith("num_batches_tracked")]
    further = [key for key in body if key not in own and not _is_of_head(key, heads)]
    differing = [
        *shapes,
        *(f"{key} is missing" for key in missing),
        *(f"{key} is not in the network" for key in further),
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise ValueError(f"these weights are not {name}'s: {', '.join(differing[:3])}{more}")
    return {key: value for key, value in body.items() if key in own}


def _is_of_head(key: str, heads: set[str]) -> bool:
    """Whether an entry is of a module whose last layer is replaced, such as a second bias."""
    return any(key.rpartition(".")[0] == head.rpartition(".")[0] for head in heads)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def load_state(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Puts a whole state of this very network into it, also one that was in a safetensors file.

    Raises:
        RuntimeError: Names or shapes differ.
    """
    network.load_state_dict(_marked(network, state, state))


def _marked(
    network: nn.Module, state: Mapping[str, Tensor], marks_of: Mapping[str, Tensor]
) -> OrderedDict[str, Tensor]:
    """``state`` with torch's version marks, those of ``marks_of`` where it has some.

    MNASNet refuses a state without its mark, which plain dictionaries and safetensors files lack.
    """
    marked = OrderedDict(state)
    own = {"": {"version": network._version}}
    if isinstance(network, HeadedNetwork):
        own["body"] = {"version": network.body._version}
    marked._metadata = getattr(marks_of, "_metadata", own)  # type: ignore[attr-defined]
    return marked


def set_head_bias(network: nn.Module, name: str, bias_K: Tensor) -> None:
    """Sets the bias of the last layer, and of each auxiliary or stage head, to ``bias_K``."""
    if isinstance(network, HeadedNetwork):
        with torch.no_grad():
            network.last_layer.bias.copy_(bias_K)
        return
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in head_parameters(name, isinstance(network, StagedNetwork)):
            if key.endswith("bias"):
                parameters[key].copy_(bias_K)


def forward_all(
    network: nn.Module, images_BCHW: Tensor | Bags
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The network's outputs and, in training mode, those of its further heads, each (B, K).

    A network's head alone gives its outputs of what it takes.

    GoogLeNet and Inception v3 return a named tuple in training mode, a network with heads at its
    stages a tuple; every other network has one head alone.
    """
    outputs = network(images_BCHW)
    if isinstance(outputs, Tensor):
        return outputs, ()
    return outputs[0], tuple(head for head in outputs[1:] if head is not None)
