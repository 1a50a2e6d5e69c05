"""How a forward pass becomes a list of layers: hooks on modules, a mode for functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle
from torchvision.models.maxvit import RelativePositionalMultiHeadAttention
from torchvision.models.swin_transformer import ShiftedWindowAttention
from torchvision.ops import Permute, StochasticDepth

from foldgrid.models.layers import Kind, Layer, Volume
from foldgrid.models.pooling import AdaptiveAverage

ATTENTIONS = (nn.MultiheadAttention, ShiftedWindowAttention, RelativePositionalMultiHeadAttention)
"""Modules that use their children's weights without calling them all: one row each."""

_MAX_POOLS = (nn.MaxPool2d,)
_MEAN_POOLS = (nn.AvgPool2d, nn.AdaptiveAvgPool2d, AdaptiveAverage)
NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
_DROPOUTS = (nn.Dropout, StochasticDepth)
_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid)
_SHAPES = (nn.Flatten, nn.Identity, Permute)
"""Modules that compute nothing: no row."""

_FUNCTIONS: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys(("add", "add_", "__add__", "__iadd__"), ("add", "add")),
    **dict.fromkeys(("mul", "mul_", "__mul__", "__rmul__"), ("scale", "scale")),
    "cat": ("concat", "concat"),
    "relu": ("activation", "relu"),
    "relu_": ("activation", "relu"),
    "dropout": ("dropout", "dropout"),
    "max_pool2d": ("max pool", "maxpool"),
    "avg_pool2d": ("mean pool", "avgpool"),
    "adaptive_avg_pool2d": ("mean pool", "avgpool"),
    "mean": ("mean pool", "avgpool"),
    "linear": ("dense", "dense"),
    "conv2d": ("conv", "conv"),
    "scaled_dot_product_attention": ("attention", "attention"),
}
"""What networks do between their modules: the function's name, the kind and the row's name."""

_SHORT = {
    "batchnorm2d": "bn",
    "layernorm": "ln",
    "layernorm2d": "ln",
    "conv2d": "conv",
    "linear": "dense",
    "maxpool2d": "maxpool",
    "avgpool2d": "avgpool",
    "adaptiveavgpool2d": "avgpool",
    "adaptiveaverage": "avgpool",
}
"""What everybody calls them."""


