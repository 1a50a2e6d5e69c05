"""Records projected into W&B, one run a fit or a trial, from the launcher's own process.

The laws, whatever dies and whenever:

- Each epoch of what is finished is in its run exactly once, with the epoch as its step.
- The records are the truth: a run that is not whole is thrown away and made again from them.
- W&B never stops or slows training: its work is done on a thread of its own, and what goes wrong
  there becomes one line in ``warnings``.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self

from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.queue import SerialWorker
from foldgrid.tracking.summary import make_content
from foldgrid.tracking.tracker import Config, Epoch, Point, Record, RunKind
from foldgrid.tracking.wandb.mode import Mode
from foldgrid.tracking.wandb.projection import Projection, first_line
from foldgrid.tracking.wandb.session import Patience

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


UNNOTICED_SECONDS = 3.0
"""How long a launch may wait for W&B at its end without saying so."""


def sync_command(location: str) -> str:
    """What a user types to send what W&B lacks of a run folder."""
    return f"python launch.py --sync {shlex.quote(location)}"


class RunProjector(Generic[Config, Epoch, Record]):
    """Shows a sweep's fits, or a search's trials, in W&B.

    Every method returns at once and may be called from any one thread; the work is done in order
    on the projector's own. Use it as a context manager, or call ``close``.

    Args:
        folder: The run folder, ``runs/<sweep>``; everything W&B writes goes to its ``wandb``.
        kind: What has a run each, and what of it leaves the machine.
        mode: ``disabled`` does nothing, writes nothing and imports nothing. After the first time
            that ``online`` fails, the rest of this launch is written offline.
        pseudonyms: Turns subjects into pseudonyms; only `summarise` needs it.
        patience: How long W&B may take.
        location: The run folder as a user names it, if that is not ``folder``.
    """

    def __init__(
        self,
        folder: Path,
        kind: RunKind[Config, Epoch, Record],
        mode: Mode,
        pseudonyms: Pseudonyms | None = None,
        *,
        patience: Patience | None = None,
        location: str | None = None,
    ) -> None:
        self._kind = kind
        self._pseudonyms = pseudonyms
        self._patience = patience or Patience()
        self._warnings: dict[str, str] = {}
        self._worker = SerialWorker("wandb-projector", self._note_failure)
        self._sync_command = sync_command(location or str(folder))
        self._projection = None
        if mode != "disabled":
            self._projection = Projection(
                folder, kind.tracking, mode, self._patience, self._warn, self._sync_command
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong so far, a line for each kind of trouble."""
        return tuple(self._warnings.values())

    def is_projected(self, config: Config) -> bool:
        """Whether its run is whole, online on W&B's server; always true where W&B is disabled."""
        run_id = self._kind.header(config).run_id
        return self._projection is None or self._projection.is_projected(run_id)

    def start(self, config: Config, history: Sequence[Epoch] = ()) -> None:
        """Opens a run, in place of an earlier launch's; one that is open goes on.

        Args:
            config: What is trained.
            history: The epochs an earlier launch already trained, where it goes on from there.
        """
        header, points = self._kind.header(config), self._points(history)
        self._submit(header.name, lambda to: to.start(header, points))

    def log_epoch(self, config: Config, epoch: Epoch) -> None:
        """Adds an epoch to a run that was started; an epoch it already has is left as it is."""
        header, point = self._kind.header(config), self._kind.point(epoch)
        self._submit(header.name, lambda to: to.log(header.run_id, point))

    def finish(self, config: Config, record: Record, history: Sequence[Epoch] = ()) -> None:
        """Closes a run with its summary.

        Args:
            config: What was trained.
            record: What it left.
            history: All its epochs: what the run lacks is filled in from here. What has no open
                run is made whole from it; what is in W&B already is left alone.
        """
        header, points = self._kind.header(config), self._points(history)
        ending = self._kind.ending(record)
        self._submit(header.name, lambda to: to.finish(header, ending, points))

    def project_whole(self, config: Config, history: Sequence[Epoch], record: Record) -> None:
        """Makes the run that W&B lacks of what is finished."""
        self.finish(config, record, history)

    def abandon(self, config: Config) -> None:
        """Closes the run of what failed, as failed; whatever is tried again is made again."""
        header = self._kind.header(config)
        self._submit(header.name, lambda to: to.abandon(header.run_id))

    def _points(self, history: Sequence[Epoch]) -> tuple[Point, ...]:
        return tuple(map(self._kind.point, history))

    def summarise(
        self,
        rows: Sequence[Mapping[str, Any]],
        visit_predictions: pd.DataFrame | None = None,
        facts: Mapping[str, Any] | None = None,
        sample_images: Sequence[np.ndarray[Any, np.dtype[np.uint8]]] = (),
        table: str = "ranking",
    ) -> None:
        """Writes the sweep's own run, in place of an earlier one.

        Args:
            rows: The ranking, best first, or the trials: a column name to a scalar.
            visit_predictions: Visit-level predictions with ``subject`` and ``visit``; they leave
                as pseudonyms and visit numbers.
            facts: Further scalars, nested as they please.
            sample_images: Composites, height x width x 3, uploaded without a caption, and only
                where the sweep says ``tracking.images: true``.
            table: What the rows are called.

        Raises:
            TypeError: A cell is not a scalar, or holds a path.
        """
        if self._projection is None:
            return
        if sample_images and not self._kind.tracking.images:
            self._warn("images", "images were not uploaded: the sweep's tracking.images is false")
            sample_images = ()
        content = make_content(
            rows, visit_predictions, facts, sample_images, self._pseudonyms, table
        )
        header = self._kind.summary_header()
        self._submit("the summary", lambda to: to.summarise(header, content))

    def wait(self, seconds: float = 600.0) -> bool:
        """Waits until everything so far is written; False where it took longer."""
        return self._worker.wait(seconds)

    def close(
        self, *, is_hurried: bool = False, say: Callable[[str], None] | None = None
    ) -> tuple[str, ...]:
        """Writes what is queued, closes every run and ends W&B's service. May be called twice.

        A run that is still open is closed as failed; the next launch sees to it. What W&B does not
        take in time is written offline.

        Args:
            is_hurried: Somebody waits for the end, as after a Ctrl-C.
            say: Told for people that W&B keeps us waiting.

        Returns:
            What went wrong, a line for each kind of trouble.
        """
        projection, patience = self._projection, self._patience
        if projection is None:
            return ()
        self._submit("closing", Projection.abandon_all)
        try:
            if say and not is_hurried and not self._worker.wait(UNNOTICED_SECONDS):
                say(f"Waiting for W&B; Ctrl-C leaves the rest to `{self._sync_command}`.")
            is_over = self._worker.close(
                patience.hurried_seconds if is_hurried else patience.close_seconds
            )
        except KeyboardInterrupt:
            projection.give_up()
            raise
        if not is_over:
            projection.give_up()
            is_over = self._worker.close(patience.offline_seconds)
        if is_over:
            projection.close()
        else:
            self._warn("close", "W&B did not finish in time. What it lacks is made at the next run")
        return self.warnings

    def _submit(self, what: str, act: Callable[[Projection], None]) -> None:
        projection = self._projection
        if projection is not None:
            self._worker.submit(what, lambda: act(projection))

    def _note_failure(self, what: str, error: BaseException) -> None:
        self._warn(
            type(error).__name__,
            f"W&B: {what} was not written ({first_line(error)}). Its records are whole; "
            "run the sweep again to write it",
        )

    def _warn(self, kind: str, message: str) -> None:
        self._warnings.setdefault(kind, message)
