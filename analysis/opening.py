"""A run folder opened, as its exhibits and its report see it; `foldgrid.open_run` is for people."""

from __future__ import annotations

from foldgrid.analysis.run import Run
from foldgrid.analysis.search.run import SearchRun
from foldgrid.records import RunStore, SearchStore


def opened(store: RunStore, by: str | None = None) -> Run | SearchRun:
    """Opens the run folder of a grid or a search; reads nothing of it yet that it need not.

    Args:
        store: The run folder.
        by: The out-of-fold metric that orders the ranking; of a search, which of its objectives
            is shown. The task's or the search's first without.

    Raises:
        SweepError: ``by`` is unknown, or no trial of a search is over.
    """
    return SearchRun(store, by or "") if SearchStore.of(store).exists() else Run(store, by)
