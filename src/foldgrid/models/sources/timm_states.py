"""timm's state dicts as a network takes them: what timm would load, positions resized."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook


def adapted(load: Callable[[], nn.Module], network: nn.Module) -> Mapping[str, Tensor]:
    """What timm is about to load, instead of loading it.

    Args:
        load: Has timm build a network and load a state dict into it.
        network: What the state is for.
    """
    with torch.random.fork_rng(devices=[]), _stopped_before_loading(), catch_warnings():
        # timm resizes tables of relative positions in a way that torch will forget one day.
        simplefilter("ignore", UserWarning)
        try:
            load()
        except _LoadingError as stopped:
            return _with_positions_resized(stopped.state, network.state_dict())
    raise AssertionError("timm loaded nothing")


def _with_positions_resized(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """``state`` with the position embeddings that timm left at another size than ``own``."""
    found = dict(state)
    for key, value in state.items():
        wanted = own[key].shape if "pos_embed" in key and key in own else value.shape
        if wanted != value.shape and len(wanted) == value.dim() and value.dim() in (3, 4):
            found[key] = _resized(value, wanted)
    return found


def _resized(positions: Tensor, wanted: torch.Size) -> Tensor:
    """A grid of positions at another size; as it is where it is no grid."""
    if positions.dim() == 3:
        from timm.layers import resample_abs_pos_embed

        for num_tokens in (0, 1, 2, 5):
            sides = [math.isqrt(shape[1] - num_tokens) for shape in (positions.shape, wanted)]
            squares = [side**2 + num_tokens for side in sides]
            if squares == [positions.shape[1], wanted[1]] and all(sides):
                resized: Tensor = resample_abs_pos_embed(
                    positions, [sides[1]] * 2, num_prefix_tokens=num_tokens
                )
                return resized
        return positions
    is_depth_last = positions.shape[1] != wanted[1]
    maps_BCHW = positions.permute(0, 3, 1, 2) if is_depth_last else positions
    size = tuple(wanted[1:3]) if is_depth_last else tuple(wanted[2:])
    scaled = F.interpolate(maps_BCHW, size=size, mode="bicubic", antialias=True)
    return scaled.permute(0, 2, 3, 1) if is_depth_last else scaled


class _LoadingError(Exception):
    """Carries a state dict out of timm, adapted and not loaded."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state


@contextmanager
def _stopped_before_loading() -> Iterator[None]:
    """Within, a module that begins to load a state dict raises `_LoadingError` instead.

    Each architecture has a function of its own that adapts a state dict, which timm calls on the
    way to loading it and keeps to itself.
    """

    def stop(_module: nn.Module, state: Mapping[str, Tensor], *_more: Any) -> None:
        raise _LoadingError(state)

    def note(parent: Any, _name: str, _child: nn.Module | None) -> None:
        # A module that gets its second child has the hook already.
        if stop not in parent._load_state_dict_pre_hooks.values():
            parent.register_load_state_dict_pre_hook(stop)

    handle = register_module_module_registration_hook(note)
    try:
        yield
    finally:
        handle.remove()
