"""The run folder: written atomically by the fits and the launcher, read by everyone else.

Knows the layout of ``runs/<sweep>/`` and nothing of torch, ray or trackers.
"""

from foldgrid.records.fit_folder import FitFolder
from foldgrid.records.log_file import LogFile, last_lines
from foldgrid.records.run_lock import RunLock
from foldgrid.records.run_store import PlannedFit, RunStore, run_location
from foldgrid.records.search_store import SearchStore, TrialFolder
from foldgrid.records.verification import CorruptFit, Verified, verify_fits

__all__ = [
    "CorruptFit",
    "FitFolder",
    "LogFile",
    "PlannedFit",
    "RunLock",
    "RunStore",
    "SearchStore",
    "TrialFolder",
    "Verified",
    "last_lines",
    "run_location",
    "verify_fits",
]
