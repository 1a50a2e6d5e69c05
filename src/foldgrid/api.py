"""The face for Python: a sweep read, and launched; a run folder is opened by `foldgrid.runs`.

The command line and this face call the same functions, so both leave the same bits. Knows every
room; nothing knows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd
from rich.console import Console

from foldgrid.runs import Run, SearchRun, open_run
from foldgrid.specs.errors import InputError, LaunchError, Problem
from foldgrid.specs.folders import find_sweep, space_folders, sweep_folders
from foldgrid.specs.learners import backbone_of
from foldgrid.specs.reading import Document
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep
from foldgrid.specs.task import TaskSpec

if TYPE_CHECKING:
    from foldgrid.launching.options import Options

Budget: TypeAlias = Literal["auto", "smoke", "probe", "paper"]
Overrides: TypeAlias = Mapping[str, Any] | Sequence[str] | None


class Sweep:
    """A sweep specification, read and checked: what to train, on which data, how it is evaluated.

    Args:
        source: A name that ``foldgrid list`` shows, the path of a YAML file, or a mapping with the
            keys of such a file (``name`` among them).
        budget: How much training: ``smoke``, ``probe``, ``paper``, or ``auto``: that of the run
            folder where there is one, else paper with a GPU and probe without.
        overrides: Other values for keys, dotted where nested: ``{"training.lr": 0.003}`` or
            ``["training.lr=0.003"]``.
        data: A manifest of your photographs, in place of the sweep's own data.

    Raises:
        InputError: All mistakes, each with its line or key, and the nearest valid name.

    Example:
        >>> sweep = foldgrid.Sweep("quickstart", budget="smoke", overrides={"split.num_folds": 3})
        >>> sweep
        <Sweep quickstart: pasi, 3 backbones x 3 folds = 9 fits, smoke budget>
        >>> sweep.backbones
        ('mobilenet_v3_small', 'shufflenet_v2_x0_5', 'squeezenet1_1')
        >>> sweep.settings["training"]["max_epochs"]
        15
        >>> sweep.fits().head(2)
                 base_learner            backbone  fold
        0  mobilenet_v3_small  mobilenet_v3_small     0
        1  mobilenet_v3_small  mobilenet_v3_small     1
    """

    def __init__(
        self,
        source: str | PathLike[str] | Mapping[str, Any],
        *,
        budget: Budget = "auto",
        overrides: Overrides = None,
        data: str | PathLike[str] | None = None,
    ) -> None:
        self.source, self.budget = source, budget
        self.overrides = _override_words(overrides)
        self.data = None if data is None else Path(data)
        self.document = _document(source)
        # Mistakes are said here, not at the first look.
        self._resolved  # noqa: B018

    @cached_property
    def _resolved(self) -> ResolvedSweep:
        budget: Any = self.budget
        if budget == "auto":
            # torch takes seconds that a budget by name need not pay.
            from foldgrid.launching.options import choose_budget

            budget, _ = choose_budget("auto")
        return resolve_sweep(self.document, budget, self.overrides, self.data, space_folders())

    @property
    def name(self) -> str:
        """The run folder's name."""
        return self._resolved.sweep.name

    @property
    def title(self) -> str:
        """One line for people."""
        return self._resolved.sweep.title

    @property
    def task(self) -> TaskSpec:
        """What is predicted."""
        return self._resolved.sweep.task

    @property
    def backbones(self) -> tuple[str, ...]:
        """The networks, each trained once a fold."""
        return self._resolved.sweep.backbones

    @property
    def is_search(self) -> bool:
        """Whether it searches a space instead of training a grid."""
        return self._resolved.space is not None

    @property
    def settings(self) -> dict[str, Any]:
        """Every key as it will run, the budget's changes and the overrides included."""
        left_out = {"budgets"} if self.is_search else {"budgets", "search"}
        return self._resolved.sweep.model_dump(mode="json", exclude=left_out)

    def fits(self) -> pd.DataFrame:
        """The grid: a row a fit, with ``base_learner``, ``backbone`` and ``fold``."""
        sweep = self._resolved.sweep
        return pd.DataFrame(
            {"base_learner": name, "backbone": backbone_of(name), "fold": fold}
            for name in sweep.learner_names
            for fold in range(sweep.split.num_folds)
        )

    def __repr__(self) -> str:
        sweep = self._resolved.sweep
        folds = sweep.split.num_folds
        what = f"{len(sweep.backbones)} backbones x {folds} folds"
        if self.is_search:
            what += f", a search of {sweep.search_space}, {sweep.search.num_trials} trials"
        else:
            what += f" = {len(sweep.learner_names) * folds} fits"
        return f"<Sweep {self.name}: {self.task.name}, {what}, {sweep.budget} budget>"


