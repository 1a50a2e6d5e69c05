"""Records projected into trackers, one run a fit or a trial, from the launcher's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self

from foldgrid.tracking.channel import Channel
from foldgrid.tracking.projection import Projection
from foldgrid.tracking.pseudonyms import Pseudonyms
from foldgrid.tracking.runs import Config, Epoch, Point, Record, RunKind
from foldgrid.tracking.summary import make_content
from foldgrid.tracking.tracker import RunWriter

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class RunProjector(Generic[Config, Epoch, Record]):
    """Shows a sweep's fits, or a search's trials, in every tracker that a launch tells.

    Every method returns at once and may be called from any one thread; each tracker's work is done
    in order on a thread of its own. Use it as a context manager, or call ``close``.

    Args:
        kind: What has a run each, and what of it leaves the machine.
        writers: The trackers; with none it does nothing and writes nothing.
        pseudonyms: Turns subjects into pseudonyms; only `summarise` needs it.

    Example:
        >>> from foldgrid.tracking import TRACKERS
        >>> writer = TRACKERS.named(name).open(place)  # doctest: +SKIP
        >>> with RunProjector(kind, [writer]) as projector:  # doctest: +SKIP
        ...     projector.project_whole(config, history, record)
    """

    def __init__(
        self,
        kind: RunKind[Config, Epoch, Record],
        writers: Iterable[RunWriter],
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._kind = kind
        self._pseudonyms = pseudonyms
        self._channels = [Channel(writer) for writer in writers]
        self._warnings: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong so far, a line for each kind of trouble."""
        reported = [self._warnings, *(channel.writer.warnings for channel in self._channels)]
        return tuple(line for warnings in reported for line in warnings.values())

    def is_projected(self, config: Config) -> bool:
        """Whether its run is whole in every tracker; always true where there is none."""
        run_id = self._kind.header(config).run_id
        return all(channel.writer.is_whole(run_id) for channel in self._channels)

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
                run is made whole from it; what is whole already is left alone.
        """
        header, points = self._kind.header(config), self._points(history)
        ending = self._kind.ending(record)
        self._submit(header.name, lambda to: to.finish(header, ending, points))

    def project_whole(self, config: Config, history: Sequence[Epoch], record: Record) -> None:
        """Makes the runs that trackers lack of what is finished."""
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
            sample_images: Mosaics, height x width x 3, uploaded without a caption, and only
                where the sweep says ``tracking.images: true``.
            table: What the rows are called.

        Raises:
            TypeError: A cell is not a scalar, or holds a path.
        """
        if not self._channels:
            return
        if sample_images and not self._kind.tracking.images:
            words = "images were not uploaded: the sweep's tracking.images is false"
            self._warnings.setdefault("images", words)
            sample_images = ()
        content = make_content(
            rows, visit_predictions, facts, sample_images, self._pseudonyms, table
        )
        header = self._kind.summary_header()
        self._submit("the summary", lambda to: to.summarise(header, content))

    def wait(self, seconds: float = 600.0) -> bool:
        """Waits until everything so far is written; False where a tracker took longer."""
        waited = [channel.wait(seconds) for channel in self._channels]
        return all(waited)

    def close(
        self, *, is_hurried: bool = False, say: Callable[[str], None] | None = None
    ) -> tuple[str, ...]:
        """Writes what is queued, closes every run and lets the trackers go. May be called twice.

        A run that is still open is closed as failed; the next launch sees to it. What a tracker
        does not take in time is left to it, too, or written another way.

        Args:
            is_hurried: Somebody waits for the end, as after a Ctrl-C.
            say: Called with words for people when a tracker keeps us waiting.

        Returns:
            What went wrong, a line for each kind of trouble.
        """
        self._submit("closing", Projection.abandon_all)
        try:
            for channel in self._channels:
                channel.close(is_hurried=is_hurried, say=say)
        except KeyboardInterrupt:
            for channel in self._channels:
                channel.writer.abort()
            raise
        return self.warnings

    def _submit(self, what: str, act: Callable[[Projection], None]) -> None:
        for channel in self._channels:
            channel.submit(what, act)
