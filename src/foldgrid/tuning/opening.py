"""From a sweep's file to what runs it: a grid, or a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from foldgrid.tracking import resolve_mode
from foldgrid.tuning.session import Options, Session, local_folder, prepare

if TYPE_CHECKING:
    from foldgrid.tuning.search.session import SearchSession


def open_session(
    path: Path, spaces: Path, options: Options, console: Console
) -> Session | SearchSession:
    """Reads, checks and plans the sweep at ``path``, and prints the plan.

    Args:
        path: The sweep's file.
        spaces: The folder of search spaces.
        options: The command line's.
        console: Where to show the plan and the progress.

    Raises:
        SweepError: Whatever is wrong with the sweep, the options or the data.
    """
    mode = resolve_mode(options.wandb)
    prepared, reason = prepare(path, spaces, options, console)
    session: Session | SearchSession
    if prepared.space is None:
        session = Session(prepared, options, mode, console)
    else:
        # Optuna takes half a second that a grid need not pay.
        from foldgrid.tuning.search.session import SearchSession

        session = SearchSession(prepared, options, mode, console, local_folder(prepared))
    try:
        session.print_plan(reason)
    except BaseException:
        session.close()
        raise
    return session
