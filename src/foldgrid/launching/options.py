"""What the command line asks of a launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from foldgrid.execution.gpus import num_gpus
from foldgrid.execution.resources import Node
from foldgrid.specs.errors import SweepError
from foldgrid.specs.label_permutation import PermutationName
from foldgrid.specs.sweep import BudgetChoice, BudgetName, WeightsPolicy


@dataclass(frozen=True)
class Options:
    """The command line's options; see ``foldgrid launch --help``.

    ``trackers`` has the way of each by its name; see ``Tracker.asked``. ``only_plan`` says that
    nothing will be trained, so nothing is fetched for it either. ``is_own_process``: whether a
    second Ctrl-C may end the process, which in a notebook is the user's.
    """

    sweep: str = ""
    budget: BudgetChoice = "auto"
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
    def is_on_cluster(self) -> bool:
        """Whether fits run on a Ray cluster that was there before."""
        return self.executor == "ray" and self.address not in (None, "local")

    @property
    def all_overrides(self) -> tuple[str, ...]:
        """The keys of the sweep that the command line sets, those with an option of their own too.

        Example:
            >>> Options(overrides=("seed=3",), weights="fetch").all_overrides
            ('seed=3', 'weights=fetch')
        """
        own = {"keep": self.keep, "weights": self.weights}
        return (*self.overrides, *(f"{key}={value}" for key, value in own.items() if value))


def choose_budget(
    wanted: BudgetChoice,
    recorded: BudgetName | None = None,
    nodes: Sequence[Node] | None = None,
) -> tuple[BudgetName, str]:
    """The budget, and why it was chosen where ``auto`` chose.

    Args:
        wanted: What was asked for.
        recorded: That of the run folder, where there is one.
        nodes: The machines of a cluster; nothing for this machine.
    """
    if wanted != "auto":
        return wanted, ""
    if recorded is not None:
        return recorded, " (that of this run folder; --budget names another)"
    where = "there is" if nodes is None else "the cluster has"
    if num_gpus() if nodes is None else any(node.num_gpus for node in nodes):
        return "paper", f" (chosen because {where} a GPU; --budget probe is quick)"
    return "probe", f" (chosen because {where} no GPU; --budget paper trains in full)"


def recorded_budget(storage: str, name: str) -> BudgetName | None:
    """The budget of the run folder of a sweep; nothing where there is none that can be read.

    Args:
        storage: The folder or URI that holds run folders.
        name: The sweep's.
    """
    # Imported here: the words of a launch need no numpy.
    from foldgrid.records import RunStore, run_location

    try:
        found = RunStore(run_location(storage, name)).read_sweep().get("budget")
    except (OSError, SweepError):
        return None
    return found if found in get_args(BudgetName) else None
