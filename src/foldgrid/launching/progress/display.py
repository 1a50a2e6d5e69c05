"""The sweep's progress: a live panel on a terminal, plain lines where output goes to a file."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.jupyter import JupyterMixin
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from foldgrid.execution.fit_job import FitJob
from foldgrid.launching.durations import format_duration
from foldgrid.specs.counted import counted
from foldgrid.specs.failure import Failure
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Monitored

LINE_EVERY_SECONDS = 30.0
SECONDS_BETWEEN_PANELS = 0.5


@dataclass
class RunningFit:
    """A fit that a worker has taken up."""

    job: FitJob
    started: float
    epoch: int = 0
    validation_loss: float = math.nan


@dataclass(frozen=True)
class BestFit:
    """The best fit so far, by what its task monitors.

    Attributes:
        monitored: What that is.
        value: The fit's.
        name: The fit, for people.
    """

    monitored: Monitored
    value: float
    name: str

    def words(self) -> str:
        """``lowest fold PASI MAE 4.60 (resnet34 fold 2)``."""
        end = "highest" if self.monitored.is_higher_better else "lowest"
        digits = self.monitored.decimals
        return f"{end} fold {self.monitored.title} {self.value:.{digits}f} ({self.name})"


def _monitored(record: FitRecord) -> tuple[Monitored, float]:
    monitored = make_scoring(record.config.task).monitored
    return monitored, record.metrics.get(f"oof/{monitored.key}", math.nan)


@dataclass
class SweepProgress:
    """The facts of a sweep under way; knows nothing of how they are shown.

    Attributes:
        num_total: Fits of the selected part of the grid.
        num_done: Of these, complete, earlier launches included.
        work_left: Estimated seconds of work, on one core, of the fits not complete.
    """

    num_total: int
    num_done: int
    work_left: float
    clock: Callable[[], float] = time.monotonic
    running: dict[str, RunningFit] = field(default_factory=dict)
    failures: dict[str, tuple[FitJob, Failure]] = field(default_factory=dict)
    num_diverged: int = 0
    best: BestFit | None = None
    _work_done: float = 0.0
    _begun: float | None = None

    def started(self, job: FitJob) -> None:
        """See ``events.Listener``."""
        self._begun = self.clock() if self._begun is None else self._begun
        if self.failures.pop(job.config.fit_id, None) is not None:
            self.work_left += job.estimated_seconds
        self.running[job.config.fit_id] = RunningFit(job, self.clock())

    def epoch_done(self, job: FitJob, record: EpochRecord) -> None:
        """See ``events.Listener``."""
        fit = self.running.setdefault(job.config.fit_id, RunningFit(job, self.clock()))
        fit.epoch, fit.validation_loss = record.epoch, record.validation_loss

    def finished(self, job: FitJob, record: FitRecord) -> None:
        """See ``events.Listener``."""
        self._over(job)
        self.num_done += 1
        self.num_diverged += record.status == "diverged"
        monitored, value = _monitored(record)
        sign = -1.0 if monitored.is_higher_better else 1.0
        if math.isfinite(value) and (self.best is None or sign * value < sign * self.best.value):
            self.best = BestFit(monitored, value, f"{job.learner} fold {job.config.fold}")

    def failed(self, job: FitJob, failure: Failure) -> None:
        """See ``events.Listener``."""
        self._over(job)
        self.failures[job.config.fit_id] = (job, failure)

    def _over(self, job: FitJob) -> None:
        self.running.pop(job.config.fit_id, None)
        self.work_left -= job.estimated_seconds
        self._work_done += job.estimated_seconds

    @property
    def elapsed_seconds(self) -> float:
        """Since the first fit started."""
        return 0.0 if self._begun is None else self.clock() - self._begun

    @property
    def seconds_left(self) -> float:
        """Estimated from the speed so far; NaN before the first fit is over."""
        if self._work_done <= 0:
            return math.nan
        return max(self.work_left, 0.0) * self.elapsed_seconds / self._work_done


class _Drawn(JupyterMixin):
    """What a notebook shows of something that rich can draw."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich__(self) -> RenderableType:
        return self.renderable


