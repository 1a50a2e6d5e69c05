"""The stages of a network, and a linear classifier at the end of each.

A stage is a run of blocks. Most networks have a module for each; in the others a stage ends with
each max pooling, or where the next block changes the map's size or width.
Shape letters: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torchvision
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import DualGraphModule

from foldgrid.models.construction import construct_on_meta, follow, has_auxiliary_heads
from foldgrid.models.pooling import AdaptiveAverage
from foldgrid.models.published import native_pixels
from foldgrid.models.tracing import ATTENTIONS

_TRUNKS = ("features", "layers", "trunk_output", "blocks", "stages")
"""The modules that hold the stages; elsewhere they are the network's own children."""

_LAST = "outputs"

_OPAQUE = (
    *(each for _, each in inspect.getmembers(torchvision.ops, inspect.isclass)),
    # Inside them, what is done depends on where the input lies, or tensors are computed anew.
    *(AdaptiveAverage, *ATTENTIONS),
)
"""Modules that are one node of a network's graph."""

STAGE_HEAD = ("classifier.weight", "classifier.bias")
"""The parameters of a `StageHead`."""


@dataclass(frozen=True)
class Stage:
    """A stage of a network.

    Attributes:
        module: The module that it ends with, such as ``layer1`` or ``features.3``.
        channels: The channels of the map that leaves it.
    """

    module: str
    channels: int


@lru_cache(maxsize=64)
def stages_of(backbone: str) -> tuple[Stage, ...]:
    """The stages of ``backbone``, the first first.

    Returns:
        Nothing for transformers, whose stages are not maps of convolutions, and for GoogLeNet and
        Inception v3, which have auxiliary heads of their own.
    """
    if has_auxiliary_heads(backbone):
        return ()
    network = construct_on_meta(backbone, 1).eval()
    pixels = native_pixels(backbone)
    modules = _stage_modules(network, pixels)
    shapes = _shapes_after({name: network.get_submodule(name) for name in modules}, network, pixels)
    return tuple(Stage(name, shapes[name][1]) for name in modules if len(shapes.get(name, ())) == 4)


def _stage_modules(network: nn.Module, pixels: int) -> tuple[str, ...]:
    trunk_name = next(
        (name for name in _TRUNKS if isinstance(getattr(network, name, None), nn.Module)), ""
    )
    trunk = network.get_submodule(trunk_name)
    prefix = f"{trunk_name}." if trunk_name else ""
    children = {prefix + name: child for name, child in trunk.named_children()}
    return (
        tuple(name for name, child in children.items() if _is_stage(child))
        or _ends_with_pools(children)
        or _ends_of_shapes(network, children, pixels)
    )


def _num_convolutions(module: nn.Module) -> int:
    return sum(isinstance(each, nn.Conv2d) for each in module.modules())


def _is_stage(module: nn.Module) -> bool:
    """Whether it is a list of blocks, each of several layers with a convolution among them."""
    blocks = list(module.children())
    is_list = isinstance(module, (nn.Sequential, nn.ModuleDict)) and bool(blocks)
    return is_list and all(list(block.children()) and _num_convolutions(block) for block in blocks)


def _ends_with_pools(children: dict[str, nn.Module]) -> tuple[str, ...]:
    pools = [name for name, child in children.items() if isinstance(child, nn.MaxPool2d)]
    last = list(children)[-1]
    return tuple(dict.fromkeys([*pools, last])) if pools else ()


def _shapes_after(
    modules: dict[str, nn.Module], network: nn.Module, pixels: int
) -> dict[str, tuple[int, ...]]:
    """The shape of what each of ``modules`` makes of one image, in the order of computation."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in modules.items()]
    follow(network, pixels)
    for handle in handles:
        handle.remove()
    return shapes


def _ends_of_shapes(
    network: nn.Module, children: dict[str, nn.Module], pixels: int
) -> tuple[str, ...]:
    """The last of each run of children with maps of one shape; a lone convolution is no stage."""
    runs: list[list[str]] = []
    shapes = _shapes_after(children, network, pixels)
    for name, shape in shapes.items():
        if runs and shapes[runs[-1][-1]] == shape:
            runs[-1].append(name)
        else:
            runs.append([name])
    return tuple(
        run[-1] for run in runs if sum(_num_convolutions(children[name]) for name in run) > 1
    )


class _MapTracer(fx.Tracer):
    """Notes which node of the graph each module returns."""

    def __init__(self) -> None:
        super().__init__(autowrap_modules=(math, torchvision.ops))
        self.returned: dict[str, fx.Node] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether it is one node."""
        return isinstance(m, _OPAQUE) or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Follows a call."""
        result = super().call_module(m, forward, args, kwargs)
        if isinstance(result, fx.Proxy):
            self.returned[self.path_of_module(m)] = result.node
        return result


def _extractor(network: nn.Module, modules: Sequence[str]) -> DualGraphModule:
    """``network`` itself, returning its outputs and the maps after ``modules``, by name."""
    is_training = network.training
    graphs = (_graph(network.train(mode), modules) for mode in (True, False))
    extractor = DualGraphModule(network, *graphs, class_name=type(network).__name__)
    network.train(is_training)
    return extractor.train(is_training)


def _graph(network: nn.Module, modules: Sequence[str]) -> fx.Graph:
    tracer = _MapTracer()
    graph = tracer.trace(network)
    last = graph.output_node()
    maps = {module: tracer.returned[module] for module in modules}
    outputs = maps | {_LAST: last.args[0]}
    graph.erase_node(last)
    graph.output(outputs)
    # What is not asked for goes, and only the graph of a module can tell.
    fx.GraphModule(network, graph).graph.eliminate_dead_code()
    return graph


class StageHead(nn.Module):
    """Global average pooling and a linear classifier."""

    def __init__(self, channels: int, num_outputs: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, num_outputs)

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K)."""
        outputs_BK: Tensor = self.classifier(self.pool(maps_BCHW).flatten(1))
        return outputs_BK


class StagedNetwork(nn.Module):
    """A network with a classifier at the end of each of its stages.

    Its parameters are ``body.`` and the network's own names, and ``stage_heads.0.classifier`` and
    so on. The stages' maps are read from the network's graph; its modules are the same ones.

    Args:
        network: The network, which is not to be used by itself any more.
        stages: Its stages.
        num_outputs: K.
    """

    def __init__(self, network: nn.Module, stages: Sequence[Stage], num_outputs: int) -> None:
        super().__init__()
        self._modules_of_stages = tuple(stage.module for stage in stages)
        self.body = _extractor(network, self._modules_of_stages)
        self.stage_heads = nn.ModuleList(StageHead(stage.channels, num_outputs) for stage in stages)

    def forward(self, images_BCHW: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The mean of all heads' outputs (B, K); in training, each: the last layer's first."""
        found = self.body(images_BCHW)
        maps = (found[module] for module in self._modules_of_stages)
        outputs = [head(each) for head, each in zip(self.stage_heads, maps, strict=True)]
        outputs.insert(0, found[_LAST])
        # Their sum, as AIDDA has it, would have the same largest output and a sharper softmax.
        return tuple(outputs) if self.training else torch.stack(outputs).mean(dim=0)
