"""What the command line asks of a launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from foldgrid.execution.gpus import num_gpus
from foldgrid.specs.label_permutation import PermutationName
from foldgrid.specs.sweep import BudgetName, WeightsPolicy


@dataclass(frozen=True)
class Options:
    """The command line's options; see ``foldgrid launch --help``.

    ``trackers`` has the way of each by its name; see ``Tracker.asked``. ``only_plan`` says that
    nothing will be trained, so nothing is fetched for it either. ``is_own_process``: whether a
    second Ctrl-C may end the process, which in a notebook is the user's.
    """

    sweep: str = ""
    budget: Literal["auto", "smoke", "paper"] = "auto"
    overrides: Sequence[str] = ()
    only: Sequence[str] = ()
    manifest: Path | None = None
    trackers: Mapping[str, str] = field(default_factory=dict)
    storage: str = "runs"
    address: str | None = None
    executor: Literal["ray", "inline"] = "ray"
    hyperparameters: str | None = None
    canary: PermutationName | None = None
    search_storage: str | None = None
    keep: Literal["best", "none"] | None = None
    trials: int | None = None
    time_budget: str | None = None
    is_own_process: bool = True
    weights: WeightsPolicy | None = None
    mirror: str | None = None
    only_plan: bool = False

    @property
    def all_overrides(self) -> tuple[str, ...]:
        """The keys of the sweep that the command line sets, those with an option of their own too.

        Example:
            >>> Options(overrides=("seed=3",), weights="fetch").all_overrides
            ('seed=3', 'weights=fetch')
        """
        own = {"keep": self.keep, "weights": self.weights}
        return (*self.overrides, *(f"{key}={value}" for key, value in own.items() if value))


def choose_budget(wanted: Literal["auto", "smoke", "paper"]) -> tuple[BudgetName, str]:
    """The budget, and why it was chosen where ``auto`` chose."""
    if wanted != "auto":
        return wanted, ""
    if num_gpus():
        return "paper", " (chosen because there is a GPU; --budget smoke is quick)"
    return "smoke", " (chosen because there is no GPU; --budget paper trains in full)"
