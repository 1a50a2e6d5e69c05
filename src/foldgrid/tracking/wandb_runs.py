"""A sweep's records projected into W&B, one run a fit, from the launcher's own process.

The laws, whatever dies and whenever:

- Each epoch of a finished fit is in its run exactly once, with the epoch as its step.
- The records are the truth: a run that is not whole is thrown away and made again from them.
- W&B never stops or slows a fit: its work is done on a thread of its own, and what goes wrong there
  becomes one line in ``warnings``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking import outbound
from foldgrid.tracking.projection import Projection, first_line
from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.serial_worker import SerialWorker
from foldgrid.tracking.summary_run import SummaryContent
from foldgrid.tracking.wandb_mode import Mode
from foldgrid.tracking.wandb_session import Patience

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class RunProjector:
    """Shows a sweep's fits in W&B.

    Every method returns at once and may be called from any one thread; the work is done in order
    on the projector's own. Use it as a context manager, or call ``close``.

    Args:
        folder: The run folder, ``runs/<sweep>``; everything W&B writes goes to its ``wandb``.
        sweep: What is run.
        mode: ``disabled`` does nothing, writes nothing and imports nothing. After the first time
            that ``online`` fails, the rest of this launch is written offline.
        context: The tags of every run.
        pseudonyms: Turns subjects into pseudonyms; only `summarise` needs it.
        patience: How long W&B may take.
    """

    def __init__(
        self,
        folder: Path,
        sweep: Sweep,
        mode: Mode,
        context: outbound.ProjectContext,
        pseudonyms: Pseudonyms | None = None,
        *,
        patience: Patience | None = None,
    ) -> None:
        self._allows_images = sweep.tracking.images
        self._pseudonyms = pseudonyms
        self._patience = patience or Patience()
        self._warnings: dict[str, str] = {}
        self._worker = SerialWorker("wandb-projector", self._note_failure)
        self._projection = None
        if mode != "disabled":
            self._projection = Projection(folder, sweep, mode, context, self._patience, self._warn)

    def __enter__(self) -> RunProjector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong so far, a line for each kind of trouble."""
        return tuple(self._warnings.values())

    def is_projected(self, fit_id: str) -> bool:
        """Whether a fit's run is whole; always true where W&B is disabled."""
        return self._projection is None or self._projection.is_projected(fit_id)

    def start_fit(self, config: FitConfig, history: Sequence[EpochRecord] = ()) -> None:
        """Opens a fit's run, in place of an earlier launch's; one that is open goes on.

        Args:
            config: The fit.
            history: The epochs an earlier launch already trained, where the fit goes on from there.
        """
        epochs = tuple(history)
        self._submit(config.fit_id, lambda to: to.start(config, epochs))

    def log_epoch(self, config: FitConfig, epoch: EpochRecord) -> None:
        """Adds an epoch to a run that was started; an epoch it already has is left as it is."""
        self._submit(config.fit_id, lambda to: to.log(config.fit_id, epoch))

    def finish_fit(
        self, config: FitConfig, record: FitRecord, history: Sequence[EpochRecord] = ()
    ) -> None:
        """Closes a fit's run with its summary.

        Args:
            config: The fit.
            record: What it left.
            history: All its epochs: what the run lacks is filled in from here. A fit without an
                open run is made whole from it; one that is in W&B already is left alone.
        """
        epochs = tuple(history)
        self._submit(config.fit_id, lambda to: to.finish(config, record, epochs))

    def project_whole(
        self, config: FitConfig, history: Sequence[EpochRecord], record: FitRecord
    ) -> None:
        """Makes the run of a finished fit that W&B lacks."""
        self.finish_fit(config, record, history)

    def abandon_fit(self, config: FitConfig) -> None:
        """Closes the run of a fit that was lost, as failed; it is made again with the fit."""
        self._submit(config.fit_id, lambda to: to.abandon(config.fit_id))

    def summarise(
        self,
        ranking_rows: Sequence[Mapping[str, Any]],
        visit_predictions: pd.DataFrame | None = None,
        facts: Mapping[str, Any] | None = None,
        sample_images: Sequence[np.ndarray[Any, np.dtype[np.uint8]]] = (),
    ) -> None:
        """Writes the sweep's own run, in place of an earlier one.

        Args:
            ranking_rows: The ranking, best first: a column name to a scalar.
            visit_predictions: Visit-level predictions with ``subject`` and ``visit``; they leave
                as pseudonyms and visit numbers.
            facts: Further scalars, nested as they please.
            sample_images: Composites, height x width x 3, uploaded without a caption, and only
                where the sweep says ``tracking.images: true``.

        Raises:
            TypeError: A cell is not a scalar, or holds a path.
        """
        if self._projection is None:
            return
        tables = {"ranking": outbound.ranking_table(ranking_rows)}
        if visit_predictions is not None:
            if self._pseudonyms is None:
                raise TypeError("visit-level predictions need pseudonyms before they are uploaded")
            tables["visits"] = outbound.visit_table(visit_predictions, self._pseudonyms)
        if sample_images and not self._allows_images:
            self._warn("images", "images were not uploaded: the sweep's tracking.images is false")
            sample_images = ()
        content = SummaryContent(tables, outbound.plain_facts(facts or {}), tuple(sample_images))
        self._submit("the summary", lambda to: to.summarise(content))

    def wait(self, seconds: float = 600.0) -> bool:
        """Waits until everything so far is written; False where it took longer."""
        return self._worker.wait(seconds)

    def close(self) -> None:
        """Writes what is queued, closes every run and ends W&B's service. May be called twice.

        A fit that is still open is closed as failed; the next launch makes its run again.
        """
        if self._projection is None:
            return
        self._submit("closing", Projection.abandon_all)
        if self._worker.close(self._patience.close_seconds):
            self._projection.close()
        else:
            self._warn("close", "W&B did not finish in time. What it lacks is made at the next run")

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
