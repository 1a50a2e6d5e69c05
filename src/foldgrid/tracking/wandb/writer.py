"""A launch's runs in W&B: online as long as that goes well, then offline."""

from __future__ import annotations

import shlex

from foldgrid.tracking.projection import first_line
from foldgrid.tracking.runs import RunHeader
from foldgrid.tracking.summary import SummaryContent
from foldgrid.tracking.tracker import Place, RunWriter
from foldgrid.tracking.wandb.ledger import ProjectionLedger
from foldgrid.tracking.wandb.run import WandbRun
from foldgrid.tracking.wandb.session import LiveMode, Patience, WandbSession
from foldgrid.tracking.wandb.summary import write_content

ABANDONED = "did not take everything before the launch ended"
TITLE = "W&B"


def sync_command(location: str) -> str:
    """What a user types to send what W&B lacks of a run folder."""
    return f"foldgrid sync {shlex.quote(location)}"


class WandbWriter(RunWriter):
    """Writes runs to W&B; see ``RunWriter``.

    Args:
        place: Where they belong; W&B writes to a folder called ``wandb``.
        mode: How runs are opened, until ``online`` fails for the first time.
        patience: How long W&B may take.
    """

    def __init__(self, place: Place, mode: LiveMode, patience: Patience | None = None) -> None:
        super().__init__(TITLE)
        patience = patience or Patience()
        self.later = f"`{sync_command(place.location)}`"
        self.close_seconds = patience.close_seconds
        self.hurried_seconds = patience.hurried_seconds
        self.fallback_seconds = patience.offline_seconds
        self._mode = mode
        self._ledger = ProjectionLedger(place.folder)
        self._session = WandbSession(
            place.folder.parent, place.settings.project, place.settings.entity, patience
        )

    def is_whole(self, run_id: str) -> bool:
        """Whether a run is whole; online, whether W&B's server has it."""
        if self._mode == "online":
            return self._ledger.is_online(run_id)
        return run_id in self._ledger

    def open_run(self, header: RunHeader) -> WandbRun:
        """See ``RunWriter``; it has no other local folder, not even that of a first try online."""
        self._clear(header)
        return WandbRun(header, self._mode, self._session, self._close)

    def _clear(self, header: RunHeader) -> None:
        self._ledger.forget(header.run_id)
        self._session.check(self._mode)
        self._ledger.discard_folders(header.run_id)

    def _close(self, live: WandbRun, exit_code: int) -> None:
        folder = self._session.finish_run(live.run, exit_code=exit_code)
        header = live.header
        self._ledger.add(header.run_id, name=header.name, mode=live.mode, folder=folder)

    def write_summary(self, header: RunHeader, content: SummaryContent) -> None:
        """See ``RunWriter``."""
        mode = self._mode
        self._clear(header)
        run = self._session.open_run(mode, header)
        write_content(run, content)
        folder = self._session.finish_run(run)
        about = self._ledger.others(header.run_id)
        self._ledger.add(header.run_id, name=header.name, mode=mode, folder=folder, about=about)

    def fall_back(self, error: BaseException) -> bool:
        """Stays offline from now on, where it is not already."""
        if self._mode == "offline":
            return False
        self._mode = "offline"
        said = ABANDONED if self._session.is_abandoned else f"could not be reached: {error}"
        self.warn(
            "offline",
            f"W&B {first_line(said)}. This launch went on offline and lost nothing; send the rest "
            f"with {self.later}",
        )
        # Without a new service the ids of the runs that failed would stay taken.
        self._session.restart()
        return True

    def abort(self) -> None:
        """Ends what hangs: what is still to be written goes offline."""
        self._session.mark_failed()

    def close(self) -> None:
        """Ends W&B's service."""
        self._session.close()
