"""Parameters in groups, as an optimiser takes them: which decay, and how fast each layer learns.

A group is a mapping: ``params``, its own ``weight_decay``, and where early layers learn more slowly
its own ``lr``, with ``lr_scale``, the fraction of the recipe's rate that it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeAlias

from torch import nn

from foldgrid.models.construction import construct_on_meta
from foldgrid.models.freezing import weight_layers
from foldgrid.models.headed import HeadedNetwork
from foldgrid.models.stages import StagedNetwork
from foldgrid.specs.recipe import TrainingRecipe

ParameterGroups: TypeAlias = Iterable[nn.Parameter] | list[dict[str, Any]]


def parameter_groups(
    network: nn.Module, backbone: str, recipe: TrainingRecipe, learning_rate: float
) -> ParameterGroups:
    """A network's parameters, frozen ones among them, as an optimiser takes them.

    Where nothing sets them apart they come plain. Source: ``param_groups_weight_decay`` and
    ``param_groups_layer_decay`` of timm, the latter after BEiT (Bao and others 2022).

    Args:
        network: With or without heads at its stages or one of its own; or its head alone.
        backbone: Its name.
        recipe: Says what decays, and how much more slowly early layers learn.
        learning_rate: Of the head.
    """
    decay_norms_and_biases, layer_decay = recipe.decay_norms_and_biases, recipe.layer_decay
    if decay_norms_and_biases and layer_decay == 1:
        return network.parameters()
    body, prefix = _body_of(network)
    spared = set() if decay_norms_and_biases else set(_without_decay(body))
    depths = layer_depths(backbone) if layer_decay != 1 else {}
    top = max(depths.values(), default=0)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in network.named_parameters():
        own = name.removeprefix(prefix) if name.startswith(prefix) else ""
        # Heads, and all of a head in the place of the last layer, learn at the full rate.
        depth = depths.get(own, top)
        decays = own not in spared if own else decay_norms_and_biases or parameter.dim() > 1
        group = groups.setdefault((depth, decays), {"params": []})
        group["params"].append(parameter)
        group["weight_decay"] = recipe.weight_decay if decays else 0.0
        if layer_decay != 1:
            group["lr_scale"] = layer_decay ** (top - depth)
            group["lr"] = learning_rate * group["lr_scale"]
    return list(groups.values())


def _body_of(network: nn.Module) -> tuple[nn.Module, str]:
    """The network that a backbone's name stands for, and what its parameters' names begin with."""
    if isinstance(network, (StagedNetwork, HeadedNetwork)):
        return network.body, "body."
    return network, ""


def _without_decay(network: nn.Module) -> Iterator[str]:
    """Norms, biases, and what the authors name: class tokens, embeddings of positions.

    Of a network whose authors name nothing: all but the weights of layers.
    """
    said = getattr(network, "no_weight_decay", None)
    patterns = said() if said is not None else ()
    for name, parameter in network.named_parameters():
        is_weight = name.endswith("weight") if said is None else not name.endswith(".bias")
        if parameter.dim() <= 1 or not is_weight or any(fnmatchcase(name, p) for p in patterns):
            yield name


@lru_cache(maxsize=64)
def layer_depths(backbone: str) -> Mapping[str, int]:
    """How deep each parameter of a network lies: 0 for the first layers, the last for the head.

    By timm's own groups where the network has some (``group_matcher``). Elsewhere a step is a
    block, or a layer that is in none, in the order in which a picture passes them; a norm and a
    position embedding belong to the layer before them, or else to the first one. Both put the
    same parameters of a ResNet or a ViT at the same depth. Auxiliary heads have none.
    """
    network: Any = construct_on_meta(backbone, 2)
    if hasattr(network, "group_matcher"):
        from timm.models import group_parameters

        matcher = network.group_matcher(coarse=False)
        found: dict[str, int] = group_parameters(network, matcher, reverse=True)
        return found
    blocks = tuple(f"{name}." for name in _blocks(network, _repeated_classes(network)))
    layers = weight_layers(backbone)

    def step_of(name: str, otherwise: str) -> str:
        return next((block for block in blocks if name.startswith(block)), otherwise)

    steps = dict.fromkeys(step_of(layer.name, layer.name) for layer in layers)
    places = {step: place for place, step in enumerate(steps)}
    depths: dict[str, int] = {}
    for layer in layers:
        own = places[step_of(layer.name, layer.name)]
        is_entered = False
        for name in layer.parameters:
            is_entered = is_entered or name.startswith(layer.name)
            # What is in no block itself and comes before one belongs to what is before that.
            outside = own if is_entered or own == 0 or layer.name in places else own - 1
            depths[name] = places.get(step_of(name, ""), outside)
    return depths


def _repeated_classes(network: nn.Module) -> set[type[nn.Module]]:
    """The classes of which a network has several modules, but for torch's own and lists."""
    lists = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    counts = Counter(
        type(module)
        for module in network.modules()
        if list(module.children())
        and not isinstance(module, lists)
        and not type(module).__module__.startswith("torch.nn")
    )
    return {each for each, count in counts.items() if count > 1}


def _blocks(module: nn.Module, classes: set[type[nn.Module]], name: str = "") -> Iterator[str]:
    """The outermost modules of ``classes``, by name."""
    for key, child in module.named_children():
        inner = f"{name}.{key}".removeprefix(".")
        if type(child) in classes:
            yield inner
        else:
            yield from _blocks(child, classes, inner)
