"""The records, shown elsewhere: trackers, what they are reported, provenance, pseudonyms.

Knows what a record says, not where it lies; knows nothing of torch or ray. `tracker` says what a
tracker is; each is one file or room here, or comes from another package.
"""

# These add themselves to the trackers that there are.
from foldgrid.tracking import none as none
from foldgrid.tracking import tensorboard as tensorboard
from foldgrid.tracking import wandb as wandb
from foldgrid.tracking.fits import FitRuns
from foldgrid.tracking.folders import FolderTracker
from foldgrid.tracking.privacy import ProjectContext
from foldgrid.tracking.projector import RunProjector
from foldgrid.tracking.provenance import collect_provenance
from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.runs import Ending, Point, RunHeader, RunKind
from foldgrid.tracking.summary import SummaryContent, make_content
from foldgrid.tracking.tracker import TRACKERS, OpenRun, Place, RunWriter, Tracker
from foldgrid.tracking.trials import TrialConfig, TrialRuns

__all__ = [
    "TRACKERS",
    "Ending",
    "FitRuns",
    "FolderTracker",
    "OpenRun",
    "Place",
    "Point",
    "ProjectContext",
    "Pseudonyms",
    "RunHeader",
    "RunKind",
    "RunProjector",
    "RunWriter",
    "SummaryContent",
    "Tracker",
    "TrialConfig",
    "TrialRuns",
    "collect_provenance",
    "make_content",
]
