"""The CNN lecture's tables beside torchvision's networks: what is equal, what differs, and why.

The lecture is the one on convolutional networks of Jimeng Sun's course "Deep Learning for
Healthcare". Its values stand in ``lecture_tables.csv`` and ``lecture_comparison.csv`` as printed,
misprints included; ``lecture_notes.yaml`` gives the reason of every difference.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Literal

from foldgrid.describe.structure import describe
from foldgrid.models.layers import Layer
from foldgrid.models.published import native_pixels
from foldgrid.specs.base import Spec
from foldgrid.specs.reading import read_document, validate

FIELDS = ("input", "output", "kernel", "stride", "padding", "depth_in", "parameters")
TOTAL = "total"
NUM_CLASSES = 1000


class LectureNote(Spec):
    """Why values of the lecture and of torchvision differ.

    Attributes:
        about: Whose doing it is: torchvision's network is another one, or the lecture is wrong or
            rounds.
        layers: Patterns of the lecture's layer names, such as ``4b.conv1x1?``.
        fields: Of ``FIELDS``.
        text: The reason, for a reader of the table.
    """

    about: Literal["torchvision", "lecture"]
    layers: tuple[str, ...]
    fields: tuple[str, ...]
    text: str

    def covers(self, layer: str, field: str) -> bool:
        """Whether the note explains this value of this layer."""
        return field in self.fields and any(fnmatch(layer, each) for each in self.layers)


class _Notes(Spec):
    structures: dict[str, tuple[LectureNote, ...]]
    comparison: tuple[LectureNote, ...]


@dataclass(frozen=True)
class LectureRow:
    """A row of one of the lecture's structural tables, as printed.

    Attributes:
        network: torchvision's name of the network.
        layer: The lecture's name of the layer; ``total`` for the last row.
        ours: torchvision's name of the same layer.
        cells: By each of ``FIELDS`` what is printed, such as ``11x11``; "" where nothing is.
        depth_out: The number of filters as printed.
    """

    network: str
    layer: str
    ours: str
    cells: dict[str, str]
    depth_out: str


@dataclass(frozen=True)
class LectureDifference:
    """A value that the lecture and torchvision's network do not share.

    Attributes:
        layer: The lecture's name of the layer.
        ours: torchvision's.
        field: Which value; of ``FIELDS``.
        printed: What the lecture prints.
        found: What torchvision's network has.
    """

    layer: str
    ours: str
    field: str
    printed: str
    found: str


@lru_cache(maxsize=1)
def lecture_rows() -> tuple[LectureRow, ...]:
    """All rows of the lecture's structural tables."""
    return tuple(
        LectureRow(
            network=row["network"],
            layer=row["layer"],
            ours=row["ours"],
            cells={field: row[field] for field in FIELDS},
            depth_out=row["depth_out"],
        )
        for row in _read_csv("lecture_tables.csv")
    )


@lru_cache(maxsize=1)
def lecture_comparison() -> tuple[dict[str, str], ...]:
    """The rows of the lecture's comparison of architectures, as printed, by column."""
    return tuple(_read_csv("lecture_comparison.csv"))


def lecture_notes(network: str) -> tuple[LectureNote, ...]:
    """Why ``network`` differs from the lecture's table of it; empty where it has no table."""
    return _notes().structures.get(network, ())


def lecture_comparison_notes() -> tuple[LectureNote, ...]:
    """What is to be known about the lecture's comparison of architectures."""
    return _notes().comparison


def lecture_differences(network: str) -> tuple[LectureDifference, ...]:
    """Every value in which torchvision's ``network`` differs from the lecture's table of it.

    Values that one of the two does not have (a dense layer's kernel, a global pooling's stride)
    are not compared. The parameters are the layer's own, without those of the norm behind it.
    """
    structure = describe(network, NUM_CLASSES, native_pixels(network))
    layers = {layer.name: layer for layer in structure.layers}
    found = []
    for row in lecture_rows():
        if row.network != network:
            continue
        if row.layer == TOTAL:
            ours = {"parameters": str(structure.num_parameters)}
        else:
            ours = _cells(layers[row.ours])
        found += [
            LectureDifference(row.layer, row.ours, field, printed, ours[field])
            for field, printed in row.cells.items()
            if printed and ours.get(field) and _bare(printed) != _bare(ours[field])
        ]
    return tuple(found)


def num_lecture_values(network: str) -> int:
    """How many values the lecture's table of ``network`` prints."""
    return sum(
        bool(printed)
        for row in lecture_rows()
        if row.network == network
        for printed in row.cells.values()
    )


def sizes(numbers: Sequence[int]) -> str:
    """``224x224x3``; "" for nothing."""
    return "x".join(str(number) for number in numbers)


def _cells(layer: Layer) -> dict[str, str]:
    # The lecture writes half a padding where the last window hangs over the edge on one side.
    padding = "0.5" if layer.hangs_over else sizes(layer.padding[:1])
    return {
        "input": sizes(layer.input),
        "output": sizes(layer.output),
        "kernel": sizes(layer.kernel),
        "stride": sizes(layer.stride[:1]),
        "padding": padding,
        "depth_in": str(layer.input[-1]) if layer.input else "",
        "parameters": "" if layer.kind == "concat" else str(layer.parameters),
    }


def _bare(cell: str) -> str:
    # 1x1x4096 and 4096 are the same volume; so are kernels without an extent.
    return cell.removeprefix("1x1x")


def _read_csv(name: str) -> list[dict[str, str]]:
    text = files("foldgrid.describe").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=1)
def _notes() -> _Notes:
    with as_file(files("foldgrid.describe").joinpath("lecture_notes.yaml")) as path:
        return validate(_Notes, read_document(path))
