"""``foldgrid models …``: what a network is made of, and networks side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from foldgrid.cli.terminal import SweepName, backbones_of_sweep
from foldgrid.specs.errors import InputError, Problem, SweepError
from foldgrid.specs.heads import ATTENTION, DEFAULT_HEAD, OwnHead, Pooling
from foldgrid.tables.text import check_format

FORMATS = ("terminal", "md", "csv", "json", "latex")
LIST_FORMATS = ("terminal", "md", "csv", "json")

Pixels = Annotated[int, Parameter(validator=Number(gte=1, lte=4096))]
Outputs = Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))]
Depth = Annotated[int, Parameter(validator=Number(gte=1, lte=20))]
ShowAll = Annotated[bool, Parameter(name="--all", negative=())]
HasNotes = Annotated[bool, Parameter(name="--notes", negative=())]

app = App(name="models", help="What the networks are made of, and what they cost.")


@app.command(name="list")
def list_(*patterns: str, format: str = "terminal") -> None:
    """List networks by name: parameters, input size, licence of the weights.

    Without a pattern these are torchvision's and this project's; timm's thousands of names are
    asked for by patterns. Nothing is computed and no weights are needed.

    Args:
        patterns: Names, or patterns such as 'vit*dino*' (in quotes, or the shell takes them).
        format: How it is printed: terminal, md, csv or json.
    """
    check_format(format, LIST_FORMATS)
    from foldgrid.describe.listing import list_networks, render

    networks = list_networks(patterns)
    sys.stdout.write(render(networks, format))
    if format == "terminal" and not patterns:
        print("timm has more than a thousand others: `models list 'vit*dino*'` shows some.")


@app.command
def describe(
    name: str,
    /,
    *,
    pixels: Pixels | None = None,
    outputs: Outputs = 1000,
    head: str = DEFAULT_HEAD,
    pooling: Pooling = "network",
    depth: Depth | None = None,
    show_all: ShowAll = False,
    notes: HasNotes = False,
    format: str = "terminal",
) -> None:
    """Show a network layer by layer: volumes, kernels, parameters, multiply-adds.

    Nothing is computed and no weights are needed.

    Args:
        name: A network, such as resnet34.
        pixels: Height and width of the image; without it, what its weights were published for.
        outputs: How many outputs the last layer has.
        head: The head that a sweep would give it, as training.head: linear, ridge, logistic, mlp,
            or another package's.
        pooling: Where that takes its features from, as training.pooling.
        depth: A row for each module at so many parts of the layers' names: 1 for googlenet's
            inception modules, 2 for resnet34's residual blocks or densenet121's dense blocks.
        show_all: Also the norms, activations, dropout and sums, each in a row of its own.
        notes: In LaTeX, below the table, how numbers were counted; the other formats say it.
        format: How it is printed: terminal, md, csv, json or latex.
    """
    check_format(format, FORMATS)
    from foldgrid.describe.formats import TEXT_FORMATS, render_latex, render_terminal
    from foldgrid.describe.structure import describe as describe_network
    from foldgrid.describe.words import make_description
    from foldgrid.models import check_backbones
    from foldgrid.models.published import native_pixels

    check_backbones([name], "models describe", {})
    size = pixels or native_pixels(name)
    own_head = _own_head(name, head, pooling)
    try:
        structure = describe_network(name, outputs, size, own_head)
    except ValueError as error:
        raise SweepError(f"--pixels: {error}.\n{_right_size(name, size)}") from error
    description = make_description(structure, depth, show_all)
    if format == "terminal":
        from rich.console import Console

        render_terminal(description, Console(highlight=False))
    elif format == "latex":
        sys.stdout.write(render_latex(description, notes))
    else:
        sys.stdout.write(TEXT_FORMATS[format](description))


def _own_head(name: str, head: str, pooling: Pooling) -> OwnHead | None:
    """The head in the place of a network's own last layer, as a recipe would have it.

    Raises:
        SweepError: There is no such head, or the network has no such features.
    """
    from foldgrid.models.naming import pooling_fault
    from foldgrid.specs.errors import did_you_mean
    from foldgrid.specs.heads import HEADS
    from foldgrid.specs.recipe import own_head_of

    if head not in HEADS:
        raise SweepError(f'--head: found "{head}". {did_you_mean(head, HEADS)}')
    if pooling not in ("network", ATTENTION) and (fault := pooling_fault(name, pooling)):
        raise SweepError(f"--pooling: {fault}")
    return own_head_of(head, pooling)


@app.command
def compare(
    *names: str,
    sweep: SweepName | None = None,
    pixels: Pixels | None = None,
    outputs: Outputs = 1000,
    notes: HasNotes = False,
    format: str = "terminal",
) -> None:
    """Set networks side by side: year, idea, top-5 accuracy, parameters, multiply-adds.

    Args:
        names: The networks; without any, one of each architecture.
        sweep: Those of a sweep instead, a name in sweeps/ or a YAML file.
        pixels: Height and width of the image; without it, what each one's weights were published
            for.
        outputs: How many outputs the last layer has.
        notes: In LaTeX, below the table, how numbers were counted; the other formats say it.
        format: How it is printed: terminal, md, csv, json or latex.
    """
    check_format(format, FORMATS)
    from foldgrid.describe.comparison import compare_networks
    from foldgrid.describe.comparison_formats import TEXT_FORMATS, render_latex, render_terminal

    chosen = _chosen(names, sweep)
    try:
        networks = compare_networks(chosen, outputs, pixels)
    except ValueError as error:
        advice = "Enlarge --pixels, or leave it out: each network then has its own size."
        raise InputError("--pixels", [Problem(str(pixels), "", f"{error}.")], advice) from error
    if format == "terminal":
        from rich.console import Console

        render_terminal(networks, outputs, Console(highlight=False))
    elif format == "latex":
        sys.stdout.write(render_latex(networks, outputs, notes))
    else:
        sys.stdout.write(TEXT_FORMATS[format](networks, outputs))


def _chosen(names: Sequence[str], sweep: str | None) -> tuple[str, ...]:
    """The networks asked for, all known, each once."""
    from foldgrid.models import check_backbones
    from foldgrid.specs.architectures import known_architectures

    if names and sweep is not None:
        raise SweepError("--sweep: found together with names. Give one of the two.")
    source = "models compare"
    if sweep is not None:
        names, source = backbones_of_sweep(sweep)
    elif not names:
        names = _buildable([each.backbones[0] for each in known_architectures()])
    check_backbones(names, source, {})
    return tuple(dict.fromkeys(names))


def _buildable(names: Sequence[str]) -> list[str]:
    """``names`` without those whose library is not installed here, which are said."""
    from foldgrid.models.sources import missing_library

    lacking = {name: library for name in names if (library := missing_library(name))}
    for name, library in lacking.items():
        print(f"{name} is left out: {library} is not installed here.", file=sys.stderr)
    return [name for name in names if name not in lacking]


def _right_size(name: str, pixels: int) -> str:
    from foldgrid.models.footprint import nearest_sizes
    from foldgrid.models.published import native_pixels

    native = native_pixels(name)
    near = [str(size) for size in nearest_sizes(name, pixels)]
    if not near:
        return f"Give --pixels {native}, the size that it was made for."
    return f"Give --pixels {' or '.join(near)}; it was made for {native}."
