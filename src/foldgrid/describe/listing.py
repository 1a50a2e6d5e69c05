"""Networks by patterns of their names, with what decides whether one can be used."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from foldgrid.describe.numbers import full_count
from foldgrid.models.backbones import build_on_meta
from foldgrid.models.published import native_pixels
from foldgrid.models.sources import all_backbones, known_backbones, source_of
from foldgrid.specs.errors import SweepError, nearest
from foldgrid.tables.table import Column, Table
from foldgrid.tables.text import as_csv, as_markdown, as_plain

NUM_OUTPUTS = 1000
"""Of the last layer that parameters are counted with, as everybody publishes them."""

UNKNOWN, NONE = "not known", "no weights"


@dataclass(frozen=True)
class ListedNetwork:
    """One name that a sweep can give.

    Attributes:
        name: As a sweep gives it.
        source: Who builds it.
        num_parameters: With a last layer of 1000 outputs.
        pixels: The input size that its weights were trained or tested at.
        licence: Of its pre-trained weights: ``not known``, or ``no weights`` where none are
            published.
    """

    name: str
    source: str
    num_parameters: int
    pixels: int
    licence: str


def list_networks(patterns: Sequence[str]) -> tuple[ListedNetwork, ...]:
    """The networks whose names match any of ``patterns``, in natural order.

    Only those that match are built, as shapes without numbers: a tenth of a second each. A name
    with several tags of weights stands there once for each tag.

    Args:
        patterns: As a shell's, ``vit*dino*``; without any, all that are known without timm.

    Raises:
        SweepError: Nothing matches a pattern.
    """
    if not patterns:
        return _listed(known_backbones())
    every = all_backbones()
    tagged = {name.partition(".")[0] for name in every if "." in name}
    names = [name for name in every if name not in tagged or name in known_backbones()]
    found: list[str] = []
    for pattern in patterns:
        plain = pattern.removeprefix("timm:")
        prefix = pattern[: len(pattern) - len(plain)]
        matching = [
            prefix + name
            for name in (every if prefix else names)
            if fnmatchcase(name, plain) or name == plain
        ]
        if prefix:
            matching = [name for name in matching if source_of(name).refusal(name) is None]
        if not matching and plain in every:
            # An architecture by itself stands for all of its tags.
            matching = [name for name in names if name.partition(".")[0] == plain]
        if not matching:
            near = ", ".join(nearest(plain.strip("*"), every, most=5))
            hint = f" Near it are {near}." if near else ""
            raise SweepError(f'no network matches "{pattern}".{hint}')
        found += matching
    return _listed(tuple(dict.fromkeys(found)))


def _listed(names: Sequence[str]) -> tuple[ListedNetwork, ...]:
    usable = [name for name in names if source_of(name).refusal(name) is None]
    return tuple(_listed_network(name) for name in sorted(usable, key=_natural))


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts ``resnet18`` before ``resnet101``."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _listed_network(name: str) -> ListedNetwork:
    source = source_of(name)
    weights = source.published_weights(name)
    licence = NONE if weights is None else weights.licence or UNKNOWN
    architecture = name if name.startswith("hf-hub:") else name.partition(".")[0]
    if source_of(architecture) is not source:
        architecture = f"timm:{architecture}"
    size = _num_parameters(architecture)
    return ListedNetwork(name, source.title, size, native_pixels(name), licence)


@lru_cache(maxsize=4096)
def _num_parameters(name: str) -> int:
    network = build_on_meta(name, NUM_OUTPUTS)
    return sum(parameter.numel() for parameter in network.parameters())


def as_table(networks: Sequence[ListedNetwork]) -> Table:
    """A row a network."""
    columns = (
        Column("network"),
        Column("parameters", is_number=True, format=full_count),
        Column("pixels", is_number=True),
        Column("licence of the weights"),
        Column("from"),
    )
    rows = tuple(
        (each.name, each.num_parameters, each.pixels, each.licence, each.source)
        for each in networks
    )
    return Table("networks", "", columns, rows)


def as_json(networks: Sequence[ListedNetwork]) -> str:
    """A list, an object a network."""
    return json.dumps([asdict(each) for each in networks], indent=2, ensure_ascii=False) + "\n"


def render(networks: Sequence[ListedNetwork], format: str) -> str:
    """The list as text.

    Args:
        networks: What is listed.
        format: ``terminal``, ``md``, ``csv`` or ``json``.
    """
    if format == "json":
        return as_json(networks)
    renderers = {"terminal": as_plain, "md": as_markdown, "csv": as_csv}
    return renderers[format](as_table(networks))
