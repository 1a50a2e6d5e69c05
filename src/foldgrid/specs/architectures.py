"""What was published about each architecture; plain facts, read without torch."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from typing import Literal

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.reading import read_document, validate


class Architecture(Spec):
    """A family of networks and the paper that it comes from.

    Attributes:
        name: What people call it.
        year: Of the paper's first public version.
        idea: What was new, in a few words.
        paper: Authors, title, where.
        backbones: Its networks by torchvision's or timm's names; the first stands for all in a
            comparison.
        top5_error: By backbone the paper's top-5 error on ImageNet's validation set, of one
            network, in percent; only those that the paper prints.
        top5_from: Whether those errors were held against the ``paper`` again, or stand from
            ``memory``.
        conditions: How that error was found.
        note: In what these networks differ from the paper's.
    """

    name: str
    year: int
    idea: str
    paper: str
    backbones: tuple[str, ...]
    top5_error: dict[str, float] = Field(default_factory=dict)
    top5_from: Literal["paper", "memory"] = "memory"
    conditions: str = ""
    note: str = ""


class _Architectures(Spec):
    architectures: tuple[Architecture, ...]


@lru_cache(maxsize=1)
def known_architectures() -> tuple[Architecture, ...]:
    """All architectures, the oldest first."""
    with as_file(files("foldgrid.specs").joinpath("architectures.yaml")) as path:
        return validate(_Architectures, read_document(path)).architectures


def find_architecture(backbone: str) -> Architecture | None:
    """The architecture that ``backbone`` belongs to; nothing where it is not known."""
    return next((each for each in known_architectures() if backbone in each.backbones), None)
