"""Where networks come from: torchvision, timm, and this project; one table of all of them."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

from foldgrid.models.sources.own_networks import OwnNetworks
from foldgrid.models.sources.source import NetworkSource, PublishedWeights
from foldgrid.models.sources.timm_networks import TimmNetworks
from foldgrid.models.sources.torchvision_networks import TorchvisionNetworks

__all__ = [
    "NetworkSource",
    "PublishedWeights",
    "find_source",
    "known_backbones",
    "missing_library",
    "source_of",
]

_SOURCES: tuple[NetworkSource, ...] = (TorchvisionNetworks(), TimmNetworks(), OwnNetworks())


@lru_cache(maxsize=1)
def _source_by_name() -> dict[str, NetworkSource]:
    return {name: source for source in _SOURCES for name in source.names()}


def known_backbones() -> tuple[str, ...]:
    """The names of all networks that can be trained, sorted.

    timm's are among them also where timm is not installed: asking for one then says so.
    """
    return tuple(sorted(_source_by_name()))


def find_source(name: str) -> NetworkSource | None:
    """Who builds ``name``; nothing where nobody does."""
    return _source_by_name().get(name)


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
