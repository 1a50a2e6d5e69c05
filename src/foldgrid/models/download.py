"""One large file over HTTP: resumed where it broke off, checked by SHA-256. Knows no networks.

A download is written beside its place as ``<file>.<host>.partial`` and renamed when its SHA-256 is
right, so a file of that name is always whole. One file at a time is fetched on a machine; others
wait for it, and find the file there.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock

SILENCE_SECONDS = 30.0
"""A server that says nothing for so long is stopped: some firewalls swallow requests."""

FRUITLESS_TRIES = 5
"""So often a connection that broke is opened anew without a byte more than before."""

PAUSE_SECONDS = 1.0
"""Before the second try; twice as long before each further one."""

_READ_BYTES = 1 << 20
_BUSY = (408, 425, 429, 500, 502, 503, 504)

Progress = Callable[[int, int | None], None]
"""Notified how many bytes are here, and of how many where the server says so."""


class WrongContentError(OSError):
    """What came is not the file that was promised; nothing of it is kept.

    Args:
        found: The SHA-256 of what came.
        promised: What it should be, or begin with.
    """

    def __init__(self, found: str, promised: str) -> None:
        super().__init__(f"its SHA-256 begins {found[: len(promised)]}, promised is {promised}")
        self.found, self.promised = found, promised


def download(
    url: str,
    path: Path,
    promised: str = "",
    *,
    token: str = "",
    on_progress: Progress | None = None,
) -> bool:
    """Fetches ``url`` to ``path``, unless ``path`` is there.

    A connection that breaks or falls silent is opened again, and the download goes on where it
    was, as long as each five tries bring something. What came stays for the next call where the
    whole file's hash is known to be checked.

    Args:
        url: ``http``, ``https`` or ``file``. A redirect by the Hugging Face Hub says the hash.
        path: Where the file goes; its folder is made.
        promised: The file's SHA-256, or its start.
        token: Shown to the server of ``url`` alone, never to one that it redirects to.
        on_progress: Notified of the bytes.

    Returns:
        Whether anything was fetched.

    Raises:
        WrongContentError: The whole file came, and its hash is not the promised one.
        OSError: It cannot be fetched, or not be written.
        ValueError: ``url`` is none.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     there, here = Path(folder, "there"), Path(folder, "here")
        ...     _ = there.write_text("weights")
        ...     download(there.as_uri(), here), download(there.as_uri(), here)
        (True, False)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        if path.is_file():
            return False
        partial = path.with_name(f"{path.name}.{platform.node() or 'host'}.partial")
        transfer = _Transfer(url, partial, promised, token, on_progress)
        transfer.run()
        partial.replace(path)
    return True


class NoRoomError(OSError):
    """A file is larger than what is free where it would go; nothing of it was written."""


