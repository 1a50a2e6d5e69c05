"""Whether a sweep's networks can be trained as it says, and how large they are.

Networks are followed as shapes without numbers: nothing is drawn or trained to find out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from foldgrid.models import check_backbones, check_frozen
from foldgrid.models.footprint import Footprint, footprint, nearest_sizes
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.resolving import ResolvedSweep
from foldgrid.specs.samples import TILES_A_SIDE
from foldgrid.specs.sweep import Sweep


def check_networks(resolved: ResolvedSweep) -> None:
    """Refuses names of no network, heads at stages that there are not, and too much frozen.

    Raises:
        InputError: All that is refused of one of these kinds.
    """
    sweep, document = resolved.sweep, resolved.document
    lines = {
        name: line
        for position, name in enumerate(sweep.backbones)
        if isinstance(line := document.lines.get(("backbones", position)), int)
    }
    check_backbones(sweep.backbones, document.source, lines)
    searched = resolved.space is not None and "stage_heads" in resolved.space.parameters
    staged = [name for name in sweep.backbones if searched or sweep.recipe_of(name).stage_heads]
    check_backbones(staged, document.source, lines, stage_heads=True)
    problems = [
        Problem(document.where(("training", "phases")) or "training", key, message)
        for key, message in _frozen_problems(sweep)
    ]
    if problems:
        raise InputError(document.source, problems)


def _frozen_problems(sweep: Sweep) -> Iterator[tuple[str, str]]:
    for name in sweep.backbones:
        for phase in sweep.recipe_of(name).phases:
            try:
                check_frozen(name, phase.frozen)
            except ValueError as error:
                yield f"phases.{phase.name}", f"{error}."


def footprints(sweep: Sweep, source: str, num_outputs: int) -> dict[str, Footprint]:
    """The size of every network.

    Args:
        sweep: Says which networks, on pictures of which size.
        source: Its file, for messages.
        num_outputs: Of each network's last layer.

    Raises:
        InputError: All that cannot take the sweep's pictures.
    """
    grid = TILES_A_SIDE[sweep.task.sample_kind]
    pixels = grid * sweep.data.tile_pixels
    sizes: dict[str, Footprint] = {}
    problems = []
    for name in sweep.backbones:
        try:
            recipe = sweep.recipe_of(name)
            size = footprint(
                name, num_outputs, pixels, recipe.stage_heads, recipe.auxiliary_loss_weight > 0
            )
            optimizer = OPTIMIZERS.named(recipe.optimizer)
            sizes[name] = replace(size, num_states=optimizer.num_states)
        except ValueError as error:
            problems.append(
                Problem("data.tile_pixels", name, _with_nearest(error, name, pixels, grid))
            )
    if problems:
        raise InputError(source, problems, "Change data.tile_pixels, or leave these backbones out.")
    return sizes


def _with_nearest(error: ValueError, name: str, pixels: int, grid: int) -> str:
    """What is wrong with a size, and the nearest values of ``data.tile_pixels`` that are right."""
    sizes = [str(size // grid) for size in nearest_sizes(name, pixels, grid)]
    fitting = f". data.tile_pixels: {' or '.join(sizes)} fits" if sizes else ""
    return f"{error}{fitting}."
