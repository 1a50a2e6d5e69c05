"""Whether networks that are asked for by name can be had here; torch comes when it has to look."""

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


def no_stages(name: str) -> str:
    """Why a network has no heads at the ends of its stages."""
    return (
        f"{name} cannot have heads at the ends of its stages. Convolutional networks can; "
        "transformers (ViT, Swin) cannot, nor GoogLeNet and Inception v3, which have auxiliary "
        "heads of their own."
    )


@fact_of_network
def _has_stages(backbone: str) -> bool:
    from foldgrid.models.stages import stages_of

    return bool(stages_of(backbone))


def check_frozen(backbone: str, frozen: int | str) -> None:
    """Refuses what `freeze` would refuse, without a network.

    Raises:
        ValueError: No layer would be left to train, or the word is unknown.
    """
    if frozen in ("nothing", "backbone"):
        return
    if isinstance(frozen, str):
        raise ValueError(f'frozen: found "{frozen}". Give nothing, backbone, or a number of layers')
    num_layers = _num_weight_layers(backbone)
    if not 0 <= frozen < num_layers:
        raise ValueError(
            f"frozen: found {frozen}, and {backbone} has {num_layers} layers with weights. At "
            f"most {num_layers - 1} can be frozen, so that one is left to train"
        )


@fact_of_network
def _num_weight_layers(backbone: str) -> int:
    from foldgrid.models.freezing import weight_layers

    return len(weight_layers(backbone))
