"""A network's structure as words and cells: what every format shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from foldgrid.describe.lecture import (
    LectureDifference,
    LectureNote,
    lecture_differences,
    lecture_notes,
    num_lecture_values,
    sizes,
)
from foldgrid.describe.numbers import full_count, same_or_each, short_count
from foldgrid.describe.structure import Structure
from foldgrid.models.layers import Layer, fold, join_side_layers
from foldgrid.specs.architectures import Architecture, find_architecture
from foldgrid.specs.counted import counted

VOLUMES = (
    "Volumes are height x width x depth, or tokens x depth. From an input W high, a kernel F, a "
    "padding P and a stride S comes an output (W - F + 2P)/S + 1 high, rounded down."
)
PARAMETERS = "Parameters are weights and biases, those of norms among them."
SIDE_LAYERS = (
    "Norms, activations, dropout and sums are counted with the layer that they belong to; --all "
    "gives each a row."
)
MULTIPLY_ADDS = (
    "Multiply-adds are those of one image in convolutions, dense layers and attention. Biases, "
    "norms, activations and pooling are not counted, as in the numbers that torchvision publishes."
)
HANGS_OVER = "Padding +: the last window hangs over the edge, so the output is rounded up."
AUXILIARY = (
    "Auxiliary heads help in training. Predictions do without them, and so do the multiply-adds."
)
DEPTHWISE = "depthwise (dw): each filter sees one channel; gN: in N groups."


@dataclass(frozen=True)
class Description:
    """A structure and what is shown of it.

    Attributes:
        structure: The facts.
        rows: What an image passes, side layers joined and modules folded as asked for.
        auxiliary: The same of the auxiliary heads.
        has_side_layers: Whether each norm and activation is a row.
    """

    structure: Structure
    rows: tuple[Layer, ...]
    auxiliary: tuple[Layer, ...]
    has_side_layers: bool

    @property
    def architecture(self) -> Architecture | None:
        """What was published about it."""
        return find_architecture(self.structure.backbone)

    @property
    def lecture_notes(self) -> tuple[LectureNote, ...]:
        """Why it differs from the lecture's table; empty where the lecture has none."""
        return lecture_notes(self.structure.backbone)

    @property
    def lecture_differences(self) -> tuple[LectureDifference, ...]:
        """In what it differs from the lecture's table; empty where the lecture has none."""
        return lecture_differences(self.structure.backbone) if self.lecture_notes else ()


def make_description(structure: Structure, depth: int | None, show_all: bool) -> Description:
    """The rows of a structure.

    Args:
        structure: The facts.
        depth: Modules at so many parts of their names become a row; without it, none do.
        show_all: Norms, activations, dropout and sums are rows too.
    """

    def shown(layers: Sequence[Layer]) -> tuple[Layer, ...]:
        rows = tuple(layers) if show_all else join_side_layers(layers)
        return rows if depth is None else fold(rows, depth)

    return Description(structure, shown(structure.layers), shown(structure.auxiliary), show_all)


def heading(description: Description) -> str:
    """Which network it is and where it comes from, in one line."""
    architecture = description.architecture
    name = description.structure.backbone
    if architecture is None:
        return name
    return f"{name}: {architecture.name} ({architecture.year}), {architecture.idea}"


def extent(description: Description) -> str:
    """Its size at this input, in one line."""
    structure, own = description.structure, description.structure.own_head
    head = f" (head {own.name}, pooling {own.pooling})" if own else ""
    return (
        f"{structure.pixels}x{structure.pixels} pixels, {structure.num_outputs} outputs{head}: "
        f"{counted(structure.num_parameters, 'parameter')}, "
        f"{short_count(structure.multiply_adds)} multiply-adds"
    )


def operation(layer: Layer, is_short: bool) -> str:
    """What a layer does, with its kernel: ``conv 3x3``, ``max pool 2x2``, ``7 layers``."""
    if layer.kind == "block":
        return f"{layer.num_layers} layers" if layer.num_layers > 1 else "head"
    word = layer.operation if layer.kind in ("norm", "activation", "dropout") else layer.kind
    word = layer.operation if layer.kind == "other" else word
    if layer.is_depthwise and not is_short:
        word = "depthwise"
    if is_short:
        word = word.removesuffix(" pool") if layer.kernel else word
    parts = [word, sizes(layer.kernel)]
    if layer.is_depthwise and is_short:
        parts.append("dw")
    elif layer.groups > 1 and not layer.is_depthwise:
        parts.append(f"g{layer.groups}")
    return " ".join(part for part in parts if part)


