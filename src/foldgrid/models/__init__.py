"""Networks by torchvision's names, the last layer replaced. Knows nothing of data or training."""

from foldgrid.models.backbones import (
    build_network,
    check_backbones,
    forward_all,
    known_backbones,
    load_state,
    set_head_bias,
)
from foldgrid.models.weights import (
    WeightFile,
    fetch_weight_file,
    find_weight_file,
    resolve_weights,
)

__all__ = [
    "WeightFile",
    "build_network",
    "check_backbones",
    "fetch_weight_file",
    "find_weight_file",
    "forward_all",
    "known_backbones",
    "load_state",
    "resolve_weights",
    "set_head_bias",
]
