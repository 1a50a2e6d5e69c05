"""What a source of networks is: a library of networks, or a module of this project. Knows none.

One class says all there is to say of its networks: their names, how they are built, and what is
published about each. Everything else (heads, footprints, stages, frozen layers, hidden values)
asks the network itself. The rules (``tests/contracts/test_network_sources.py``):

1. *Names without a library.* ``names`` needs no package that may be lacking, and none of its names
   is another source's. ``more_names`` and ``builds`` may ask the library.
2. *Weights are drawn from torch's global generator* alone, and none on the meta device; all other
   methods draw nothing. The same seed gives the same bits.
3. *The last layer is the size that is asked for*: ``(B, 3, H, W)`` to ``(B, num_outputs)``, and
   only parameters of the last layer and of auxiliary heads depend on that number.
4. *A picture of* ``native_pixels`` *can be taken*, in training and in prediction.
5. *At its own size* ``construct_at`` *is* ``construct``, bit for bit; at others the parameters have
   the same names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from foldgrid.specs.normalization import CHANNEL_STATISTICS
from foldgrid.specs.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

USUAL_PIXELS = 224
"""The input size of most networks for ImageNet."""

IMAGENET_MEAN_RGB, IMAGENET_STD_RGB = CHANNEL_STATISTICS["imagenet"]


@dataclass(frozen=True)
class Preprocessing:
    """How pixels were prepared for a network's published weights.

    Attributes:
        mean: What is subtracted from each channel of a picture in [0, 1].
        std: What each channel is then divided by.
        interpolation: How pictures were brought to the input size, ``bilinear`` or ``bicubic``.
    """

    mean: tuple[float, ...] = IMAGENET_MEAN_RGB
    std: tuple[float, ...] = IMAGENET_STD_RGB
    interpolation: str = "bilinear"


@dataclass(frozen=True)
class PublishedWeights:
    """Weights of one network for ImageNet, as somebody publishes them: at one of three places.

    Attributes:
        name: What the publisher calls them, such as ``IMAGENET1K_V1``.
        url: Where the file is; its name ends with the start of its SHA-256. "" where they are
            published elsewhere.
        hub: The repository on the Hugging Face Hub that holds them, ``owner/name`` or, of another
            revision than ``main``, ``owner/name@revision``.
        hub_file: The file in that repository.
        package: The Python package that brings the file with it.
        package_file: The file's name in that package.
        sha256: The file's SHA-256 where it is pinned.
        licence: The weights' licence as SPDX writes it in lower case, as far as it is known.
        num_bytes: The file's size; 0 where nobody says it.
    """

    name: str
    url: str = ""
    hub: str = ""
    hub_file: str = "model.safetensors"
    package: str = ""
    package_file: str = ""
    sha256: str = ""
    licence: str = ""
    num_bytes: int = 0

    @property
    def file(self) -> str:
        """The file's name in a folder of weight files."""
        if self.package_file:
            return self.package_file
        if self.url:
            return PurePosixPath(urlsplit(self.url).path).name
        suffix = PurePosixPath(self.hub_file).suffix
        return f"{self.hub.replace('/', '--')}{suffix}"


class NetworkSource(ABC):
    """A source of networks by name; see the rules above.

    Attributes:
        title: What people call it.
        library: The package that must be installed to build its networks.

    Example:
        >>> NETWORK_SOURCES.named("own").names()
        ('plain_cnn',)
    """

    title: ClassVar[str]
    library: ClassVar[str]

    def install_command(self) -> str:
        """What brings its library."""
        return f"python -m pip install {self.library}"

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The networks that it builds."""

    def builds(self, name: str) -> bool:
        """Whether it builds a network of this name; may ask the library, where it is installed."""
        return name in self.names()

    def more_names(self) -> tuple[str, ...]:
        """Names beside ``names`` that only the library knows; none where it is not installed."""
        return ()

    def refusal(self, name: str) -> str | None:
        """Why a network of its own cannot be built here and now, and what to do; else nothing."""
        del name
        return None

    def canonical(self, name: str) -> str:
        """One of several spellings of the same network and weights."""
        return name

    @abstractmethod
    def construct(self, name: str, num_outputs: int) -> nn.Module:
        """The network with fresh weights and a last layer of ``num_outputs``."""

    def construct_at(self, name: str, num_outputs: int, pixels: int) -> nn.Module:
        """The same for pictures of ``pixels``: where position embeddings depend on their size.

        Raises:
            ValueError: The network cannot be built for pictures of this size; says why.
        """
        del pixels
        return self.construct(name, num_outputs)

    def construct_with_drop_path(
        self, name: str, num_outputs: int, pixels: int | None, drop_path: float
    ) -> nn.Module:
        """The same, its residual blocks left out at random in training (stochastic depth).

        Args:
            name: The network's name.
            num_outputs: The size of its last layer.
            pixels: Height and width of the pictures; nothing for the network's own size.
            drop_path: How often the last block is left out, in [0, 1).

        Raises:
            ValueError: It has no blocks that can be left out.
        """
        del num_outputs, pixels, drop_path
        raise ValueError(f"{name} has no blocks that can be left out (drop_path)")

    def adapt_state(
        self, name: str, network: nn.Module, state: Mapping[str, Tensor], pixels: int | None
    ) -> Mapping[str, Tensor]:
        """A published state dict as ``network`` takes it: entries renamed, embeddings resized.

        Args:
            name: The network's name.
            network: As `construct_at` built it.
            state: As published; left as it is.
            pixels: What the network was built for; nothing for its own size.

        Raises:
            ValueError: It is another network's; says where they differ.
        """
        del name, network, pixels
        return state

    def has_auxiliary_heads(self, name: str) -> bool:
        """Whether the network's authors gave it further heads than its last layer, in training."""
        del name
        return False

    def published_weights(self, name: str) -> PublishedWeights | None:
        """Its pre-trained weights; nothing where none are published."""
        del name
        return None

    def native_pixels(self, name: str) -> int:
        """The input size that it was made or tested for."""
        del name
        return USUAL_PIXELS

    def preprocessing(self, name: str) -> Preprocessing:
        """How pixels are prepared for its published weights."""
        del name
        return Preprocessing()

    def published_top5(self, name: str) -> float | None:
        """The top-5 accuracy of its weights on ImageNet, in percent, of one centre crop.

        Nothing where nobody publishes one.
        """
        del name
        return None


NETWORK_SOURCES: Registry[NetworkSource] = Registry(
    "network source", NetworkSource, home="foldgrid.models.sources"
)
"""All sources; a package adds one by an entry point of the group ``foldgrid.network_sources``."""
