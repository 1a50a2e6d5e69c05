"""Whether networks that are asked for by name can be had here; torch comes when it has to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foldgrid.models.sources import (
    fact_of_network,
    find_source,
    known_backbones,
    missing_library,
    no_stages,
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
            name: no_stages(name)
            for name in names
            if name not in refusals and not _has_stages(name)
        }
    problems = [
        Problem(f"line {lines[name]}" if name in lines else "backbones", name, refusals[name])
        for name in names
        if name in refusals
    ]
    if problems:
        raise InputError(source, problems)


@fact_of_network
def _has_stages(backbone: str) -> bool:
    from foldgrid.models.stages import stages_of

    return bool(stages_of(backbone))


@fact_of_network
def frozen_fault(backbone: str, frozen: int | str) -> str:
    """Why a phase cannot freeze so much of a network; "" where it can. See `check_frozen`."""
    from foldgrid.models.freezing import check_frozen

    try:
        check_frozen(backbone, frozen)
    except ValueError as error:
        return f"{error}."
    return ""
