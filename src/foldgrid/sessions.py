"""From a sweep's file to what runs it: a grid, or a search."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from foldgrid.data.cache import cache_root
from foldgrid.execution.cluster import ask_cluster
from foldgrid.execution.ray_session import check_address
from foldgrid.launching.deadline import Deadline
from foldgrid.launching.decoding import photograph_progress
from foldgrid.launching.fetching import check_mirror, fetch_weights
from foldgrid.launching.options import Options, choose_budget, recorded_budget
from foldgrid.launching.planning.found_recipe import read_found
from foldgrid.launching.planning.preparation import PreparedSweep, prepare_sweep
from foldgrid.launching.session import Session
from foldgrid.specs.errors import SweepError
from foldgrid.specs.passwords import hide_passwords
from foldgrid.specs.reading import Document, document_of
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.tracking import TRACKERS

if TYPE_CHECKING:
    from foldgrid.search.session import SearchSession


def open_session(
    path: Path | Document, spaces: Sequence[Path], options: Options, console: Console
) -> Session | SearchSession:
    """Reads, checks and plans the sweep at ``path``, and prints the plan.

    Args:
        path: The sweep's file, or what would stand in it.
        spaces: The folders of search spaces.
        options: The command line's.
        console: Where to show the plan and the progress.

    Raises:
        SweepError: Whatever is wrong with the sweep, the options or the data.
    """
    trackers = {name: TRACKERS.named(name).asked(way) for name, way in options.trackers.items()}
    prepared, reason = prepare(path, spaces, options, console)
    session: Session | SearchSession
    if prepared.space is None:
        session = Session(prepared, options, trackers, console)
    else:
        # Optuna takes half a second that a grid need not pay.
        from foldgrid.search.session import SearchSession

        session = SearchSession(prepared, options, trackers, console)
    try:
        session.print_plan(reason)
    except BaseException:
        session.close()
        raise
    return session


def prepare(
    path: Path | Document, spaces: Sequence[Path], options: Options, console: Console
) -> tuple[PreparedSweep, str]:
    """Reads, checks and plans the sweep at ``path``; with it, why its budget was chosen.

    Args:
        path: The sweep's file, or what would stand in it.
        spaces: The folders of search spaces.
        options: The command line's.
        console: Where to show progress.

    Raises:
        SweepError: Whatever is wrong with the sweep, the options or the data.
    """
    recorded = None
    if options.budget == "auto":
        stem = path.stem if isinstance(path, Path) else ""
        recorded = recorded_budget(options.storage, document_of(path).values.get("name") or stem)
    check_address(options.address)
    nodes = ask_cluster(options.address) if options.address and options.is_on_cluster else None
    budget, reason = choose_budget(options.budget, recorded, nodes)
    check_mirror(options.mirror)
    Deadline.after(options.time_budget)
    found = read_found(options.hyperparameters) if options.hyperparameters else None
    resolved = resolve_sweep(
        path,
        budget,
        options.all_overrides,
        options.manifest,
        spaces,
        found.overlays(path) if found else (),
    )
    # What is written of the command line, and what trackers see of it, has no path of the user's.
    sys.argv[1:] = resolved.sweep.without_paths(sys.argv[1:])
    if resolved.renamed:
        console.print(resolved.renamed, highlight=False, soft_wrap=True, markup=False)
    if found and resolved.space is not None:
        raise SweepError(
            f"--hyperparameters {found.location}: this sweep searches, it trains no grid.\n"
            "Give --hyperparameters with a sweep that names no search_space."
        )
    if options.search_storage is not None:
        _check_search_storage(options.search_storage, is_search=resolved.space is not None)
    if options.trials is not None and resolved.space is None:
        raise SweepError(
            f"--trials {options.trials}: {resolved.sweep.name} trains a grid, it has no trials.\n"
            "Give --trials with a sweep that names a search_space, such as lr_plateau."
        )
    with photograph_progress(console, "Reading photographs") as on_progress:
        prepared = prepare_sweep(
            resolved,
            storage=options.storage,
            cache=cache_root(),
            only=options.only,
            asked_for=options.sweep,
            canary=options.canary,
            nodes=nodes,
            on_progress=on_progress,
            fetch=None if options.only_plan else partial(fetch_weights, console, options.mirror),
        )
    return replace(prepared, found=found), reason


def _check_search_storage(url: str, is_search: bool) -> None:
    """Refuses a storage that cannot be used before photographs are read."""
    if not is_search:
        raise SweepError(
            f"--search-storage {hide_passwords(url)}: this sweep trains a grid and searches "
            "nothing.\nDrop --search-storage, or name a sweep with a search_space."
        )
    # Optuna and SQLAlchemy take half a second that a grid need not pay.
    from foldgrid.search.storage.choice import check_storage

    check_storage(url)
