"""Checksums written into files and looked at when they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foldgrid.specs.base import Record
from foldgrid.specs.errors import CorruptFileError
from foldgrid.specs.fits import content_digest

DIGEST_KEY, FILES_KEY = "sha256", "files"
"""Keys of a checksummed JSON object: its own digest, and the checksums of other files."""


DIGEST_LENGTH = 64


FIRST_LINE = "# sha256 of what follows: "
"""How a checksummed text begins; to YAML it is a comment."""


CHANGED = "not what was written (its checksum differs)"


class FileChecksum(Record):
    """What a file was when it was written.

    Attributes:
        num_bytes: Its length.
        sha256: Of its content.
    """

    num_bytes: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> FileChecksum:
        """The checksum of a content."""
        return cls(num_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> FileChecksum:
        """The checksum of a file that need not fit into memory."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(num_bytes=path.stat().st_size, sha256=digest)

    def fault_of_length(self, num_bytes: int) -> str:
        """What is wrong with a file of this length; "" where nothing is."""
        if num_bytes == self.num_bytes:
            return ""
        return f"{num_bytes:,} bytes, {self.num_bytes:,} were written"

    def fault_of(self, data: bytes) -> str:
        """What is wrong with this content; "" where it is what was written."""
        return self.fault_of_length(len(data)) or (
            "" if hashlib.sha256(data).hexdigest() == self.sha256 else CHANGED
        )


def checksummed_json(
    content: Mapping[str, Any], files: Mapping[str, FileChecksum] | None = None
) -> bytes:
    """A JSON object with a digest of itself, and with the checksums of ``files``."""
    checksummed = dict(content)
    if files:
        checksummed[FILES_KEY] = {name: checksum.model_dump() for name, checksum in files.items()}
    checksummed[DIGEST_KEY] = content_digest(checksummed, DIGEST_LENGTH)
    return (json.dumps(checksummed, indent=2, ensure_ascii=False) + "\n").encode()


def read_known(file: Path) -> dict[str, Any]:
    """What a file of a cache holds; nothing where it is missing, corrupt or unreadable."""
    try:
        known = open_json(file.read_bytes(), str(file))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def open_json(data: bytes, path: str, mend: str = "") -> Any:
    """What ``checksummed_json`` was given, without ``files``; any other JSON as it is.

    Args:
        data: The file's content.
        path: The file, for people.
        mend: What to do where it is corrupt.

    Raises:
        CorruptFileError: It is no JSON, or not what was written.
    """
    try:
        content = json.loads(data)
    except ValueError as error:
        raise CorruptFileError.unreadable(path, data, error, mend) from error
    if not isinstance(content, dict) or DIGEST_KEY not in content:
        return content
    digest = content.pop(DIGEST_KEY)
    if digest != content_digest(content, DIGEST_LENGTH):
        raise CorruptFileError(path, CHANGED, mend)
    return content


def open_checksummed(
    data: bytes, path: str, mend: str = ""
) -> tuple[dict[str, Any], dict[str, FileChecksum]]:
    """A checksummed JSON object apart: what it says, and the checksums of the files it vouches for.

    Raises:
        CorruptFileError: It is no JSON object, or not what was written.
    """
    content = open_json(data, path, mend)
    if not isinstance(content, dict):
        raise CorruptFileError(path, "not what was written (no JSON object)", mend)
    found = content.pop(FILES_KEY, {})
    try:
        return content, {name: FileChecksum.model_validate(each) for name, each in found.items()}
    except (AttributeError, ValueError) as error:
        raise CorruptFileError(path, CHANGED, mend) from error


def checksummed_text(text: str) -> bytes:
    """A text under a line with its checksum."""
    return f"{FIRST_LINE}{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode()


def open_text(data: bytes, path: str, mend: str = "") -> bytes:
    """What ``checksummed_text`` was given; any other text as it is.

    Raises:
        CorruptFileError: It is not what was written.
    """
    first, _, rest = data.partition(b"\n")
    if not first.startswith(FIRST_LINE.encode()):
        if not data.strip():
            raise CorruptFileError(path, "empty", mend)
        return data
    digest = first.removeprefix(FIRST_LINE.encode()).decode(errors="replace")
    if digest != hashlib.sha256(rest).hexdigest():
        raise CorruptFileError(path, CHANGED, mend)
    return rest