def padding(layer: Layer) -> str:
    """``1``, ``0x3``, and ``0+`` where the last window hangs over the edge."""
    return same_or_each(layer.padding) + ("+" if layer.hangs_over else "")


def totals(description: Description) -> tuple[tuple[str, int, int], ...]:
    """Name, parameters and multiply-adds of the lines below the table."""
    structure = description.structure
    main = sum(layer.parameters for layer in structure.layers)
    if not structure.auxiliary:
        return (("total", main, structure.multiply_adds),)
    heads = sum(layer.multiply_adds for layer in structure.auxiliary)
    return (
        ("in prediction", main, structure.multiply_adds),
        ("auxiliary heads", structure.num_parameters - main, heads),
        ("in training", structure.num_parameters, structure.multiply_adds + heads),
    )


def conventions(description: Description) -> tuple[str, ...]:
    """How to read the table; only what it needs."""
    rows = (*description.rows, *description.auxiliary)
    notes = [VOLUMES, PARAMETERS]
    if not description.has_side_layers:
        notes.append(SIDE_LAYERS)
    notes.append(MULTIPLY_ADDS)
    if any(layer.groups > 1 for layer in rows):
        notes.append(DEPTHWISE)
    if any(layer.hangs_over for layer in rows):
        notes.append(HANGS_OVER)
    if description.structure.auxiliary:
        notes.append(AUXILIARY)
    if description.structure.auxiliary_problem:
        notes.append(
            f"At {description.structure.pixels} pixels the auxiliary head does not work, so the "
            "network predicts and cannot be trained: enlarge --pixels."
        )
    return tuple(notes)


def sources(description: Description) -> tuple[str, ...]:
    """Where the network comes from, and in what torchvision's differs."""
    architecture = description.architecture
    if architecture is None:
        return ()
    return (f"{architecture.paper}.", *([architecture.note] if architecture.note else []))


def lecture_lines(description: Description) -> tuple[str, ...]:
    """The network beside the lecture's table of it: how much is equal, and why the rest is not."""
    if not description.lecture_notes:
        return ()
    differences = description.lecture_differences
    num_metrics = num_lecture_values(description.structure.backbone)
    start = (
        f"The CNN lecture's table of this network has {counted(num_metrics, 'number')}; "
        f"{num_metrics - len(differences)} of them are the same in torchvision's, norms apart. "
        "The others:"
    )
    return (start, *(_why(note, differences) for note in description.lecture_notes))


def _why(note: LectureNote, differences: Sequence[LectureDifference]) -> str:
    covered = [each for each in differences if note.covers(each.layer, each.field)]
    telling = [each for each in covered if each.field == "parameters"]
    shown = (telling or covered)[0]
    field = shown.field.replace("_", " ")
    example = f"{shown.layer} {field} {_grouped(shown.printed)}, here {_grouped(shown.found)}"
    return f"{note.text} ({example}{f'; {len(covered)} values' if len(covered) > 1 else ''})"


def _grouped(cell: str) -> str:
    return f"{int(cell):,}" if cell.isdecimal() else cell


def as_document(description: Description) -> dict[str, object]:
    """Everything, for JSON."""
    structure, architecture = description.structure, description.architecture
    return {
        "backbone": structure.backbone,
        "pixels": structure.pixels,
        "num_outputs": structure.num_outputs,
        "head": structure.own_head._asdict() if structure.own_head else None,
        "num_parameters": structure.num_parameters,
        "multiply_adds": structure.multiply_adds,
        "architecture": architecture.model_dump() if architecture else None,
        "layers": [asdict(layer) for layer in description.rows],
        "auxiliary": [asdict(layer) for layer in description.auxiliary],
        "auxiliary_problem": structure.auxiliary_problem,
        "conventions": conventions(description),
        "lecture": {
            "differences": [asdict(each) for each in description.lecture_differences],
            "notes": [note.model_dump() for note in description.lecture_notes],
        },
    }


def cells(layer: Layer, is_exact: bool) -> tuple[str, ...]:
    """A row: layer, operation, input, output, stride, padding, parameters, multiply-adds."""
    joined = "".join(f", {each}" for each in layer.joined) if is_exact else ""
    count = full_count if is_exact else short_count
    return (
        layer.name,
        operation(layer, is_short=not is_exact) + joined,
        sizes(layer.input),
        sizes(layer.output),
        same_or_each(layer.stride),
        padding(layer),
        full_count(layer.parameters),
        count(layer.multiply_adds),
    )
