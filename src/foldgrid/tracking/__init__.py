"""The records, shown elsewhere: W&B runs, provenance, pseudonyms.

Knows what a record says, not where it lies; knows nothing of torch or ray. wandb is imported when a
run is opened, never before, so this room works (as ``disabled``) where wandb is not installed.
"""

from foldgrid.tracking.outbound import ProjectContext
from foldgrid.tracking.outbound_fits import FitRuns
from foldgrid.tracking.outbound_trials import TrialConfig, TrialRuns
from foldgrid.tracking.provenance import collect_provenance
from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.wandb_mode import Mode, resolve_mode
from foldgrid.tracking.wandb_runs import RunProjector

__all__ = [
    "FitRuns",
    "Mode",
    "ProjectContext",
    "Pseudonyms",
    "RunProjector",
    "TrialConfig",
    "TrialRuns",
    "collect_provenance",
    "resolve_mode",
]
