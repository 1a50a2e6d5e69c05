"""The words of the PASI task."""

from __future__ import annotations

from typing import Literal

from foldgrid.specs.task import TaskSpec


class PasiSpec(TaskSpec):
    """Psoriasis severity of a body region.

    Attributes:
        name: ``pasi``.
        output: ``scores`` predicts erythema, induration, scaling and involvement of a region;
            ``composite`` predicts their product score C = (E + I + S) x involvement directly.
    """

    sample_kind = "mosaics"
    name: Literal["pasi"] = "pasi"
    output: Literal["scores", "composite"] = "scores"
