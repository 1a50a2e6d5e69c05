"""Weights & Biases, one tracker among others; nothing but the command line knows it by name.

wandb itself is imported when a run is opened, never before, so this room works (as ``disabled``)
where wandb is not installed.
"""

from foldgrid.tracking.wandb.mode import Mode, has_key, resolve_mode
from foldgrid.tracking.wandb.sender import NotSentError, RunSender, SentRun
from foldgrid.tracking.wandb.tracker import Wandb
from foldgrid.tracking.wandb.writer import WandbWriter, sync_command

__all__ = [
    "Mode",
    "NotSentError",
    "RunSender",
    "SentRun",
    "Wandb",
    "WandbWriter",
    "has_key",
    "resolve_mode",
    "sync_command",
]
