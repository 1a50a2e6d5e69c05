"""Where networks come from: torchvision, timm, this project and others; one table of all networks.

`source` says what a source is; each is one file here, or comes from another package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from importlib.util import find_spec
from inspect import getfile
from typing import Concatenate, ParamSpec, TypeVar

from foldgrid.models.facts import fact
from foldgrid.models.sources.built_in_networks import BuiltInNetworks
from foldgrid.models.sources.efficientnet_lite import EfficientNetLite
from foldgrid.models.sources.source import (
    NETWORK_SOURCES,
    NetworkSource,
    Preprocessing,
    PublishedWeights,
)
from foldgrid.models.sources.timm_networks import TimmNetworks
from foldgrid.models.sources.torchvision_networks import TorchvisionNetworks
from foldgrid.models.sources.weight_files import WeightFiles
from foldgrid.specs.errors import SweepError

__all__ = [
    "NETWORK_SOURCES",
    "NetworkSource",
    "Preprocessing",
    "PublishedWeights",
    "all_backbones",
    "fact_of_network",
    "find_source",
    "known_backbones",
    "missing_library",
    "no_stages",
    "source_of",
]

P = ParamSpec("P")
T = TypeVar("T")

NETWORK_SOURCES.add("torchvision", TorchvisionNetworks())
NETWORK_SOURCES.add("timm", TimmNetworks())
NETWORK_SOURCES.add("efficientnet_lite", EfficientNetLite())
NETWORK_SOURCES.add("own", BuiltInNetworks())
NETWORK_SOURCES.add("file", WeightFiles())


def _source_by_name() -> dict[str, NetworkSource]:
    return _table(tuple(NETWORK_SOURCES.items()))


@lru_cache(maxsize=8)
def _table(sources: tuple[tuple[str, NetworkSource], ...]) -> dict[str, NetworkSource]:
    """By network its source.

    Raises:
        SweepError: Two sources have a network of the same name: whose is trained?
    """
    found: dict[str, NetworkSource] = {}
    for called, source in sources:
        for name in source.names():
            if name in found:
                raise SweepError(
                    f'{getfile(type(source))}: the network source "{called}" cannot be used.\n'
                    f"  {name} is a network of {found[name].title} already\n"
                    "Give it another name there, or uninstall the package."
                )
            found[name] = source
    return found


def known_backbones() -> tuple[str, ...]:
    """The names of all networks that can be trained, sorted.

    timm's are among them also where timm is not installed: asking for one then says so.
    """
    return tuple(sorted(_source_by_name()))


def all_backbones() -> tuple[str, ...]:
    """The names of all networks, those that only an installed library knows among them, sorted.

    Imports timm, which takes a second; `known_backbones` does not.
    """
    more = (name for source in NETWORK_SOURCES.values() for name in source.more_names())
    return tuple(sorted({*known_backbones(), *more}))


def find_source(name: str) -> NetworkSource | None:
    """Who builds ``name``; nothing where nobody does.

    A name that several have is that of the first who knows it without its library.
    """
    source = _source_by_name().get(name)
    if source is not None:
        return source
    return next((each for each in NETWORK_SOURCES.values() if each.builds(name)), None)


def source_of(name: str) -> NetworkSource:
    """Who builds ``name``.

    Raises:
        ValueError: Nobody does.
    """
    source = find_source(name)
    if source is None:
        raise ValueError(f"there is no network {name}")
    return source


def missing_library(name: str) -> str | None:
    """The package that ``name`` needs and that is not installed here; nothing where all is there.

    Raises:
        ValueError: Nobody builds ``name``.
    """
    library = source_of(name).library
    return library if find_spec(library) is None else None


def no_stages(name: str) -> str:
    """Why a network has no heads at the ends of its stages."""
    return (
        f"{name} cannot have heads at the ends of its stages. Convolutional networks can; "
        "transformers (ViT, Swin) cannot, nor GoogLeNet and Inception v3, which have auxiliary "
        "heads of their own."
    )


def fact_of_network(
    find_out: Callable[Concatenate[str, P], T],
) -> Callable[Concatenate[str, P], T]:
    """A `fact` about the network that the first argument names.

    Of another package's network it is found out by each process: no version says when its code
    changed.
    """
    ours = fact(find_out)

    @wraps(find_out)
    def of_network(name: str, *args: P.args, **kwargs: P.kwargs) -> T:
        is_ours = type(source_of(name)).__module__.startswith(f"{__name__}.")
        # What a repository holds is not decided by any version.
        is_ours = is_ours and "hf-hub:" not in name
        return (ours if is_ours else find_out)(name, *args, **kwargs)

    return lru_cache(maxsize=1024)(of_network)  # type: ignore[return-value]
