"""No tracker: nothing is sent, and nothing is written."""

from __future__ import annotations

from foldgrid.tracking.tracker import TRACKERS, Place, Tracker


class NoTracker(Tracker):
    """Tells nobody anything; see ``Tracker``."""

    title = "No tracker"

    def words(self, what: str) -> str:
        """See ``Tracker``."""
        return f"no tracker: every {what} is in the run folder only"

    def open(self, place: Place) -> None:
        """See ``Tracker``."""

    def forget(self, place: Place, run_id: str) -> None:
        """See ``Tracker``."""


TRACKERS.add("none", NoTracker())
