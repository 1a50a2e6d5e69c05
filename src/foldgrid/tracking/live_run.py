"""One open W&B run of a fit, and the epochs it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foldgrid.specs.fits import EpochRecord
from foldgrid.tracking.outbound import epoch_point
from foldgrid.tracking.wandb_session import LiveMode, RunHeader

if TYPE_CHECKING:
    import wandb


@dataclass
class LiveRun:
    """An open run.

    Attributes:
        header: How it is filed.
        mode: How it was opened.
        run: W&B's object.
        epochs: All epochs so far; kept, so that the run can be made again offline.
        logged_through: The last epoch that was passed on. Online this may start above 0: W&B goes
            on after the last step that it has from an earlier launch.
    """

    header: RunHeader
    mode: LiveMode
    run: wandb.Run
    epochs: dict[int, EpochRecord] = field(default_factory=dict)
    logged_through: int = 0

    def __post_init__(self) -> None:
        self._known_before = self.logged_through

    def take(self, epochs: Iterable[EpochRecord]) -> None:
        """Notes epochs; one that is already there is a retried fit's repetition."""
        for each in epochs:
            self.epochs.setdefault(each.epoch, each)

    def log(self, *, whole: bool = False) -> None:
        """Passes on the epochs without a gap before them; all of them where ``whole``.

        Steps can only grow, so an epoch that came early waits for the ones before it.
        """
        for epoch in sorted(self.epochs):
            if epoch <= self.logged_through:
                continue
            if epoch != self.logged_through + 1 and not whole:
                break
            self.run.log(epoch_point(self.epochs[epoch]), step=epoch)
            self.logged_through = epoch

    def has_epochs(self, num_epochs: int) -> bool:
        """Whether the epochs 1 to ``num_epochs`` are all known."""
        return all(epoch in self.epochs for epoch in range(self._known_before + 1, num_epochs + 1))

    def agrees_with(self, history: Sequence[EpochRecord]) -> bool:
        """Whether all that was passed on is in ``history`` with the same figures.

        It is not where a fit was lost and, tried again, went another way. Online nothing can be
        taken back, so there it always "agrees".
        """
        if not history or self.mode == "online":
            return True
        told = {each.epoch: _figures(each) for each in history}
        passed_on = (each for each in self.epochs.values() if each.epoch <= self.logged_through)
        return all(told.get(each.epoch) == _figures(each) for each in passed_on)


def _figures(epoch: EpochRecord) -> str:
    # As text, because NaN does not equal itself. The same epoch never takes the same time twice.
    return repr(epoch.model_dump(exclude={"wall_seconds"}))
