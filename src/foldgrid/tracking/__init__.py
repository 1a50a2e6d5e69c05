"""The records, shown elsewhere: W&B runs, provenance, pseudonyms.

Knows what a record says, not where it lies; knows nothing of torch or ray. wandb is imported when a
run is opened, never before, so this room works (as ``disabled``) where wandb is not installed.
"""

from foldgrid.tracking.kinds import RunKind
from foldgrid.tracking.outbound import ProjectContext
from foldgrid.tracking.outbound_fits import FitRuns
from foldgrid.tracking.outbound_trials import TrialConfig, TrialRuns
from foldgrid.tracking.provenance import collect_provenance
from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.run_sender import NotSentError, RunSender, SentRun
from foldgrid.tracking.summary_run import SummaryContent, make_content
from foldgrid.tracking.wandb_mode import Mode, has_key, resolve_mode
from foldgrid.tracking.wandb_runs import RunProjector, sync_command

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
