"""TensorBoard: an event file for each run, written through tensorboardX.

Of tensorboardX only the records and the messages in them: its own writer puts the machine's name
into the file's, and writes from another process, which would outlive a kill.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldgrid.specs.errors import SweepError
from foldgrid.tracking.folders import FolderTracker
from foldgrid.tracking.runs import Ending, Point, RunHeader
from foldgrid.tracking.tracker import TRACKERS, OpenRun, Place, Tracker

if TYPE_CHECKING:
    from foldgrid.tracking.summary import SummaryContent

SUMMARY = "summary"
"""Before the keys of a run's last word: a trial's are otherwise those of its points."""


class TensorBoard(FolderTracker):
    """Event files below ``tensorboard/``, for ``tensorboard --logdir``; see ``Tracker``."""

    title = "TensorBoard"
    package = "tensorboardX"

    def asked(self, way: str) -> Tracker:
        """See ``Tracker``."""
        if find_spec("tensorboardX") is None:
            raise SweepError(
                "--tracker tensorboard: tensorboardX is not installed.\n"
                "Install it with `pip install tensorboardx`, or leave --tracker out."
            )
        return super().asked(way)

    def next_command(self, place: Place) -> str:
        """See ``Tracker``."""
        return f"tensorboard --logdir {shlex.quote(str(place.folder))}"

    def open_run(self, folder: Path, header: RunHeader) -> OpenRun:
        """See ``FolderTracker``."""
        return _EventRun(folder, header)

    def write_summary(self, folder: Path, header: RunHeader, content: SummaryContent) -> None:
        """See ``FolderTracker``."""
        from tensorboardX.summary import image, text

        file = _EventFile(folder)
        file.write([text("header", _header_text(header)), text("facts", _json(content.facts))])
        file.write(text(key, _markdown(*table)) for key, table in content.tables.items())
        file.write(_scalar(f"{SUMMARY}/{key}", fact) for key, fact in _numbers(content.facts))
        for number, pixels in enumerate(content.images):
            file.write([image(f"composites/{number}", pixels, dataformats="HWC")])
        file.close()


class _EventFile:
    """TensorBoard's file: records of one event each, each on the disk when it is written."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter

        # TensorBoard knows its files by this name; where it has the machine's, we have our own.
        path = folder / f"events.out.tfevents.{time.time():.0f}.foldgrid"
        self._event, self._records = Event, RecordWriter(str(path))
        self._add(file_version="brain.Event:2")

    def write(self, summaries: Iterable[Any], step: int = 0) -> None:
        """Writes values of one step, and flushes."""
        for summary in summaries:
            self._add(step=step, summary=summary)
        self._records.flush()

    def _add(self, **content: Any) -> None:
        event = self._event(wall_time=time.time(), **content)
        self._records.write(event.SerializeToString())

    def close(self) -> None:
        """Ends the file."""
        self._records.flush()
        self._records.close()


class _EventRun(OpenRun):
    """The event file of one run; see ``OpenRun``."""

    def __init__(self, folder: Path, header: RunHeader) -> None:
        from tensorboardX.summary import text

        self._file, self._header = _EventFile(folder), header
        self._file.write([text("header", _header_text(header))])

    def log(self, point: Point) -> None:
        """A scalar for each value."""
        self._file.write((_scalar(*each) for each in point.values.items()), point.step)

    def end(self, ending: Ending) -> None:
        """The last word as text, its numbers also as scalars and for the table of settings."""
        from tensorboardX.summary import hparams, text

        numbers = {f"{SUMMARY}/{key}": value for key, value in _numbers(ending.summary)}
        settings = _plain(self._header.config | ending.config)
        experiment, begun, ended = hparams(settings, numbers)
        reported = {**ending.summary, "tags": [*self._header.tags, *ending.tags]}
        self._file.write([experiment, begun, text(SUMMARY, _json(reported))])
        self._file.write((_scalar(*each) for each in numbers.items()), ending.num_epochs)
        if ending.is_success:
            self._file.write([ended])
        self._file.close()

    def fail(self, last_word: Mapping[str, str]) -> None:
        """The last word as text."""
        from tensorboardX.summary import text

        self._file.write([text(SUMMARY, _json(last_word))])
        self._file.close()


def _scalar(tag: str, value: float) -> Any:
    # tensorboardX's own complains on the terminal of values that are no numbers; ours may be.
    from tensorboardX.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])


def _numbers(facts: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
    return [
        (key, value)
        for key, value in facts.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def _plain(settings: Mapping[str, Any], prefix: str = "") -> dict[str, bool | float | str]:
    """Nested settings on one level, as TensorBoard's table takes them: ``training/momentum``."""
    flat: dict[str, bool | float | str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _plain(value, f"{prefix}{name}/")
        else:
            is_plain = isinstance(value, bool | int | float | str)
            flat[f"{prefix}{name}"] = value if is_plain else json.dumps(value)
    return flat


def _header_text(header: RunHeader) -> str:
    reported = {"name": header.name, "group": header.group, "job_type": header.job_type}
    return _json({**reported, "tags": list(header.tags), "config": header.config})


def _json(facts: Mapping[str, Any]) -> str:
    """Facts as text that TensorBoard, which reads Markdown, shows as it is."""
    return "\n".join(f"    {line}" for line in json.dumps(facts, indent=2).splitlines())


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; a bar in a cell would end it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join("" if c is None else str(c).replace("|", "\\|") for c in line) + " |"
        for line in lines
    )


TRACKERS.add("tensorboard", TensorBoard())
