"""Weights & Biases as a tracker by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

from foldgrid.tracking.tracker import TRACKERS, Place, RunWriter, Tracker
from foldgrid.tracking.wandb.ledger import ProjectionLedger
from foldgrid.tracking.wandb.mode import Mode, resolve_mode
from foldgrid.tracking.wandb.writer import TITLE, WandbWriter, sync_command


@dataclass(frozen=True)
class Wandb(Tracker):
    """W&B, one run a fit or a trial; see ``Tracker``.

    Attributes:
        mode: Whether it is spoken to, written for later, or left alone.
    """

    mode: Mode = "disabled"

    title = TITLE
    package = "wandb"

    def asked(self, way: str) -> Wandb:
        """See ``Tracker``; ``way`` is what ``--wandb`` takes."""
        return replace(self, mode=resolve_mode(cast(Literal["auto"] | Mode, way or "auto")))

    def words(self, what: str) -> str:
        """See ``Tracker``."""
        return {
            "online": f"online: every {what} streams to your W&B account",
            "offline": "offline: kept in the run folder until `foldgrid sync` sends it",
            "disabled": "disabled",
        }[self.mode]

    def open(self, place: Place) -> RunWriter | None:
        """See ``Tracker``."""
        return None if self.mode == "disabled" else WandbWriter(place, self.mode)

    def forget(self, place: Place, run_id: str) -> None:
        """See ``Tracker``."""
        ProjectionLedger(place.folder).forget(run_id)

    def shown_at(self, place: Place) -> str:
        """See ``Tracker``."""
        return f"{place.folder}/" if self.mode == "offline" else ""

    def next_command(self, place: Place) -> str:
        """See ``Tracker``."""
        return sync_command(place.location) if self.mode == "offline" else ""


TRACKERS.add("wandb", Wandb())
