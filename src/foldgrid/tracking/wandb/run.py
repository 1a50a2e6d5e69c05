"""One open W&B run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from foldgrid.tracking.runs import Ending, Point, RunHeader
from foldgrid.tracking.tracker import OpenRun
from foldgrid.tracking.wandb.session import LiveMode, WandbSession

if TYPE_CHECKING:
    import wandb


class WandbRun(OpenRun):
    """An open run; see ``OpenRun``.

    Args:
        header: How it is filed.
        mode: How it is opened.
        session: Opens it.
        on_end: Closes it after its last word, with its exit code.
    """

    def __init__(
        self,
        header: RunHeader,
        mode: LiveMode,
        session: WandbSession,
        on_end: Callable[[WandbRun, int], None],
    ) -> None:
        self.header, self.mode = header, mode
        self._session, self._on_end = session, on_end
        self.run: wandb.Run = session.open_run(mode, header)
        # Online W&B goes on after what it has, and nothing of that can be taken back.
        self.logged_through = max(self.run.starting_step - 1, 0)
        self.can_be_replaced = mode == "offline"

    def log(self, point: Point) -> None:
        """See ``OpenRun``."""
        self._session.check(self.mode)
        # Otherwise W&B keeps the row until the next, and the last would overwrite the summary.
        self.run.log(dict(point.values), step=point.step, commit=True)

    def end(self, ending: Ending) -> None:
        """See ``OpenRun``."""
        self._session.check(self.mode)
        if ending.config:
            self.run.config.update(  # type: ignore[no-untyped-call]
                ending.config, allow_val_change=True
            )
        if ending.tags:
            self.run.tags = (*self.header.tags, *ending.tags)
        self.run.summary.update(ending.summary)
        self._on_end(self, int(not ending.is_success))

    def fail(self, last_word: Mapping[str, str]) -> None:
        """See ``OpenRun``."""
        self.run.summary.update(dict(last_word))
        self._session.finish_run(self.run, exit_code=1)