def check_room(folder: Path, num_bytes: int) -> None:
    """Refuses to begin what a disk has no room for.

    Args:
        folder: Where it would go; need not be there yet.
        num_bytes: What would be written.

    Raises:
        NoRoomError: Less is free; says how much is needed, how much is free, and where.
    """
    above = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(above).free
    if num_bytes > free:
        needed, left = f"{num_bytes / 1e6:,.1f} MB", f"{free / 1e6:,.1f} MB"
        raise NoRoomError(f"{needed} are needed, and {left} are free in {folder}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """This user's one download on this machine."""
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    with FileLock(Path(tempfile.gettempdir()) / f"foldgrid-fetch-{user}.lock"):
        yield


class _BrokenOffError(Exception):
    """A connection ended before the file did; ``cause`` is what was said of it."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass
class _Transfer:
    """The way of one file into ``partial``, over as many connections as it takes."""

    url: str
    partial: Path
    promised: str
    token: str
    on_progress: Progress | None

    def run(self) -> None:
        """Leaves the whole file in ``partial``, checked."""
        was_here = self._size() > 0
        try:
            self._receive_all()
            if was_here and not (self.promised and self._is_right()):
                # The beginning may have been another file's: once more, from the start.
                self.partial.unlink()
                self._receive_all()
        except BaseException:
            if not self.promised:
                # Nobody could tell whether this beginning belongs to the file of another day.
                self.partial.unlink(missing_ok=True)
            raise
        if not self._is_right():
            found = sha256_of(self.partial)
            self.partial.unlink()
            raise WrongContentError(found, self.promised)

    def _is_right(self) -> bool:
        return sha256_of(self.partial).startswith(self.promised.lower())

    def _size(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def _receive_all(self) -> None:
        most, fruitless, has_answered = self._size(), 0, False
        while True:
            try:
                self._receive()
                return
            except _BrokenOffError as broken:
                has_answered = has_answered or self._size() > 0
                fruitless = 0 if self._size() > most else fruitless + 1
                most = max(most, self._size())
                # Who never answered is not waited for: there may be thirty files to come.
                if fruitless >= FRUITLESS_TRIES or not has_answered:
                    raise OSError(str(broken.cause)) from broken.cause
                time.sleep(PAUSE_SECONDS * 2 ** max(fruitless - 1, 0))

    def _receive(self) -> None:
        """One connection's worth: from where the partial file ends, or from the start."""
        here = self._size()
        request = Request(self.url, headers={"User-Agent": "foldgrid"})
        if here:
            request.add_header("Range", f"bytes={here}-")
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        redirects = _Redirects()
        try:
            response = build_opener(redirects).open(request, timeout=SILENCE_SECONDS)
        except HTTPError as error:
            error.close()
            if error.code == 416 and here:
                self._at_the_end(here, error.headers)
                return
            if error.code in _BUSY:
                raise _BrokenOffError(error) from error
            raise
        except (OSError, HTTPException) as error:
            raise _BrokenOffError(error) from error
        with response:
            self.promised = self.promised or redirects.promised
            self._copy(response, here)

    def _at_the_end(self, here: int, headers: Message) -> None:
        """The server has nothing after ``here``: the file is whole, or it was another one."""
        _, _, total = headers.get("Content-Range", "").rpartition("/")
        if total != str(here) and not self._is_right():
            self.partial.unlink()
            self._receive()

    def _copy(self, response: HTTPResponse, here: int) -> None:
        start, total = _extent(response, here)
        if start not in (0, here):
            self.partial.unlink()
            raise _BrokenOffError(OSError(f"it sent bytes from {start}, not from {here}"))
        if total is not None:
            # What begins anew overwrites what is here.
            check_room(self.partial.parent, total - here)
        with self.partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            self._pour(response, file, start, total)
        size = self._size()
        if total is not None and size != total:
            message = f"it ended after {size:,} of {total:,} bytes"
            if size > total:
                self.partial.unlink()
            raise _BrokenOffError(OSError(message))

    def _pour(self, response: HTTPResponse, file: IO[bytes], here: int, total: int | None) -> None:
        while True:
            try:
                # What has come is taken, and not waited for until it is a megabyte.
                block = response.read1(_READ_BYTES)
            except (OSError, HTTPException) as error:
                raise _BrokenOffError(error) from error
            if not block:
                return
            file.write(block)
            here += len(block)
            if self.on_progress is not None:
                self.on_progress(here, total)


def _extent(response: HTTPResponse, here: int) -> tuple[int, int | None]:
    """Where in the file the answer begins, and how long the file is."""
    length = response.headers.get("Content-Length")
    if response.status == 206:
        found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None:
            return here, None if length is None else here + int(length)
        return int(found[1]), None if found[2] == "*" else int(found[2])
    # The server ignored the range, or none was asked for.
    return 0, None if length is None else int(length)


class _Redirects(HTTPRedirectHandler):
    """Follows redirects; the Hugging Face Hub's say the file's SHA-256 before they lead away."""

    promised = ""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """See ``HTTPRedirectHandler``; the range goes along."""
        linked = headers.get("X-Linked-Etag", "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", linked):
            self.promised = linked
        return super().redirect_request(req, fp, code, msg, headers, newurl)
