"""The records, shown elsewhere: W&B runs, provenance, pseudonyms.

Knows what a record says, not where it lies; knows nothing of torch or ray. wandb is imported when a
run is opened, never before, so this room works (as ``disabled``) where wandb is not installed.
"""

from foldgrid.tracking.fits import FitRuns
from foldgrid.tracking.privacy import ProjectContext
from foldgrid.tracking.provenance import collect_provenance
from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.summary import SummaryContent, make_content
from foldgrid.tracking.tracker import RunKind
from foldgrid.tracking.trials import TrialConfig, TrialRuns
from foldgrid.tracking.wandb.mode import Mode, has_key, resolve_mode
from foldgrid.tracking.wandb.projector import RunProjector, sync_command
from foldgrid.tracking.wandb.sender import NotSentError, RunSender, SentRun

__all__ = [
    "FitRuns",
    "Mode",
    "NotSentError",
    "ProjectContext",
    "Pseudonyms",
    "RunKind",
    "RunProjector",
    "RunSender",
    "SentRun",
    "SummaryContent",
    "TrialConfig",
    "TrialRuns",
    "collect_provenance",
    "has_key",
    "make_content",
    "resolve_mode",
    "sync_command",
]
