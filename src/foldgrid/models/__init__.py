"""Networks by name, the last layer replaced. Knows nothing of data or training."""

from foldgrid.models.backbones import (
    build_network,
    check_backbones,
    forward_all,
    load_state,
    set_head_bias,
)
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
from foldgrid.models.hidden import last_hidden
from foldgrid.models.sources import known_backbones
from foldgrid.models.weights import (
    WeightFile,
    fetch_weight_file,
    find_weight_file,
    resolve_weights,
    stay_offline,
    weights_folder,
)

__all__ = [
    "ParameterCounts",
    "WeightFile",
    "WeightLayer",
    "batch_norms",
    "build_network",
    "check_backbones",
    "check_frozen",
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
]
