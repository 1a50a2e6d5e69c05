"""Phases of a training: what of a network stands still, for how many epochs, at which rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.counted import counted

Frozen = Literal["nothing", "backbone"] | Annotated[int, Field(ge=0)]
"""``nothing``, ``backbone`` (all but the head), or the number of first layers with weights."""


class Phase(Spec):
    """One phase of a training.

    When it begins, what is frozen changes, the optimiser starts anew (without momentum), and so
    does the schedule of the learning rate. A frozen layer keeps its weights, and its batch
    normalisation keeps and uses the statistics it has.

    Attributes:
        name: Its name in records and tables.
        epochs: How many it trains; null, for the last phase only, until ``max_epochs``.
        frozen: What stands still: ``nothing``; ``backbone``, all but the last layer and auxiliary
            heads; or a number, the first so many layers with weights (convolutions and dense
            layers, each with the normalisation that follows it).
        learning_rate: Where it starts; null takes the recipe's.
    """

    name: str = Field(min_length=1, max_length=40)
    epochs: int | None = Field(default=None, ge=1)
    frozen: Frozen = "nothing"
    learning_rate: float | None = Field(default=None, gt=0)


def epochs_before(phases: Sequence[Phase], index: int) -> int:
    """How many epochs are trained before the phase ``index`` begins."""
    return sum(phase.epochs or 0 for phase in phases[:index])


def phase_index(phases: Sequence[Phase], epoch: int) -> int:
    """Which phase an epoch belongs to; 0 where there are none.

    Args:
        phases: In order.
        epoch: 1 for the first; epochs past the last phase's end belong to it.
    """
    later = range(1, len(phases))
    return max((index for index in later if epoch > epochs_before(phases, index)), default=0)


def phases_problem(phases: Sequence[Phase], max_epochs: int) -> str:
    """What is wrong with phases as a whole; "" where nothing is."""
    names = [phase.name for phase in phases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"phases: {', '.join(twice)} given twice; each needs a name of its own"
    endless = [phase.name for phase in phases[:-1] if phase.epochs is None]
    if endless:
        return f"phases: {', '.join(endless)} has no number of epochs; only the last may go without"
    least = epochs_before(phases, len(phases)) + (bool(phases) and phases[-1].epochs is None)
    if least > max_epochs:
        return (
            f"phases: they need at least {least} epochs, max_epochs is {max_epochs}: the last "
            "would not be trained as said. Raise max_epochs, or shorten the phases (a budget can: "
            "its list of phases replaces this one)"
        )
    return ""


def describe_phases(phases: Sequence[Phase]) -> str:
    """``head (100 epochs, backbone frozen), then fine_tune (first 10 layers frozen)``."""
    return ", then ".join(map(_describe, phases)) or "none"


def _describe(phase: Phase) -> str:
    frozen = {"nothing": "nothing frozen", "backbone": "backbone frozen"}
    words = [] if phase.epochs is None else [counted(phase.epochs, "epoch")]
    words.append(
        frozen[phase.frozen]
        if isinstance(phase.frozen, str)
        else f"first {counted(phase.frozen, 'layer')} frozen"
    )
    if phase.learning_rate is not None:
        words.append(f"learning rate {phase.learning_rate:g}")
    return f"{phase.name} ({', '.join(words)})"