class NotebookPanel:
    """A panel in a notebook's cell, drawn anew in its place at most twice a second.

    rich's own ``Live`` needs ipywidgets for that, and a thread; a display with an id needs neither.

    Args:
        get_renderable: Draws it.
    """

    def __init__(self, get_renderable: Callable[[], RenderableType]) -> None:
        from IPython.display import DisplayHandle

        make_handle: Callable[[], Any] = DisplayHandle
        self._get_renderable, self._handle = get_renderable, make_handle()
        self._handle.display(_Drawn(get_renderable()))
        self._drawn_at = time.monotonic()

    def refresh(self, *, is_last: bool = False) -> None:
        """Draws it anew, unless that was just done."""
        if is_last or time.monotonic() - self._drawn_at > SECONDS_BETWEEN_PANELS:
            self._handle.update(_Drawn(self._get_renderable()))
            self._drawn_at = time.monotonic()

    def stop(self) -> None:
        """Draws it as it stays."""
        self.refresh(is_last=True)


class ProgressDisplay:
    """Shows a ``SweepProgress``; use it as a context manager around the executor.

    Args:
        progress: The facts.
        console: Where to; a terminal gets a live panel, a file gets lines.
    """

    def __init__(self, progress: SweepProgress, console: Console) -> None:
        self.progress, self.console = progress, console
        self._live: Live | NotebookPanel | None = None
        self._last_line = progress.clock()

    def __enter__(self) -> ProgressDisplay:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._panel, console=self.console, refresh_per_second=2
            )
            self._live.start()
        elif self.console.is_jupyter:
            self._live = NotebookPanel(self._panel)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, job: FitJob) -> None:
        """See ``events.Listener``."""
        self.progress.started(job)
        self._redraw()

    def epoch_done(self, job: FitJob, record: EpochRecord) -> None:
        """See ``events.Listener``."""
        self.progress.epoch_done(job, record)
        self._redraw()
        is_silent = self.progress.clock() - self._last_line > LINE_EVERY_SECONDS
        if self._live is None and is_silent:
            rest = f"{record.epoch} epochs, validation loss {record.validation_loss:.3f}"
            self._line(job, f"running  {rest}")

    def finished(self, job: FitJob, record: FitRecord) -> None:
        """See ``events.Listener``."""
        self.progress.finished(job, record)
        monitored, value = _monitored(record)
        what = f"{monitored.title} {value:5.{monitored.decimals}f}"
        if record.status == "diverged":
            what = "diverged"
        self._line(
            job, f"{what}   {counted(record.num_epochs, 'epoch')}, {record.timings['total']:.1f} s"
        )

    def failed(self, job: FitJob, failure: Failure) -> None:
        """See ``events.Listener``."""
        self.progress.failed(job, failure)
        again = " (is tried again)" if failure.is_tried_again else ""
        self._line(job, f"FAILED  {failure.message.splitlines()[0]}{again}")

    def _redraw(self) -> None:
        if isinstance(self._live, NotebookPanel):
            self._live.refresh()

    def _line(self, job: FitJob, text: str) -> None:
        self._redraw()
        self._last_line = self.progress.clock()
        if self._live is not None:
            return
        state = self.progress
        width = len(str(state.num_total))
        left = format_duration(state.seconds_left)
        self.console.print(
            f"[{state.num_done:{width}}/{state.num_total}] {job.learner:<18} "
            f"fold {job.config.fold}  {text}   left {left}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def _panel(self) -> RenderableType:
        state = self.progress
        head = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(state.num_total, 1), completed=state.num_done, width=30)
        counts = Text.assemble(
            (f"{state.num_done}", "bold green"),
            f" of {state.num_total} done, {len(state.running)} running",
        )
        if state.failures:
            counts.append(f", {len(state.failures)} failed", "bold red")
        if state.num_diverged:
            counts.append(f", {state.num_diverged} diverged", "yellow")
        head.add_row(bar, counts)
        times = f"{format_duration(state.elapsed_seconds)} so far, about "
        times += f"{format_duration(state.seconds_left)} left"
        best = state.best.words() if state.best else ""
        head.add_row(Text(times, "dim"), Text(best, "dim"))
        return Group(head, self._running_table())

    def _running_table(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for fit in list(self.progress.running.values())[:8]:
            config = fit.job.config
            loss = f"validation loss {fit.validation_loss:.3f}" if fit.epoch else "starting"
            epochs = f"epoch {fit.epoch}/{config.training.planned_epochs}"
            seconds = format_duration(self.progress.clock() - fit.started)
            row = (f"  {fit.job.learner}", f"fold {config.fold}", epochs, loss, seconds)
            table.add_row(*(Text(cell, "cyan" if n == 0 else "") for n, cell in enumerate(row)))
        return table