def launch(
    sweep: str | PathLike[str] | Mapping[str, Any] | Sweep,
    data: str | PathLike[str] | None = None,
    *,
    budget: Budget = "auto",
    overrides: Overrides = None,
    only: Mapping[str, Any] | Sequence[str] = (),
    storage: str | PathLike[str] = "runs",
    executor: Literal["ray", "inline"] = "ray",
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto",
    trackers: Sequence[str] = (),
    address: str | None = None,
    hyperparameters: str | PathLike[str] | None = None,
    search_storage: str | None = None,
    weights: Literal["auto", "fetch", "present", "required", "none"] | None = None,
    mirror: str | None = None,
    keep: Literal["best", "none"] | None = None,
    trials: int | None = None,
    time_budget: str | None = None,
    canary: Literal["shuffled_scores"] | None = None,
    quiet: bool = False,
) -> Run | SearchRun:
    """Runs a sweep: cross-validated training of every backbone, then the ranking.

    As ``foldgrid launch`` does, with the same bits: called again, it trains only what is missing.
    Plan, progress and results are shown in a terminal and in a notebook alike.

    Args:
        sweep: A name, the path of a YAML file, a mapping with its keys, or a `Sweep`.
        data: A manifest of your photographs, in place of the sweep's own data.
        budget: How much training: ``smoke``, ``probe``, ``paper``, or ``auto``: that of the run
            folder where there is one, else paper with a GPU and probe without.
        overrides: Other values for keys of the sweep: ``{"training.lr": 0.003}``.
        only: A part of the grid: ``{"backbone": "resnet34", "fold": 0}``.
        storage: Where run folders go: a folder, or a URI such as ``s3://bucket/prefix``.
        executor: ``ray`` trains fits side by side, ``inline`` one after another without Ray.
        wandb: Weights & Biases; ``auto`` is online where it has a key, else offline.
        trackers: Further trackers by name; ``["none"]`` tells nobody.
        address: An existing Ray cluster: ``auto``, or ``HOST:PORT``.
        hyperparameters: The run folder of a search, whose best configuration trains this grid.
        search_storage: Where a search remembers: ``postgresql://…`` or ``sqlite:///…``.
        weights: Pre-trained weights: ``fetch`` downloads what is missing first, ``required``
            refuses to start without, ``auto`` starts at random there, ``none`` always; else the
            sweep says.
        mirror: The URL of a folder that holds the same weight files, for ``fetch``.
        keep: Whether the ``best`` weights are kept, or ``none``.
        trials: Of a search, this many more trials.
        time_budget: Ends the launch after this long: ``2h``, ``90m``.
        canary: Trains on shuffled truth, in a run folder of its own: skill that remains is a leak.
        quiet: Shows nothing.

    Returns:
        The run folder, opened. Fits that failed are no error: ``run.fits()`` names them.

    Raises:
        InputError: All mistakes of the sweep, the manifest or the options.
        LaunchError: The launch ended early (a full disk, storage away, failures in a row); what was
            written is kept, and a further launch goes on.

    Example:
        >>> run = foldgrid.launch(
        ...     "quickstart", budget="smoke", storage=storage, executor="inline", wandb="disabled",
        ...     overrides=tiny, quiet=True,
        ... )
        >>> run
        <Run quickstart: 1 base learner x 2 folds, 2 of 2 fits done>
        >>> run.ranking.best.kind
        'base_learner'
    """
    from foldgrid.cli.launch import trackers_of
    from foldgrid.launching.options import Options

    if not isinstance(sweep, Sweep):
        sweep = Sweep(sweep, budget=budget, overrides=overrides, data=data)
    elif budget != "auto" or overrides or data is not None:
        more = [*sweep.overrides, *_override_words(overrides)]
        chosen = sweep.budget if budget == "auto" else budget
        sweep = Sweep(sweep.source, budget=chosen, overrides=more, data=data or sweep.data)
    options = Options(
        sweep=sweep.name,
        budget=sweep.budget,
        overrides=sweep.overrides,
        only=_only_words(only),
        manifest=sweep.data,
        trackers=trackers_of(wandb, trackers),
        storage=fspath(storage),
        address=address,
        executor=executor,
        hyperparameters=None if hyperparameters is None else fspath(hyperparameters),
        canary=canary,
        search_storage=search_storage,
        weights=weights,
        mirror=mirror,
        keep=keep,
        trials=trials,
        time_budget=time_budget,
        is_own_process=False,
    )
    return open_run(_launched(sweep, options, Console(quiet=quiet)))


def _launched(sweep: Sweep, options: Options, console: Console) -> str:
    """Runs a sweep as the command line does; returns the run folder.

    Raises:
        LaunchError: It ended early.
    """
    from foldgrid.cli.launch import launch_sweep

    try:
        _, session = launch_sweep(sweep.document, options, console)
    except OSError as error:
        raise LaunchError(
            f"{error.filename or options.storage}: {error.strerror or error}.\n"
            "What was written is kept: launch again, and it trains only what is missing."
        ) from error
    location, ended_by = session.prepared.store.location, session.limit.ended_by
    if ended_by is not None:
        raise LaunchError(
            f"{location}: the launch ended early: {ended_by.message}\n"
            "What was written is kept: mend the cause, launch again, and it trains only what is "
            "missing."
        )
    return location


def _document(source: str | PathLike[str] | Mapping[str, Any]) -> Path | Document:
    """The file of a sweep, or what would stand in it.

    Raises:
        SweepError: There is no such sweep, or the mapping has no name.
    """
    if not isinstance(source, Mapping):
        path = Path(source)
        is_file = isinstance(source, PathLike) and path.is_file()
        return path if is_file else find_sweep(fspath(source), sweep_folders())
    if not source.get("name"):
        message = "missing. A mapping names the sweep's run folder."
        raise InputError("sweep", [Problem("mapping", "name", message)])
    return Document("sweep", json.loads(json.dumps(source, default=str)), {})


def _override_words(overrides: Overrides) -> list[str]:
    """``key=value`` each, as the command line says them."""
    if not isinstance(overrides, Mapping):
        return list(overrides or ())
    # JSON is YAML.
    return [f"{key}={json.dumps(value, default=str)}" for key, value in overrides.items()]


def _only_words(only: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if not isinstance(only, Mapping):
        return list(only)
    return [
        f"{key}={value}"
        for key, given in only.items()
        for value in ([given] if isinstance(given, str | int) else given)
    ]
