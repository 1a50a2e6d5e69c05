"""The first two rules of a tracker, kept for each of them: every epoch once, whole or made again.

Waits for the tracker, so it belongs on a thread that may wait; `channel` gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from foldgrid.tracking.runs import Ending, Point, RunHeader
from foldgrid.tracking.summary import SummaryContent
from foldgrid.tracking.tracker import OpenRun, RunWriter

Result = TypeVar("Result")


@dataclass
class LiveRun:
    """An open run, and the points it was given.

    Attributes:
        header: How it is filed.
        run: The tracker's.
        points: By step, all so far; kept, so that the run can be made again another way.
        logged_through: The last step that was passed on. This may start above 0: a tracker may go
            on after the last step that it has from an earlier launch.
    """

    header: RunHeader
    run: OpenRun
    points: dict[int, Point] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.logged_through = self._known_before = self.run.logged_through

    def take(self, points: Iterable[Point]) -> None:
        """Notes points; one that is already there is a repetition after a lost worker."""
        for each in points:
            self.points.setdefault(each.step, each)

    def log(self, *, whole: bool = False) -> None:
        """Passes on the points without a gap before them; all of them where ``whole``.

        Steps can only grow, so a point that came early waits for the ones before it.
        """
        for step in sorted(self.points):
            if step <= self.logged_through:
                continue
            if step != self.logged_through + 1 and not whole:
                break
            self.run.log(self.points[step])
            self.logged_through = step

    def end(self, ending: Ending) -> None:
        """Passes on all that is left, and the last word."""
        self.log(whole=True)
        self.run.end(ending)

    def has_points(self, num_points: int) -> bool:
        """Whether the points 1 to ``num_points`` are all known."""
        return all(step in self.points for step in range(self._known_before + 1, num_points + 1))

    def agrees_with(self, history: Sequence[Point]) -> bool:
        """Whether all that was passed on is in ``history`` with the same values.

        It is not where something was lost and, tried again, went another way. Where nothing can be
        taken back it always "agrees".
        """
        if not history or not self.run.can_be_replaced:
            return True
        reported = {each.step: each.metric_values for each in history}
        passed_on = (each for each in self.points.values() if each.step <= self.logged_through)
        return all(reported.get(each.step) == each.metric_values for each in passed_on)


class Projection:
    """The runs of one sweep in one tracker.

    Args:
        writer: The tracker's.
    """

    def __init__(self, writer: RunWriter) -> None:
        self.writer = writer
        self._live: dict[str, LiveRun] = {}

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
            if not self._falls_back(error):
                raise

    def _begin(self, header: RunHeader) -> LiveRun:
        self._close_failed(header.run_id)
        live = self._or_another_way(lambda: self._open(header))
        self._live[header.run_id] = live
        return live

    def _open(self, header: RunHeader) -> LiveRun:
        return LiveRun(header, self.writer.open_run(header))

    def log(self, run_id: str, point: Point) -> None:
        """Adds a point to an open run; without one, finishing it will bring it."""
        live = self._live.get(run_id)
        if live is not None:
            self._pass_on(live, [point])

    def finish(self, header: RunHeader, ending: Ending, history: Iterable[Point]) -> None:
        """Completes a run; opens it first where it is neither open nor complete."""
        whole, run_id = tuple(history), header.run_id
        live = self._live.get(run_id)
        if live is None and self.writer.is_whole(run_id):
            return
        if live is None or not live.agrees_with(whole):
            live = self._begin(header)
        live.take(whole)
        if not whole and not live.has_points(ending.num_epochs):
            self._close_failed(run_id)
            raise LookupError("its run lacks epochs, and no history was given")
        self._or_another_way(lambda: self._complete(run_id, ending))

    def _complete(self, run_id: str, ending: Ending) -> None:
        live = self._live[run_id]
        if live.run.can_be_replaced and not live.has_points(ending.num_epochs):
            # A tracker had some from an earlier launch, and went away with them.
            self._close_failed(run_id)
            raise LookupError(f"its run lacks epochs of {ending.num_epochs}")
        live.end(ending)
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
            live.run.fail(last_word)
        except (Exception, SystemExit) as error:
            # It is made again anyway. The next would only have to wait as long.
            self._falls_back(error)

    def summarise(self, header: RunHeader, content: SummaryContent) -> None:
        """Writes the sweep's own run, in place of an earlier one."""
        self._or_another_way(lambda: self.writer.write_summary(header, content))

    def _or_another_way(self, act: Callable[[], Result]) -> Result:
        """``act``; should that fail and the tracker have another way, ``act`` again there."""
        try:
            return act()
        except (Exception, SystemExit) as error:
            if not self._falls_back(error):
                raise
        return act()

    def _falls_back(self, error: BaseException) -> bool:
        """Makes the open runs again the other way that the tracker has, with their points."""
        if not self.writer.fall_back(error):
            return False
        for run_id, old in list(self._live.items()):
            self._live[run_id] = self._open(old.header)
            self._live[run_id].take(old.points.values())
            self._live[run_id].log()
        return True


def first_line(error: BaseException | str) -> str:
    """What an error says, short enough for a warning."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
