"""Whether a sweep's networks can be trained as it says, and how large they are.

Networks are followed as shapes without numbers: nothing is drawn or trained to find out, and what
was found out is kept between launches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import foldgrid.models
from foldgrid.data.cache import make_private_folder, write_whole
from foldgrid.models import check_backbones
from foldgrid.models.facts import known_facts
from foldgrid.models.footprint import Footprint, footprint
from foldgrid.models.naming import frozen_fault
from foldgrid.specs.checksums import checksummed_json, open_json
from foldgrid.specs.errors import InputError, Problem, SweepError
from foldgrid.specs.fits import content_digest
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.resolving import ResolvedSweep
from foldgrid.specs.samples import TILES_A_SIDE
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking.provenance import package_versions


@contextmanager
def facts_kept_in(cache: Path) -> Iterator[None]:
    """Inside, facts about networks are looked up in the cache, and those found out put there.

    They lie in ``<cache>/networks/``, a file for the versions of the libraries and this project's
    own code of networks. A file that is corrupt, or cannot be read or written, only costs time.

    Args:
        cache: The cache's root.
    """
    file = cache / "networks" / f"{_code_of_networks()}.json"
    before = _read_facts(file)
    facts = dict(before)
    try:
        with known_facts(facts):
            yield
    finally:
        if facts != before:
            with suppress(SweepError):
                make_private_folder(file.parent)
                # Another launch may have found out more meanwhile.
                write_whole(file, checksummed_json(_read_facts(file) | facts))


def _code_of_networks() -> str:
    """16 hexadecimal digits of all code that decides what a fact about networks is."""
    folder = Path(foldgrid.models.__file__).parent
    code = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        code.update(path.read_bytes())
    versions = package_versions(["foldgrid", "torch", "torchvision", "timm"])
    return content_digest({**versions, "code": code.hexdigest()}, 16)


def _read_facts(file: Path) -> dict[str, Any]:
    try:
        facts = open_json(file.read_bytes(), str(file))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


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
            if fault := frozen_fault(name, phase.frozen):
                yield f"phases.{phase.name}", fault


def footprints(sweep: Sweep, source: str, num_outputs: int) -> dict[str, Footprint]:
    """The size of every network.

    Args:
        sweep: Says which networks, on pictures of which size.
        source: Its file, for messages.
        num_outputs: Of each network's last layer.

    Raises:
        InputError: All that cannot take the sweep's pictures.
    """
    pixels = TILES_A_SIDE[sweep.task.sample_kind] * sweep.data.tile_pixels
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
            problems.append(Problem("data.tile_pixels", name, str(error)))
    if problems:
        raise InputError(
            source, problems, "Enlarge data.tile_pixels, or leave these backbones out."
        )
    return sizes
