"""Finished runs sent to W&B's server straight from the records; see docs/decisions/0020.

Waits for W&B, and fails where W&B does: whoever sends wants to know. Its rules:

- What the server has is asked of the server: only the steps that it lacks are sent, in order.
- A run is listed as online after the server took its end, so whatever is cut off is sent again.
- The local folders of a run go once the server has it: the records hold all that they held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self

from foldgrid.tracking.projection import LiveRun, first_line
from foldgrid.tracking.runs import Config, Epoch, Record, RunHeader, RunKind
from foldgrid.tracking.summary import SummaryContent
from foldgrid.tracking.wandb.ledger import ProjectionLedger
from foldgrid.tracking.wandb.run import WandbRun
from foldgrid.tracking.wandb.session import Patience, WandbSession
from foldgrid.tracking.wandb.summary import write_content

if TYPE_CHECKING:
    import wandb


class NotSentError(Exception):
    """W&B did not take a run: not reachable, not in time, or refused."""


@dataclass(frozen=True)
class SentRun:
    """What became of a run.

    Attributes:
        num_sent: Points that were sent now.
        num_there: Points that the server had already.
        num_beyond: Points of the server that the record does not have: it was tried again and went
            another way. W&B takes nothing back.
    """

    num_sent: int
    num_there: int
    num_beyond: int = 0


class RunSender(Generic[Config, Epoch, Record]):
    """Sends runs one after another; use it as a context manager.

    Args:
        folder: Where the launches of these runs had W&B's files: the run folder, if it is here.
        kind: What has a run each, and what of it leaves the machine.
        patience: How long W&B may take.

    Attributes:
        project_url: Where people look at the runs; empty before the first.
    """

    def __init__(
        self,
        folder: Path,
        kind: RunKind[Config, Epoch, Record],
        patience: Patience | None = None,
    ) -> None:
        self._kind = kind
        self._ledger = ProjectionLedger(folder / "wandb")
        tracking = kind.tracking
        self._session = WandbSession(
            folder, tracking.project, tracking.entity, patience or Patience()
        )
        self.project_url = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            # A run is open, and nobody waits for it any more.
            self._session.abort()
        self._session.close()

    def is_sent(self, config: Config) -> bool:
        """Whether the server has the whole run."""
        return self._ledger.is_online(self._kind.header(config).run_id)

    def send(self, config: Config, record: Record, history: Sequence[Epoch]) -> SentRun:
        """Sends what the server lacks of a finished run.

        Args:
            config: What was trained.
            record: What it left.
            history: All its epochs.

        Raises:
            LookupError: The history lacks epochs.
            NotSentError: W&B did not take it.
        """
        header, ending = self._kind.header(config), self._kind.ending(record)
        points = tuple(map(self._kind.point, history))
        lacking = set(range(1, ending.num_epochs + 1)) - {point.step for point in points}
        if lacking:
            raise LookupError(f"its history lacks {len(lacking)} of {ending.num_epochs} epochs")
        try:
            run = WandbRun(header, "online", self._session, self._end)
            self.project_url = run.run.project_url or ""
            live = LiveRun(header, run)
            num_there = live.logged_through
            live.take(points)
            live.end(ending)
        except (Exception, SystemExit) as error:
            raise self._not_sent(error) from error
        return SentRun(
            num_sent=max(ending.num_epochs - num_there, 0),
            num_there=min(num_there, ending.num_epochs),
            num_beyond=max(num_there - ending.num_epochs, 0),
        )

    def is_summary_sent(self) -> bool:
        """Whether the server has the summary of just the runs that are complete."""
        run_id = self._kind.summary_header().run_id
        about = self._ledger.others(run_id)
        return self._ledger.is_online(run_id) and self._ledger.is_about(run_id, about)

    def send_summary(self, content: SummaryContent) -> None:
        """Sends the run of all of them, in place of what the server has of it.

        Raises:
            NotSentError: W&B did not take it.
        """
        header = self._kind.summary_header()
        try:
            run = self._session.open_run("online", header)
            self.project_url = run.project_url or ""
            write_content(run, content)
            self._close(header, run, about=self._ledger.others(header.run_id))
        except (Exception, SystemExit) as error:
            raise self._not_sent(error) from error

    def _end(self, live: WandbRun, exit_code: int) -> None:
        self._close(live.header, live.run, exit_code)

    def _close(
        self, header: RunHeader, run: wandb.Run, exit_code: int = 0, about: str = ""
    ) -> None:
        self._session.finish_run(run, exit_code=exit_code)
        self._ledger.add(header.run_id, name=header.name, mode="online", folder="", about=about)
        self._ledger.discard_folders(header.run_id)

    def _not_sent(self, error: BaseException) -> NotSentError:
        # The id of the run that failed would stay taken.
        self._session.restart()
        return NotSentError(first_line(error))
