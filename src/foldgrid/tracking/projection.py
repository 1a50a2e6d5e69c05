"""The projection itself, step by step: the records of fits made into W&B runs.

Waits for W&B, so it belongs on a thread that may wait; `wandb_runs` gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking import outbound
from foldgrid.tracking.live_run import LiveRun
from foldgrid.tracking.projection_ledger import ProjectionLedger, run_id_of
from foldgrid.tracking.summary_run import SummaryContent, write_content
from foldgrid.tracking.wandb_session import LiveMode, Patience, RunHeader, WandbSession

if TYPE_CHECKING:
    import wandb

Result = TypeVar("Result")


class Projection:
    """The runs of one sweep, open and complete.

    Args:
        folder: The run folder, ``runs/<sweep>``.
        sweep: What is run.
        mode: How runs are opened, until ``online`` fails for the first time.
        context: The tags of every run.
        patience: How long W&B may take.
        warn: Told what goes wrong: a word for its kind, and a line for people.
    """

    def __init__(
        self,
        folder: Path,
        sweep: Sweep,
        mode: LiveMode,
        context: outbound.ProjectContext,
        patience: Patience,
        warn: Callable[[str, str], None],
    ) -> None:
        self._sweep = sweep
        self._mode = mode
        self._context = context
        self._warn = warn
        self._ledger = ProjectionLedger(folder / "wandb")
        tracking = sweep.tracking
        self._session = WandbSession(folder, tracking.project, tracking.entity, patience)
        self._live: dict[str, LiveRun] = {}

    def is_projected(self, fit_id: str) -> bool:
        """Whether a fit's run is whole."""
        return run_id_of(self._sweep.name, fit_id) in self._ledger

    def start(self, config: FitConfig, history: Iterable[EpochRecord]) -> None:
        """Opens a fit's run, in place of an earlier launch's; an open one goes on.

        A fit whose worker was lost starts anew and tells epochs again that its run has.
        """
        live = self._live.get(config.fit_id) or self._begin(config)
        live.take(history)
        live.log()

    def _begin(self, config: FitConfig) -> LiveRun:
        self.abandon(config.fit_id)
        header = outbound.fit_header(self._sweep, self._context, config)
        self._ledger.forget(header.run_id)
        live = self._or_offline(lambda mode: self._open(header, mode))
        self._live[config.fit_id] = live
        return live

    def _open(self, header: RunHeader, mode: LiveMode) -> LiveRun:
        run = self._open_alone(header, mode)
        return LiveRun(header, mode, run, logged_through=max(run.starting_step - 1, 0))

    def _open_alone(self, header: RunHeader, mode: LiveMode) -> wandb.Run:
        """Opens a run that has no other local folder, not even that of a first try online."""
        self._ledger.discard_folders(header.run_id)
        return self._session.open_run(mode, header)

    def log(self, fit_id: str, epoch: EpochRecord) -> None:
        """Adds an epoch to an open run; without one, finishing the fit will bring it."""
        live = self._live.get(fit_id)
        if live is not None:
            live.take([epoch])
            live.log()

    def finish(self, config: FitConfig, record: FitRecord, history: Iterable[EpochRecord]) -> None:
        """Completes a fit's run; opens it first where it is neither open nor complete."""
        whole = tuple(history)
        live = self._live.get(config.fit_id)
        if live is None and self.is_projected(config.fit_id):
            return
        if live is None or not live.agrees_with(whole):
            live = self._begin(config)
        live.take(whole)
        if not whole and not live.has_epochs(record.num_epochs):
            self.abandon(config.fit_id)
            raise LookupError("its run lacks epochs, and no history was given")
        self._or_offline(lambda _: self._complete(config.fit_id, record))

    def _complete(self, fit_id: str, record: FitRecord) -> None:
        live = self._live[fit_id]
        live.log(whole=True)
        live.run.summary.update(outbound.fit_summary(record))
        has_failed = record.status != "complete"
        folder = self._session.finish_run(live.run, exit_code=int(has_failed))
        header = live.header
        self._ledger.add(header.run_id, name=header.name, mode=live.mode, folder=folder)
        del self._live[fit_id]

    def abandon(self, fit_id: str) -> None:
        """Closes an open run as failed. It is not complete, so it is made again later."""
        live = self._live.pop(fit_id, None)
        if live is not None:
            with suppress(Exception, SystemExit):
                self._session.finish_run(live.run, exit_code=1)

    def abandon_all(self) -> None:
        """Closes every open run as failed."""
        for fit_id in list(self._live):
            self.abandon(fit_id)

    def summarise(self, content: SummaryContent) -> None:
        """Writes the sweep's own run, in place of an earlier one."""
        header = outbound.summary_header(self._sweep, self._context)
        self._ledger.forget(header.run_id)

        def write(mode: LiveMode) -> None:
            run = self._open_alone(header, mode)
            write_content(run, content)
            folder = self._session.finish_run(run)
            self._ledger.add(header.run_id, name=header.name, mode=mode, folder=folder)

        self._or_offline(write)

    def close(self) -> None:
        """Ends W&B's service."""
        self._session.close()

    def _or_offline(self, act: Callable[[LiveMode], Result]) -> Result:
        """``act`` online; should that fail, everything goes offline and it acts again there."""
        if self._mode == "online":
            try:
                return act("online")
            except (Exception, SystemExit) as error:
                self._go_offline(error)
        return act("offline")

    def _go_offline(self, error: BaseException) -> None:
        """Makes the open runs again offline, with the epochs they had, and stays offline."""
        self._mode = "offline"
        self._warn(
            "offline",
            f"W&B could not be reached ({first_line(error)}). This launch goes on offline; "
            "upload it later with `wandb sync`",
        )
        # Without a new service the ids of the runs that failed would stay taken.
        self._session.restart()
        for fit_id, old in list(self._live.items()):
            self._live[fit_id] = self._open(old.header, "offline")
            self._live[fit_id].take(old.epochs.values())
            self._live[fit_id].log()


def first_line(error: BaseException) -> str:
    """What an error says, short enough for a warning."""
    return (str(error).splitlines() or [type(error).__name__])[0]
