"""The projection itself, step by step: headers and points made into W&B runs.

Waits for W&B, so it belongs on a thread that may wait; `wandb_runs` gives it one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foldgrid.specs.sweep import TrackingSpec
from foldgrid.tracking.summary import SummaryContent, write_content
from foldgrid.tracking.tracker import Ending, Point, RunHeader
from foldgrid.tracking.wandb.ledger import ProjectionLedger
from foldgrid.tracking.wandb.live_run import LiveRun
from foldgrid.tracking.wandb.session import LiveMode, Patience, WandbSession

if TYPE_CHECKING:
    import wandb

Result = TypeVar("Result")

GIVEN_UP = "did not take everything before the launch ended"


class Projection:
    """The runs of one sweep, open and complete.

    Args:
        folder: The run folder, ``runs/<sweep>``.
        tracking: Where the runs go.
        mode: How runs are opened, until ``online`` fails for the first time.
        patience: How long W&B may take.
        warn: Told what goes wrong: a word for its kind, and a line for people.
        sync_command: What a user types to send what was written offline.
    """

    def __init__(
        self,
        folder: Path,
        tracking: TrackingSpec,
        mode: LiveMode,
        patience: Patience,
        warn: Callable[[str, str], None],
        sync_command: str,
    ) -> None:
        self._mode = mode
        self._warn = warn
        self._sync_command = sync_command
        self._is_given_up = threading.Event()
        self._ledger = ProjectionLedger(folder / "wandb")
        self._session = WandbSession(folder, tracking.project, tracking.entity, patience)
        self._live: dict[str, LiveRun] = {}

    def is_projected(self, run_id: str) -> bool:
        """Whether a run is whole; online, whether W&B's server has it."""
        if self._mode == "online":
            return self._ledger.is_online(run_id)
        return run_id in self._ledger

    def start(self, header: RunHeader, history: Iterable[Point]) -> None:
        """Opens a run, in place of an earlier launch's; an open one goes on.

        What lost its worker starts anew and tells epochs again that its run has.
        """
        live = self._live.get(header.run_id) or self._begin(header)
        self._pass_on(live, history)

    def _pass_on(self, live: LiveRun, points: Iterable[Point]) -> None:
        live.take(points)
        try:
            live.log()
        except (Exception, SystemExit) as error:
            if live.mode == "offline":
                raise
            self._go_offline(error)

    def _begin(self, header: RunHeader) -> LiveRun:
        self._close_failed(header.run_id)
        self._ledger.forget(header.run_id)
        live = self._or_offline(lambda mode: self._open(header, mode))
        self._live[header.run_id] = live
        return live

    def _open(self, header: RunHeader, mode: LiveMode) -> LiveRun:
        return LiveRun.of(header, mode, self._open_alone(header, mode))

    def _open_alone(self, header: RunHeader, mode: LiveMode) -> wandb.Run:
        """Opens a run that has no other local folder, not even that of a first try online."""
        self._ledger.discard_folders(header.run_id)
        if mode == "online":
            # Whoever gives up before the service is there has nothing to end, so it is asked after.
            self._session.start()
            self._check_patience()
        return self._session.open_run(mode, header)

    def _check_patience(self) -> None:
        if self._is_given_up.is_set():
            raise TimeoutError("the launch ended before W&B had everything")

    def log(self, run_id: str, point: Point) -> None:
        """Adds a point to an open run; without one, finishing it will bring it."""
        live = self._live.get(run_id)
        if live is not None:
            self._pass_on(live, [point])

    def finish(self, header: RunHeader, ending: Ending, history: Iterable[Point]) -> None:
        """Completes a run; opens it first where it is neither open nor complete."""
        whole, run_id = tuple(history), header.run_id
        live = self._live.get(run_id)
        if live is None and self.is_projected(run_id):
            return
        if live is None or not live.agrees_with(whole):
            live = self._begin(header)
        live.take(whole)
        if not whole and not live.has_points(ending.num_epochs):
            self._close_failed(run_id)
            raise LookupError("its run lacks epochs, and no history was given")
        self._or_offline(lambda _: self._complete(run_id, ending))

    def _complete(self, run_id: str, ending: Ending) -> None:
        live = self._live[run_id]
        if live.mode == "offline" and not live.has_points(ending.num_epochs):
            # W&B's server had some from an earlier launch, and went away with them.
            self._close_failed(run_id)
            raise LookupError("its run lacks epochs that only W&B's server has")
        live.end(ending)
        folder = self._session.finish_run(live.run, exit_code=int(not ending.is_success))
        self._ledger.add(run_id, name=live.header.name, mode=live.mode, folder=folder)
        del self._live[run_id]

    def abandon(self, run_id: str) -> None:
        """Closes an open run as failed. It is not complete; whoever tries again makes it again."""
        self._close_failed(run_id, status="failed")

    def abandon_all(self) -> None:
        """Closes every open run as failed."""
        for run_id in list(self._live):
            self._close_failed(run_id)

    def _close_failed(self, run_id: str, **last_word: str) -> None:
        live = self._live.pop(run_id, None)
        if live is None:
            return
        try:
            live.run.summary.update(last_word)
            self._session.finish_run(live.run, exit_code=1)
        except (Exception, SystemExit) as error:
            # It is made again anyway. Online the next would only have to wait as long.
            if live.mode == "online" and self._mode == "online":
                self._go_offline(error)

    def summarise(self, header: RunHeader, content: SummaryContent) -> None:
        """Writes the sweep's own run, in place of an earlier one."""
        self._ledger.forget(header.run_id)

        def write(mode: LiveMode) -> None:
            run = self._open_alone(header, mode)
            write_content(run, content)
            folder = self._session.finish_run(run)
            about = self._ledger.others(header.run_id)
            self._ledger.add(header.run_id, name=header.name, mode=mode, folder=folder, about=about)

        self._or_offline(write)

    def close(self) -> None:
        """Ends W&B's service."""
        self._session.close()

    def give_up(self) -> None:
        """Ends what hangs, from any thread: what is still to be written goes offline."""
        self._is_given_up.set()
        self._session.abort()

    def _or_offline(self, act: Callable[[LiveMode], Result]) -> Result:
        """``act`` online; should that fail, everything goes offline and it acts again there."""
        if self._mode == "online":
            try:
                self._check_patience()
                return act("online")
            except (Exception, SystemExit) as error:
                self._go_offline(error)
        return act("offline")

    def _go_offline(self, error: BaseException) -> None:
        """Makes the open runs again offline, with the epochs they had, and stays offline."""
        self._mode = "offline"
        said = GIVEN_UP if self._is_given_up.is_set() else f"could not be reached: {error}"
        self._warn(
            "offline",
            f"W&B {first_line(said)}. This launch went on offline and lost nothing; send the rest "
            f"with `{self._sync_command}`",
        )
        # Without a new service the ids of the runs that failed would stay taken.
        self._session.restart()
        for run_id, old in list(self._live.items()):
            self._live[run_id] = self._open(old.header, "offline")
            self._live[run_id].take(old.points.values())
            self._live[run_id].log()


def first_line(error: BaseException | str) -> str:
    """What an error says, short enough for a warning."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
