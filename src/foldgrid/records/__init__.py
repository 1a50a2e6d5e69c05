"""The run folder: written atomically by the fits and the launcher, read by everyone else.

Knows the layout of ``runs/<sweep>/`` and nothing of torch, ray or wandb.
"""

from foldgrid.records.fit_folder import FitFolder
from foldgrid.records.run_lock import RunLock
from foldgrid.records.run_store import PlannedFit, RunStore, run_location
from foldgrid.records.search_store import SearchStore, TrialFolder
from foldgrid.records.verification import DamagedFit, Verified, verify_fits

__all__ = [
    "DamagedFit",
    "FitFolder",
    "PlannedFit",
    "RunLock",
    "RunStore",
    "SearchStore",
    "TrialFolder",
    "Verified",
    "run_location",
    "verify_fits",
]
