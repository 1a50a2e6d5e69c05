"""A backbone's name in, a module with its head out.

Shape letters: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foldgrid.models.pooling import make_pooling_deterministic
from foldgrid.specs.errors import InputError, Problem, did_you_mean

IMAGENET_MEAN_RGB = (0.485, 0.456, 0.406)
IMAGENET_STD_RGB = (0.229, 0.224, 0.225)

_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


@lru_cache(maxsize=1)
def known_backbones() -> tuple[str, ...]:
    """The names of all of torchvision's classification networks, sorted."""
    return tuple(sorted(torchvision.models.list_models(module=torchvision.models)))


def check_backbones(names: Sequence[str], source: str, lines: Mapping[str, int]) -> None:
    """Refuses names that torchvision does not have.

    Args:
        names: The backbones asked for.
        source: Where they were asked for, for the message.
        lines: The line of each name in ``source``, as far as known.

    Raises:
        InputError: All unknown names, each with its nearest known ones.
    """
    known = known_backbones()
    problems = [
        Problem(
            f"line {lines[name]}" if name in lines else "backbones",
            name,
            f"torchvision has no classification network of this name. {did_you_mean(name, known)}",
        )
        for name in names
        if name not in known
    ]
    if problems:
        raise InputError(source, problems)


def has_auxiliary_heads(name: str) -> bool:
    """Whether the network has further heads than its last layer, in training."""
    return name in _WITH_AUXILIARY_HEADS


def _construct(name: str, num_outputs: int) -> nn.Module:
    options: dict[str, Any] = {"weights": None, "num_classes": num_outputs}
    builder = torchvision.models.get_model_builder(name)
    if has_auxiliary_heads(name):
        # Unsaid, these two print a warning about what will change one day.
        options |= {"aux_logits": True, "init_weights": True}
    elif "init_weights" in inspect.signature(builder).parameters:
        options["init_weights"] = True
    network = builder(**options)
    assert isinstance(network, nn.Module)
    return network


class _EmptyOnMeta(TorchFunctionMode):
    """Puts on the meta device what layers allocate for their weights, and nothing else."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        return func(*args, **(options | {"device": "meta"} if func is torch.empty else options))


def build_on_meta(name: str, num_outputs: int) -> nn.Module:
    """The network as shapes without numbers, on torch's meta device; draws nothing at random."""
    try:
        with torch.device("meta"):
            network = _construct(name, num_outputs)
    except NotImplementedError:
        # RegNet computes its widths with tensors, and the meta device computes nothing.
        with _EmptyOnMeta():
            network = _construct(name, num_outputs).to("meta")
    return make_pooling_deterministic(network)


@lru_cache(maxsize=64)
def head_parameters(name: str) -> tuple[str, ...]:
    """The parameters whose shape depends on the number of outputs: the head's, auxiliary ones too.

    Found by building the network twice on the meta device, so it holds for every architecture.
    """
    two, three = (build_on_meta(name, num_outputs).state_dict() for num_outputs in (2, 3))
    return tuple(key for key in two if two[key].shape != three[key].shape)


def build_network(
    name: str, num_outputs: int, pretrained: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """The network ``name`` with its last layer replaced by one of ``num_outputs`` outputs.

    Args:
        name: One of ``known_backbones()``.
        num_outputs: K, the size of the new last layer and of each auxiliary head.
        pretrained: torchvision's state dict for ImageNet; the head's entries are left out and the
            head keeps its fresh initialisation. Without it all weights are drawn at random from
            torch's global generator, by torchvision's own initialisation.

    Raises:
        ValueError: ``pretrained`` does not fit the network.
    """
    network = _construct(name, num_outputs)
    if pretrained is not None:
        head = set(head_parameters(name))
        body = {key: value for key, value in pretrained.items() if key not in head}
        marked = _marked(network, body, pretrained)
        missing, unexpected = network.load_state_dict(marked, strict=False)
        if differing := sorted({*missing, *unexpected} - head):
            raise ValueError(f"these weights are not {name}'s: {', '.join(differing[:5])}")
        if hasattr(network, "transform_input"):
            # torchvision's GoogLeNet and Inception v3 weights expect inputs in [-1, 1].
            network.transform_input = True  # type: ignore[assignment]
    return make_pooling_deterministic(network)


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
    marked._metadata = getattr(marks_of, "_metadata", own)  # type: ignore[attr-defined]
    return marked


def set_head_bias(network: nn.Module, name: str, bias_K: Tensor) -> None:
    """Sets the bias of the last layer, and of each auxiliary head, to ``bias_K``."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in head_parameters(name):
            if key.endswith("bias"):
                parameters[key].copy_(bias_K)


def forward_all(network: nn.Module, images_BCHW: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The network's outputs and, in training mode, those of its auxiliary heads, each (B, K).

    GoogLeNet and Inception v3 return a named tuple in training mode; every other network has no
    auxiliary heads.
    """
    outputs = network(images_BCHW)
    if isinstance(outputs, Tensor):
        return outputs, ()
    return outputs[0], tuple(head for head in outputs[1:] if head is not None)
