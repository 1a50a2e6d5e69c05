"""The run folder: written atomically by the fits and the launcher, read by everyone else.

Knows the layout of ``runs/<sweep>/`` and nothing of torch, ray or wandb.
"""

from foldgrid.records.fit_folder import FitFolder
from foldgrid.records.log_file import LogFile, last_lines
from foldgrid.records.run_lock import RunLock
from foldgrid.records.run_store import PlannedFit, RunStore, run_location
from foldgrid.records.search_store import SearchStore, TrialFolder

__all__ = [
    "FitFolder",
    "LogFile",
    "PlannedFit",
    "RunLock",
    "RunStore",
    "SearchStore",
    "TrialFolder",
    "last_lines",
    "run_location",
]
