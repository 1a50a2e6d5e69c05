"""Trackers that write files: a folder for each run, marked once the run is whole."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foldgrid.tracking.runs import Ending, Point, RunHeader
from foldgrid.tracking.tracker import OpenRun, Place, RunWriter, Tracker

if TYPE_CHECKING:
    from foldgrid.tracking.summary import SummaryContent

WHOLE_MARK = ".whole"


def _mark_of(place: Place, run_id: str) -> Path:
    return place.folder / run_id / WHOLE_MARK


class FolderTracker(Tracker):
    """A tracker that writes each run to a folder of its own, ``<place.folder>/<run id>``.

    Which runs are whole, and that others are made again, is seen to here.

    Example:
        ``docs/how-to/tracking.md`` has one that writes JSON lines.
    """

    @abstractmethod
    def open_run(self, folder: Path, header: RunHeader) -> OpenRun:
        """Begins a run in an empty folder."""

    @abstractmethod
    def write_summary(self, folder: Path, header: RunHeader, content: SummaryContent) -> None:
        """Writes the run of them all to an empty folder."""

    def words(self, what: str) -> str:
        """See ``Tracker``."""
        return f"offline: every {what} has a folder in the run folder"

    def open(self, place: Place) -> RunWriter:
        """See ``Tracker``."""
        return FolderWriter(self, place)

    def forget(self, place: Place, run_id: str) -> None:
        """See ``Tracker``."""
        _mark_of(place, run_id).unlink(missing_ok=True)

    def shown_at(self, place: Place) -> str:
        """See ``Tracker``."""
        return f"{place.folder}/"


class FolderWriter(RunWriter):
    """Gives each run a folder; see ``RunWriter``.

    Args:
        tracker: Writes what is in them.
        place: Where they are.
    """

    def __init__(self, tracker: FolderTracker, place: Place) -> None:
        super().__init__(tracker.title)
        self._tracker, self._place = tracker, place

    def is_whole(self, run_id: str) -> bool:
        """See ``RunWriter``."""
        return _mark_of(self._place, run_id).exists()

    def open_run(self, header: RunHeader) -> OpenRun:
        """See ``RunWriter``."""
        folder = self._empty_folder(header.run_id)
        return _MarkedRun(self._tracker.open_run(folder, header), folder / WHOLE_MARK)

    def write_summary(self, header: RunHeader, content: SummaryContent) -> None:
        """See ``RunWriter``."""
        folder = self._empty_folder(header.run_id)
        self._tracker.write_summary(folder, header, content)
        (folder / WHOLE_MARK).touch()

    def _empty_folder(self, run_id: str) -> Path:
        # The mark goes first: a kill while the rest is removed must not leave half a whole run.
        self._tracker.forget(self._place, run_id)
        folder = self._place.folder / run_id
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        return folder


class _MarkedRun(OpenRun):
    """A run whose folder is marked after its last word."""

    def __init__(self, run: OpenRun, mark: Path) -> None:
        self._run, self._mark = run, mark

    def log(self, point: Point) -> None:
        self._run.log(point)

    def end(self, ending: Ending) -> None:
        self._run.end(ending)
        self._mark.touch()

    def fail(self, last_word: Mapping[str, str]) -> None:
        self._run.fail(last_word)