class LayerTrace(TorchFunctionMode):
    """Collects the layers of one forward pass, in ``layers``.

    Args:
        network: What will be run, on one image.
        operations: Counts multiply-adds while it runs.
    """

    def __init__(self, network: nn.Module, operations: FlopCounterMode) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self._operations = operations
        self._path: list[str] = []
        self._inside_row = 0
        self._is_depth_last = False
        self._before: list[int] = []
        self._num_calls: Counter[str] = Counter()
        self._handles: list[RemovableHandle] = []
        self._hook(network)

    def remove_hooks(self) -> None:
        """Leaves the network as it was."""
        for handle in self._handles:
            handle.remove()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        # A network may add in place: the input's volume is asked for first.
        before, first = self._multiply_adds(), _first_tensor(args)
        incoming = None if first is None else self._volume(first)
        result = func(*args, **(kwargs or {}))
        if not self._inside_row and incoming is not None and isinstance(result, Tensor):
            multiply_adds = self._multiply_adds() - before
            self._note_function(func, args, kwargs or {}, incoming, result, multiply_adds)
        return result

    def _hook(self, network: nn.Module) -> None:
        for name, module in network.named_modules():
            if isinstance(module, ATTENTIONS) or not list(module.children()):
                self._handles.append(module.register_forward_pre_hook(self._enter_row))
                self._handles.append(module.register_forward_hook(self._leave_row(name)))
            else:
                self._handles.append(module.register_forward_pre_hook(self._enter_container(name)))
                self._handles.append(module.register_forward_hook(self._leave_container))

    def _enter_container(self, name: str) -> Callable[[nn.Module, Any], None]:
        def enter(module: nn.Module, _inputs: Any) -> None:
            self._path.append(name)
            for own, weight in module.named_parameters(recurse=False):
                # The leading 1 stands for all images of a batch.
                sizes = tuple(weight.shape[1:] if weight.shape[0] == 1 else weight.shape)
                self._add(f"{name}.{own}", "weights", own, (), sizes, parameters=weight.numel())

        return enter

    def _leave_container(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        self._path.pop()

    def _enter_row(self, _module: nn.Module, _inputs: Any) -> None:
        self._inside_row += 1
        self._before.append(self._multiply_adds())

    def _leave_row(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def leave(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            self._inside_row -= 1
            multiply_adds = self._multiply_adds() - self._before.pop()
            if self._inside_row == 0:
                incoming, outgoing = _first_tensor(inputs), _first_tensor((output,))
                if incoming is not None and outgoing is not None:
                    self._note_module(name, module, incoming, outgoing, multiply_adds)

        return leave

    def _note_module(
        self, name: str, module: nn.Module, incoming: Tensor, outgoing: Tensor, multiply_adds: int
    ) -> None:
        kind = _kind_of(module)
        if isinstance(module, Permute):
            self._is_depth_last = tuple(module.dims)[-1] == 1
        if isinstance(module, _SHAPES):
            return
        if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, *_MAX_POOLS, *_MEAN_POOLS)):
            self._is_depth_last = False
        elif isinstance(module, (nn.Linear, *ATTENTIONS)) or type(module) is nn.LayerNorm:
            self._is_depth_last = True
        operation = type(module).__name__.lower()
        self._add(
            name,
            kind,
            _SHORT.get(operation, operation),
            self._volume(incoming),
            self._volume(outgoing),
            parameters=sum(weight.numel() for weight in module.parameters()),
            multiply_adds=multiply_adds,
            **_window_of(module, incoming, outgoing),
        )

    def _note_function(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        incoming: Volume,
        result: Tensor,
        multiply_adds: int,
    ) -> None:
        name = getattr(func, "__name__", str(func))
        kind, operation = _FUNCTIONS.get(name, ("other", name))
        if name not in _FUNCTIONS and not multiply_adds:
            return
        if kind in ("add", "scale") and not all(isinstance(each, Tensor) for each in args[:2]):
            return
        window = _window_of_call(args, kwargs, result) if kind.endswith("pool") else {}
        parent = self._path[-1] if self._path else ""
        self._add(
            f"{parent}.{operation}",
            kind,
            operation,
            () if kind == "concat" else incoming,
            self._volume(result),
            multiply_adds=multiply_adds,
            **window,
        )

    def _add(
        self,
        name: str,
        kind: Kind,
        operation: str,
        incoming: Volume,
        outgoing: Volume,
        **facts: Any,
    ) -> None:
        name = name.removeprefix(".")
        self._num_calls[name] += 1
        if self._num_calls[name] > 1:
            # A module that is called again (a ReLU) has the parameters that it had.
            facts["parameters"] = 0
            name = f"{name}#{self._num_calls[name]}"
        self.layers.append(Layer(name, kind, operation, incoming, outgoing, **facts))

    def _multiply_adds(self) -> int:
        # torch counts a multiplication and an addition as two.
        return self._operations.get_total_flops() // 2

    def _volume(self, tensor: Tensor) -> Volume:
        sizes = tuple(tensor.shape[1:])
        if len(sizes) == 3 and not self._is_depth_last:
            return (*sizes[1:], sizes[0])
        return sizes


def _first_tensor(args: tuple[Any, ...]) -> Tensor | None:
    # einsum begins with its equation; a concatenation has its tensors in a list.
    first = args[0] if args else None
    if isinstance(first, str):
        first = args[1] if len(args) > 1 else None
    if isinstance(first, (list, tuple)):
        first = first[0] if first else None
    return first if isinstance(first, Tensor) else None


def _kind_of(module: nn.Module) -> Kind:
    kinds: dict[Kind, tuple[type, ...]] = {
        "conv": (nn.Conv2d,),
        "dense": (nn.Linear,),
        "attention": ATTENTIONS,
        "max pool": _MAX_POOLS,
        "mean pool": _MEAN_POOLS,
        "norm": NORMS,
        "dropout": _DROPOUTS,
        "activation": _ACTIVATIONS,
    }
    return next((kind for kind, types in kinds.items() if isinstance(module, types)), "other")


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _window_of(module: nn.Module, incoming: Tensor, outgoing: Tensor) -> dict[str, Any]:
    """Kernel, stride and padding of a convolution or pooling."""
    if isinstance(module, nn.Conv2d):
        return {
            "kernel": _pair(module.kernel_size),
            "stride": _pair(module.stride),
            "padding": _padding_of(module),
            "groups": module.groups,
        }
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        return _pooling_window(
            module.kernel_size, module.stride, module.padding, incoming, outgoing
        )
    if isinstance(module, _MEAN_POOLS):
        return _whole_window(incoming, outgoing)
    return {}


def _padding_of(convolution: nn.Conv2d) -> tuple[int, int]:
    if not isinstance(convolution.padding, str):
        return _pair(convolution.padding)
    if convolution.padding == "valid":
        return (0, 0)
    (height, width), (down, across) = _pair(convolution.kernel_size), _pair(convolution.dilation)
    return (down * (height - 1) // 2, across * (width - 1) // 2)


def _window_of_call(
    args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor
) -> dict[str, Any]:
    """The same of a pooling by function: ``max_pool2d(images, kernel_size, stride, padding)``."""
    names = ("images", "kernel_size", "stride", "padding")
    called = dict(zip(names, args, strict=False)) | kwargs
    # images.mean([2, 3]) gives no window but the dimensions that go.
    if "kernel_size" not in called or result.dim() == 2 or result.shape[-2:] == (1, 1):
        return _whole_window(args[0], result)
    kernel = called["kernel_size"]
    stride, padding = called.get("stride") or kernel, called.get("padding", 0)
    return _pooling_window(kernel, stride, padding, args[0], result)


def _pooling_window(
    kernel: Any, stride: Any, padding: Any, incoming: Tensor, outgoing: Tensor
) -> dict[str, Any]:
    (height, _), (step, _), (border, _) = _pair(kernel), _pair(stride), _pair(padding)
    whole = (incoming.shape[-2] - height + 2 * border) // step + 1
    return {
        "kernel": _pair(kernel),
        "stride": _pair(stride),
        "padding": _pair(padding),
        "hangs_over": outgoing.shape[-2] > whole,
    }


def _whole_window(incoming: Tensor, outgoing: Tensor) -> dict[str, Any]:
    """A mean over the whole picture has a kernel of its size; one over cells has none."""
    is_one = outgoing.dim() == 2 or tuple(outgoing.shape[-2:]) == (1, 1)
    return {"kernel": tuple(incoming.shape[-2:])} if is_one else {}
