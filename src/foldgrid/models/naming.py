"""Whether networks that are asked for by name can be had here. Imports torch when it has to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foldgrid.models.sources import (
    fact_of_network,
    find_source,
    known_backbones,
    missing_library,
    source_of,
)
from foldgrid.specs.errors import InputError, Problem, did_you_mean


def check_backbones(
    names: Sequence[str], source: str, lines: Mapping[str, int], *, stage_heads: bool = False
) -> None:
    """Refuses names that no network has, and networks that cannot be built here as asked for.

    Args:
        names: The backbones asked for.
        source: Where they were asked for, for the message.
        lines: The line of each name in ``source``, as far as known.
        stage_heads: Whether each is to have heads at the ends of its stages.

    Raises:
        InputError: All that are refused, the unknown ones with their nearest known ones.
    """
    known = known_backbones()
    refusals = {
        name: f"there is no network of this name. {did_you_mean(name, known)}"
        for name in names
        if find_source(name) is None
    }
    refusals |= {
        name: f"it needs {library}, which is not installed here. "
        f"`{source_of(name).install_command()}` brings it."
        for name in names
        if name not in refusals and (library := missing_library(name))
    }
    if stage_heads:
        refusals |= {
            name: no_stages(name) for name in names if name not in refusals and not has_stages(name)
        }
    problems = [
        Problem(f"line {lines[name]}" if name in lines else "backbones", name, refusals[name])
        for name in names
        if name in refusals
    ]
    if problems:
        raise InputError(source, problems)


def no_stages(name: str) -> str:
    """Why a network has no heads at the ends of its stages."""
    return (
        f"{name} cannot have heads at the ends of its stages. Convolutional networks can; "
        "transformers (ViT, Swin) cannot, nor GoogLeNet and Inception v3, which have auxiliary "
        "heads of their own."
    )


@fact_of_network
def has_stages(backbone: str) -> bool:
    """Whether a network can have heads at the ends of its stages."""
    from foldgrid.models.stages import stages_of

    return bool(stages_of(backbone))
