"""No scheduler: every trial trains to its end."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from foldgrid.specs.base import Spec
from foldgrid.specs.schedulers import KeyProblem, Scheduler, SharedSettings


class NoScheduler(Scheduler):
    """Gives nobody up, so it takes any number of objectives; see ``Scheduler``."""

    def plan(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return ""

    def report(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return "none: every trial trained to its end"

    def problems(
        self, shared: SharedSettings, own: Spec, planned_epochs: int, varied: Collection[str]
    ) -> Iterator[KeyProblem]:
        """See ``Scheduler``."""
        del shared, own, planned_epochs, varied
        yield from ()
