"""Networks by name, the last layer replaced. Knows nothing of data or training.

What needs a network is imported, and torch with it, when it is asked for: names, weight files and
sizes that are known need none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from foldgrid.models.naming import check_backbones
from foldgrid.models.sources import known_backbones
from foldgrid.models.weights import (
    WeightFile,
    check_room_for,
    fetch_weight_file,
    find_weight_file,
    resolve_weights,
    stay_offline,
    weights_folder,
)

if TYPE_CHECKING:
    from foldgrid.models.backbones import build_network, forward_all, load_state, set_head_bias
    from foldgrid.models.freezing import (
        ParameterCounts,
        WeightLayer,
        batch_norms,
        check_frozen,
        freeze,
        parameter_counts,
        train_mode,
        weight_layers,
    )
    from foldgrid.models.headed import HeadedNetwork, with_own_head
    from foldgrid.models.hidden import last_hidden

__all__ = [
    "HeadedNetwork",
    "ParameterCounts",
    "WeightFile",
    "WeightLayer",
    "batch_norms",
    "build_network",
    "check_backbones",
    "check_frozen",
    "check_room_for",
    "fetch_weight_file",
    "find_weight_file",
    "forward_all",
    "freeze",
    "known_backbones",
    "last_hidden",
    "load_state",
    "parameter_counts",
    "resolve_weights",
    "set_head_bias",
    "stay_offline",
    "train_mode",
    "weight_layers",
    "weights_folder",
    "with_own_head",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for room in ("backbones", "freezing", "headed", "hidden"):
            found = getattr(import_module(f"{__name__}.{room}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
