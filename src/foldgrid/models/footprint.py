"""What a network needs, known without running it: parameters, activations, time on a core.

Shapes are followed on torch's meta device, where no arithmetic happens and nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from foldgrid.models.published import native_pixels
from foldgrid.models.sources import fact_of_network, source_of
from foldgrid.specs.heads import OwnHead

if TYPE_CHECKING:
    from torch import Tensor, nn

_BYTES = 4
_WEIGHT_COPIES = 3
"""Weights, gradients, and the best epoch's weights."""

_MS_PER_GIGA_MULTIPLY_ADD = 80.0
_MS_PER_MEGA_PARAMETER = 2.5
_MS_PER_IMAGE = 1.5
"""One training step on one core of a 2023 server, an image: fitted to measurements of the 29
backbones at 64x64 pixels, batch 16; two thirds lie within 25 % of it. What is relied on is the
order (longest fits first); the time that a plan prints is an estimate."""

PREDICT_FRACTION = 0.23
"""Predicting an image against training on it; the mean ratio of the same measurement."""


@dataclass(frozen=True)
class Footprint:
    """The size of a network at one input size.

    Attributes:
        num_parameters: Trainable parameters.
        multiply_adds: Of one image's forward pass, in convolutions and matrix products (dense
            layers, attention); what torchvision publishes as GFLOPS.
        activations: Elements of all layers' outputs of one image's forward pass.
        num_states: Numbers that are kept for each weight: by the optimiser, as momentum is one, and
            by a moving average.
    """

    num_parameters: int
    multiply_adds: int
    activations: int
    num_states: int = 1

    def train_ms(self, batch_size: int) -> float:
        """An estimate of a training step's time for each image on one core, in milliseconds."""
        network = _MS_PER_IMAGE + _MS_PER_GIGA_MULTIPLY_ADD * self.multiply_adds / 1e9
        optimizer_step = _MS_PER_MEGA_PARAMETER * self.num_parameters / 1e6
        return network + optimizer_step / batch_size

    def memory_gib(self, batch_size: int, num_networks: int = 1) -> float:
        """An estimate of a training step's memory in float32, in GiB.

        Args:
            batch_size: Images a step.
            num_networks: Networks that one process holds, and trains in turns.
        """
        weights = self.num_parameters * (_WEIGHT_COPIES + self.num_states) * num_networks
        # Each kept activation also has a gradient of its size at some time.
        return _BYTES * (weights + 1.5 * self.activations * batch_size) / 2**30

    @property
    def weights_gib(self) -> float:
        """The size of the weights as a file, in GiB."""
        return _BYTES * self.num_parameters / 2**30

    @property
    def state_gib(self) -> float:
        """The size of a checkpoint, in GiB: the weights, the best ones, the optimiser's numbers."""
        return (2 + self.num_states) * self.weights_gib


@fact_of_network
def footprint(
    backbone: str,
    num_outputs: int,
    pixels: int,
    stage_heads: bool = False,
    auxiliary_heads: bool = True,
    own_head: OwnHead | None = None,
) -> Footprint:
    """The size of ``backbone`` as it is trained on images of ``pixels`` x ``pixels``.

    Args:
        backbone: A known name.
        num_outputs: The size of its last layer, and of each further head.
        pixels: Height and width of its input.
        stage_heads: Whether it has a head at the end of each stage.
        auxiliary_heads: Whether the auxiliary heads of its own, if it has any, are trained.
        own_head: A head in the place of its last layer and of its auxiliary heads.

    Raises:
        ValueError: The network, or an auxiliary head of it, cannot take images so small, or it has
            no stages; the message says so.
    """
    size = count_operations(backbone, num_outputs, pixels, stage_heads, own_head)
    if own_head is None and auxiliary_heads and source_of(backbone).has_auxiliary_heads(backbone):
        from foldgrid.models.backbones import build_on_meta
        from foldgrid.models.construction import follow

        network = build_on_meta(backbone, num_outputs, pixels=pixels).eval()
        # The network asks itself whether it trains; its layers stay as in prediction.
        network.training = True
        try:
            follow(network, pixels)
        except RuntimeError as error:
            raise ValueError(
                f"{backbone} cannot be trained on {pixels}x{pixels} pixels, which are too few for "
                f"its auxiliary head ({error}); it is left out with an auxiliary_loss_weight of 0"
            ) from error
    return size


@lru_cache(maxsize=1024)
def count_operations(
    backbone: str,
    num_outputs: int,
    pixels: int,
    stage_heads: bool = False,
    own_head: OwnHead | None = None,
) -> Footprint:
    """Follows one image of ``pixels`` x ``pixels`` through ``backbone``, as in prediction.

    Raises:
        ValueError: The network cannot take images so small, or has no stages; the message says so.
    """
    # Imported here: footprints that are known already need no torch.
    from torch import Tensor
    from torch.utils.flop_counter import FlopCounterMode

    from foldgrid.models.backbones import build_on_meta
    from foldgrid.models.construction import follow

    network = build_on_meta(backbone, num_outputs, stage_heads, pixels, own_head).eval()
    activations = 0

    def count(_module: nn.Module, _inputs: tuple[Tensor, ...], output: object) -> None:
        nonlocal activations
        activations += output.numel() if isinstance(output, Tensor) else 0

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(count)
    try:
        with FlopCounterMode(display=False) as operations:
            follow(network, pixels)
    except (RuntimeError, AssertionError) as error:
        # Vision transformers assert their one picture size.
        raise ValueError(f"{backbone} cannot take {pixels}x{pixels} pixels ({error})") from error
    parameters = sum(parameter.numel() for parameter in network.parameters())
    # torch counts a multiplication and an addition as two.
    return Footprint(parameters, operations.get_total_flops() // 2, activations)


_STEPS = (32, 16, 14, 8)
"""Networks halve pictures up to five times, or cut them into patches."""


@fact_of_network
def nearest_sizes(backbone: str, pixels: int, multiple_of: int = 1) -> tuple[int, ...]:
    """The sizes next to ``pixels`` that a network takes: one below, one above, where there are.

    Args:
        backbone: A known name.
        pixels: Height and width that it does not take.
        multiple_of: What the sizes must be a multiple of.
    """
    near = {pixels // step * step + more * step for step in _STEPS for more in range(-2, 4)}
    tried = sorted(
        (each for each in (*near, native_pixels(backbone)) if each > 0 and each % multiple_of == 0),
        key=lambda each: abs(each - pixels),
    )
    below = (each for each in tried if each < pixels and _takes(backbone, each))
    above = (each for each in tried if each > pixels and _takes(backbone, each))
    return tuple(each for each in (next(below, None), next(above, None)) if each is not None)


def _takes(backbone: str, pixels: int) -> bool:
    try:
        footprint(backbone, 1, pixels)
    except ValueError:
        return False
    return True


@fact_of_network
def shapes_depend_on_size(backbone: str, pixels: int) -> bool:
    """Whether parameters are others for pictures of ``pixels`` than for the network's own size."""
    from foldgrid.models.backbones import build_on_meta

    own, other = build_on_meta(backbone, 1), build_on_meta(backbone, 1, pixels=pixels)
    shapes = [{key: each.shape for key, each in net.state_dict().items()} for net in (own, other)]
    return shapes[0] != shapes[1]
