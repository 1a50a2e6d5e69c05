"""A run folder opened: the documented way to every number and picture of its report."""

from __future__ import annotations

from os import PathLike, fspath

from foldgrid.analysis.run import Run
from foldgrid.analysis.search.run import SearchRun
from foldgrid.records import RunStore, SearchStore


def open_run(location: str | PathLike[str], by: str | None = None) -> Run | SearchRun:
    """Opens the run folder of a grid or a search; reads nothing of it yet that it need not.

    Args:
        location: The run folder, such as ``runs/ssc_skin``, or its URL in an object store.
        by: The out-of-fold metric that orders the ranking; of a search, which of its objectives
            is shown. The task's or the search's first without.

    Raises:
        SweepError: It is no run folder, ``by`` is unknown, or no trial of a search is over.

    Example:
        >>> import foldgrid
        >>> run = foldgrid.open_run("runs/ssc_skin")
        >>> run.exhibit("roc").frame("auc")
        >>> run.exhibit("roc").plot().save("roc.svg")
    """
    return opened(RunStore.open(fspath(location)), by)


def opened(store: RunStore, by: str | None = None) -> Run | SearchRun:
    """The same of a run folder that is known to be one.

    Args:
        store: The run folder.
        by: As in ``open_run``.

    Raises:
        SweepError: As in ``open_run``.
    """
    return SearchRun(store, by or "") if SearchStore.of(store).exists() else Run(store, by)
