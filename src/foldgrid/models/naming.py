"""Whether networks that are asked for by name can be had here; torch comes when it has to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from foldgrid.models.sources import (
    NETWORK_SOURCES,
    all_backbones,
    fact_of_network,
    find_source,
    missing_library,
    no_stages,
    source_of,
)
from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.specs.heads import Pooling


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
    refusals = {name: _unknown(name) for name in names if find_source(name) is None}
    refusals |= {
        name: f"it needs {library}, which is not installed here. "
        f"`{source_of(name).install_command()}` brings it."
        for name in names
        if name not in refusals and (library := missing_library(name))
    }
    refusals |= {
        name: reason
        for name in names
        if name not in refusals and (reason := source_of(name).refusal(name))
    }
    refusals |= _doubles([name for name in names if name not in refusals])
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


def _unknown(name: str) -> str:
    found = f"there is no network of this name. {did_you_mean(name, all_backbones(), most=5)}"
    lacking = {
        source.title: source.install_command()
        for source in NETWORK_SOURCES.values()
        if find_spec(source.library) is None
    }
    more = (
        f"{title}, which is not installed, has more: `{how}`." for title, how in lacking.items()
    )
    return " ".join([found, *more])


def _doubles(names: Sequence[str]) -> dict[str, str]:
    """Names that are another spelling of one before them, each with why it is refused."""
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    architectures = Counter(map(_architecture, names))
    for name in names:
        if architectures[_architecture(name)] == 1:
            # Nobody asks a library for what is there once.
            continue
        known = first.setdefault(source_of(name).canonical(name), name)
        if known != name:
            found[name] = f"this is {known}, which is there already. Give each network once."
    return found


def _architecture(name: str) -> str:
    return name if name.startswith("hf-hub:") else name.removeprefix("timm:").partition(".")[0]


@fact_of_network
def _has_stages(backbone: str) -> bool:
    from foldgrid.models.stages import stages_of

    return bool(stages_of(backbone))


@fact_of_network
def pooling_fault(backbone: str, pooling: str) -> str:
    """Why a network's features cannot be pooled so; "" where they can. See `headed`."""
    from foldgrid.models import headed

    return headed.pooling_fault(backbone, pooling)


@fact_of_network
def feature_width(backbone: str, pooling: Pooling) -> int:
    """How many features a head of its own sees; see `headed`."""
    from foldgrid.models import headed

    return headed.feature_width(backbone, pooling)


@fact_of_network
def drop_path_fault(backbone: str) -> str:
    """Why no residual block of a network can be left out at random; "" where some can."""
    from foldgrid.models.construction import construct_on_meta

    try:
        construct_on_meta(backbone, 1, drop_path=0.5)
    except ValueError as error:
        return (
            f"{error}. Networks of residual blocks have some: EfficientNet, ConvNeXt, Swin and "
            "MaxViT, and most of timm's (ResNet, ViT, …). Give this one drop_path: null in "
            "per_backbone, or take another."
        )
    return ""


@fact_of_network
def frozen_fault(backbone: str, frozen: int | str) -> str:
    """Why a phase cannot freeze so much of a network; "" where it can. See `check_frozen`."""
    from foldgrid.models.freezing import check_frozen

    try:
        check_frozen(backbone, frozen)
    except ValueError as error:
        return f"{error}."
    return ""
