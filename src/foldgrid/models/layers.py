"""What is known of one layer, and how layers are put together into fewer rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal[
    "conv",
    "dense",
    "attention",
    "max pool",
    "mean pool",
    "concat",
    "weights",
    "norm",
    "activation",
    "dropout",
    "add",
    "scale",
    "other",
    "block",
]
"""``weights``: parameters that no layer holds, such as a position embedding. ``block``: several
layers in one row."""

SIDE_KINDS = frozenset({"norm", "activation", "dropout", "add", "scale", "other"})
"""Kinds that keep the volume as it is and multiply no matrices: shown only where asked for."""

Volume = tuple[int, ...]
"""Height, width, depth; or tokens, depth; or the depth alone."""


@dataclass(frozen=True)
class Layer:
    """One layer, or several in one row.

    Attributes:
        name: The network's name of the module, such as ``layer1.0.conv1``; a function has its
            module's name with its own behind, such as ``layer1.0.add``.
        kind: What it does.
        operation: torch's name of it in lower case, such as ``relu``; "" for a block.
        input: The volume that comes in; empty where several come together, and for weights.
        output: The volume that goes out.
        kernel: Height and width; empty where there is none.
        stride: Vertical and horizontal; empty where there is none.
        padding: At top and bottom, and left and right; empty where there is none.
        groups: Into how many parts a convolution cuts its input's depth.
        hangs_over: Whether the last window of a pooling hangs over the edge: sizes are rounded up.
        parameters: Trainable parameters.
        multiply_adds: Of one image, in convolutions and matrix products.
        joined: The operations of the side layers that this row stands for too.
        num_layers: How many layers a block holds, side layers not counted; otherwise 1.
        end: The place in the computation, and the output, of the last layer that this row stands
            for, where side layers were joined.
    """

    name: str
    kind: Kind
    operation: str
    input: Volume
    output: Volume
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    groups: int = 1
    hangs_over: bool = False
    parameters: int = 0
    multiply_adds: int = 0
    joined: tuple[str, ...] = ()
    num_layers: int = 1
    end: tuple[int, Volume] = (-1, ())

    @property
    def parent(self) -> str:
        """The module that the layer is in."""
        return self.name.rpartition(".")[0]

    @property
    def is_depthwise(self) -> bool:
        """Whether each filter of a convolution sees one channel only."""
        return self.kind == "conv" and 1 < self.groups == self.input[-1]

    def joining(self, other: Layer, place: int) -> Layer:
        """This row, standing for a side layer at ``place`` of the computation too."""
        return replace(
            self,
            end=max(self.end, (place, other.output)),
            parameters=self.parameters + other.parameters,
            multiply_adds=self.multiply_adds + other.multiply_adds,
            joined=(*self.joined, other.operation),
        )


def join_side_layers(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The rows of ``layers`` with norms, activations and sums joined to the layer they belong to.

    Sums of parameters and of multiply-adds stay what they were. A concatenation is a row of its
    own, but not where it begins a module, as in each layer of a DenseNet: there the next row's
    input shows it.
    """
    is_row = [_is_row(layers, place) for place in range(len(layers))]
    rows = {
        place: replace(layers[place], end=(place, layers[place].output))
        for place in range(len(layers))
        if is_row[place]
    }
    for place, layer in enumerate(layers):
        if not is_row[place]:
            target = _owner(layers, is_row, place)
            if target is None:
                rows[place] = layer
            else:
                rows[target] = rows[target].joining(layer, place)
    return tuple(rows[place] for place in sorted(rows))


def _is_row(layers: Sequence[Layer], place: int) -> bool:
    layer = layers[place]
    if layer.kind == "concat":
        inside = f"{layer.parent}."
        return not layer.parent or any(each.name.startswith(inside) for each in layers[:place])
    return layer.kind not in SIDE_KINDS


def _owner(layers: Sequence[Layer], is_row: Sequence[bool], place: int) -> int | None:
    """Which row a side layer belongs to: the one whose output it takes, of its own module first."""
    side = layers[place]
    rows = [each for each in range(len(layers)) if is_row[each] and layers[each].kind != "weights"]
    before = [row for row in rows if row < place]
    siblings = [row for row in rows if layers[row].parent == side.parent]
    feeding = [row for row in before if layers[row].output == side.input]
    if found := [row for row in feeding if row in siblings]:
        return found[-1]
    if not any(row < place for row in siblings):
        # A norm that begins its module stands before the layer that it serves.
        served = [row for row in siblings if layers[row].input == side.output]
        if served:
            return served[0]
    nearest = feeding or before
    return nearest[-1] if nearest else next(iter(rows), None)


def fold(layers: Sequence[Layer], depth: int) -> tuple[Layer, ...]:
    """A row for each module at ``depth`` parts of the layers' names.

    Args:
        layers: Rows in the order of the computation, side layers joined.
        depth: 1 for a network's own children (``layer1``), 2 for theirs (``layer1.0``), and so on.
            A layer whose name has no more parts stays as it is.
    """
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(".".join(layer.name.split(".")[:depth]), []).append(layer)
    return tuple(_folded(name, members) for name, members in groups.items())


def _folded(name: str, members: Sequence[Layer]) -> Layer:
    if len(members) == 1:
        return replace(members[0], name=name)
    return Layer(
        name=name,
        kind="block",
        operation="",
        input=members[0].input,
        # The last row of a squeeze-and-excitation block is the gate, whose picture is one cell.
        output=max(member.end for member in members)[1] or members[-1].output,
        parameters=sum(layer.parameters for layer in members),
        multiply_adds=sum(layer.multiply_adds for layer in members),
        num_layers=len(members),
    )
