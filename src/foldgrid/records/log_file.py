"""Log files in a run folder: one a fit or trial, one for the launcher; a line an event."""

from __future__ import annotations

import logging
import time

from foldgrid.records.files import FileRoot

EVERY_SECONDS = 10.0
"""An object store writes the whole log anew for each line that is added: not oftener than this."""


class LogFile(logging.Handler):
    """Adds log lines to a file of a run folder: UTC, level, text.

    A log that cannot be written stays silent: it must not end what it tells of.

    Args:
        root: The run folder.
        name: The file in it.
    """

    def __init__(self, root: FileRoot, name: str) -> None:
        super().__init__()
        self._root, self._name = root, name
        self._waiting: list[str] = []
        self._written = time.monotonic()
        formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(message)s")
        formatter.converter = time.gmtime
        formatter.default_msec_format = "%s.%03d"
        formatter.default_time_format = "%Y-%m-%dT%H:%M:%S"
        self.setFormatter(formatter)

    @property
    def path(self) -> str:
        """Where it is, for people."""
        return f"{self._root.location}/{self._name}"

    def note(self, level: int, text: str) -> None:
        """Adds a line without a logger."""
        facts = {"levelno": level, "levelname": logging.getLevelName(level), "msg": text}
        self.emit(logging.makeLogRecord(facts))

    def emit(self, record: logging.LogRecord) -> None:
        """Adds a line, or several where ``record`` brings a traceback."""
        self._waiting.append(self.format(record))
        if self._root.is_local or time.monotonic() - self._written >= EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        lines, self._waiting = self._waiting, []
        self._written = time.monotonic()
        if lines:
            try:
                self._root.append_line(self._name, "\n".join(lines))
            except OSError:
                self._waiting = lines

    def close(self) -> None:
        """Writes what waits, and ends."""
        self.flush()
        super().close()


def last_lines(root: FileRoot, name: str, num_lines: int) -> list[str]:
    """The end of a text file, without empty lines; nothing where there is none."""
    if not root.exists(name):
        return []
    lines = root.read_bytes(name).decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()][-num_lines:]
