"""One open W&B run, and the points it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foldgrid.tracking.tracker import Ending, Point, RunHeader
from foldgrid.tracking.wandb.session import LiveMode

if TYPE_CHECKING:
    import wandb


@dataclass
class LiveRun:
    """An open run.

    Attributes:
        header: How it is filed.
        mode: How it was opened.
        run: W&B's object.
        points: By step, all so far; kept, so that the run can be made again offline.
        logged_through: The last step that was passed on. Online this may start above 0: W&B goes
            on after the last step that it has from an earlier launch.
    """

    header: RunHeader
    mode: LiveMode
    run: wandb.Run
    points: dict[int, Point] = field(default_factory=dict)
    logged_through: int = 0

    def __post_init__(self) -> None:
        self._known_before = self.logged_through

    @classmethod
    def of(cls, header: RunHeader, mode: LiveMode, run: wandb.Run) -> LiveRun:
        """A run that was opened just now; online it goes on after what W&B has."""
        return cls(header, mode, run, logged_through=max(run.starting_step - 1, 0))

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
            # Otherwise W&B keeps the row until the next, and the last would overwrite the summary.
            self.run.log(dict(self.points[step].values), step=step, commit=True)
            self.logged_through = step

    def end(self, ending: Ending) -> None:
        """Passes on all that is left, and the last word."""
        self.log(whole=True)
        if ending.config:
            self.run.config.update(  # type: ignore[no-untyped-call]
                ending.config, allow_val_change=True
            )
        if ending.tags:
            self.run.tags = (*self.header.tags, *ending.tags)
        self.run.summary.update(ending.summary)

    def has_points(self, num_points: int) -> bool:
        """Whether the points 1 to ``num_points`` are all known."""
        return all(step in self.points for step in range(self._known_before + 1, num_points + 1))

    def agrees_with(self, history: Sequence[Point]) -> bool:
        """Whether all that was passed on is in ``history`` with the same figures.

        It is not where something was lost and, tried again, went another way. Online nothing can
        be taken back, so there it always "agrees".
        """
        if not history or self.mode == "online":
            return True
        told = {each.step: each.figures for each in history}
        passed_on = (each for each in self.points.values() if each.step <= self.logged_through)
        return all(told.get(each.step) == each.figures for each in passed_on)
