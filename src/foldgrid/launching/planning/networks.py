"""Whether a sweep's networks can be trained as it says, and how large they are.

Networks are followed as shapes without numbers: nothing is drawn or trained to find out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pickle import UnpicklingError

from safetensors import SafetensorError

from foldgrid.models import WeightFile, check_backbones, check_frozen
from foldgrid.models.backbones import build_on_meta, check_weights
from foldgrid.models.footprint import Footprint, footprint, nearest_sizes
from foldgrid.models.published import native_pixels
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.resolving import ResolvedSweep
from foldgrid.specs.samples import TILES_A_SIDE
from foldgrid.specs.sweep import Sweep

FEWEST_OUTPUTS = 2
"""With so many a network is tried before it is known how many classes there are."""


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


def check_licences(resolved: ResolvedSweep, weights: Mapping[str, WeightFile | None]) -> None:
    """Refuses pre-trained weights whose licence the sweep does not allow.

    Raises:
        InputError: All of them, each with its licence.
    """
    allowed, document = resolved.sweep.licences, resolved.document
    if allowed is None:
        return
    where = document.where(("weights", "licences")) or document.where(("licences",)) or "weights"
    problems = [
        Problem(where, name, f"its weights have {_licence_words(file)}, which is not allowed here.")
        for name, file in weights.items()
        if file and file.licence not in allowed
    ]
    if problems:
        advice = (
            f"weights.licences allows {', '.join(allowed)}. Leave these backbones out, allow their "
            "licence, or start from random weights (weights.policy: none)."
        )
        raise InputError(document.source, problems, advice)


def _licence_words(file: WeightFile) -> str:
    return f"the licence {file.licence}" if file.licence else "a licence that is not known"


def check_weight_files(sweep: Sweep, weights: Mapping[str, WeightFile | None]) -> None:
    """Refuses weights that are another network's, or cannot be resized to the sweep's pictures.

    Only the user's own files, and those of networks that depend on the pictures' size; a
    publisher's weights are what their hash says.

    Raises:
        InputError: All of them, each with the layers that differ.
    """
    problems = []
    for name, file in weights.items():
        pixels = _pixels_seen(sweep, name)
        if file is None or not file.is_here or not _may_not_fit(name, file, pixels):
            continue
        try:
            check_weights(name, FEWEST_OUTPUTS, file.load(), pixels)
        except ValueError as error:
            problems.append(Problem("backbones", name, f"{error}."))
        except (OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            problems.append(Problem("backbones", name, f"its file cannot be read ({first})."))
    if problems:
        advice = "Take the network that the weights are of, or data.tile_pixels of their size."
        raise InputError("pre-trained weights", problems, advice)


def _may_not_fit(name: str, file: WeightFile, pixels: int) -> bool:
    if file.source == "file":
        return True
    if pixels == native_pixels(name):
        return False
    own, other = build_on_meta(name, 1), build_on_meta(name, 1, pixels=pixels)
    shapes = [{key: each.shape for key, each in net.state_dict().items()} for net in (own, other)]
    return shapes[0] != shapes[1]


def footprints(sweep: Sweep, source: str, num_outputs: int) -> dict[str, Footprint]:
    """The size of every network.

    Args:
        sweep: Says which networks, on pictures of which size.
        source: Its file, for messages.
        num_outputs: Of each network's last layer.

    Raises:
        InputError: All that cannot take the sweep's pictures.
    """
    sizes: dict[str, Footprint] = {}
    problems = []
    for name in sweep.backbones:
        pixels, recipe = _pixels_seen(sweep, name), sweep.recipe_of(name)
        try:
            size = footprint(
                name, num_outputs, pixels, recipe.stage_heads, recipe.auxiliary_loss_weight > 0
            )
            optimizer = OPTIMIZERS.named(recipe.optimizer)
            sizes[name] = replace(size, num_states=optimizer.num_states)
        except ValueError as error:
            problems.append(_size_problem(error, sweep, name, pixels))
    if problems:
        raise InputError(
            source, problems, "Change the size of pictures, or leave these backbones out."
        )
    return sizes


def _pixels_seen(sweep: Sweep, backbone: str) -> int:
    """Height and width of the pictures as a network sees them."""
    size = sweep.recipe_of(backbone).input_size
    if size == "network":
        return native_pixels(backbone)
    of_data = TILES_A_SIDE[sweep.task.sample_kind] * sweep.data.tile_pixels
    return of_data if size == "data" else size


def _size_problem(error: ValueError, sweep: Sweep, name: str, pixels: int) -> Problem:
    """What is wrong with a size, and the nearest values that are right."""
    of_data = sweep.recipe_of(name).input_size == "data"
    key = "data.tile_pixels" if of_data else "training.input_size"
    grid = TILES_A_SIDE[sweep.task.sample_kind] if of_data else 1
    sizes = [str(size // grid) for size in nearest_sizes(name, pixels, grid)]
    fitting = f". {key}: {' or '.join(sizes)} fits" if sizes else ""
    return Problem(key, name, f"{error}{fitting}.")
