"""Subjects under names that only the holder of a key can trace back."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldgrid.specs.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

KEY_NAME = "pseudonym.key"
KEY_BYTES = 32
SUBJECT = "subject"
UNITS = ("visit", "photograph")
"""Columns that name a unit within its subject; a frame has one of them."""


class Pseudonyms:
    """Pseudonyms under one secret key: the same subject always gets the same one.

    Args:
        key: 32 random bytes. Without it a pseudonym can neither be made nor traced back, not even
            by trying every subject's name.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, folder: Path) -> Pseudonyms:
        """The pseudonyms of ``folder``; makes its key where there is none.

        Args:
            folder: Holds ``pseudonym.key``, readable by its owner only.

        Raises:
            InputError: The key file is not 32 bytes long.
        """
        path = folder / KEY_NAME
        if not path.exists():
            _create_key(path)
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            found = f"found {len(key)} bytes; a key has {KEY_BYTES}. Restore the file, or remove it"
            raise InputError(
                str(path), [Problem("whole file", "", f"{found} to begin with new pseudonyms.")]
            )
        return cls(key)

    def pseudonym(self, subject: object) -> str:
        """``P-`` and ten hexadecimal digits."""
        code = hmac.new(self._key, str(subject).encode(), hashlib.sha256)
        return f"P-{code.hexdigest()[:10]}"


def _create_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link cannot replace the key of a launch that was quicker.
        os.link(partial, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links; the run folder's lock keeps other launches out.
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def pseudonymise(frame: pd.DataFrame, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """A copy in which ``subject`` is a pseudonym and ``visit`` has become ``visit_number``.

    A visit's name may be a date, a photograph's a path, so they are counted from 1 within their
    subject: by ``day`` where there is one, else in the natural order of their names. They are
    counted among those of this frame. All other columns stay as they are.

    Args:
        frame: Has ``subject`` and one of ``UNITS``, and perhaps ``day``.
        pseudonyms: The pseudonyms.
    """
    names = {subject: pseudonyms.pseudonym(subject) for subject in frame[SUBJECT].unique()}
    if len(set(names.values())) < len({str(subject) for subject in names}):
        raise RuntimeError(f"two of {len(names)} subjects share a pseudonym; remove {KEY_NAME}")
    unit = next(name for name in UNITS if name in frame)
    numbers = _unit_numbers(frame, unit)
    safe = frame.drop(columns=[unit])
    safe[SUBJECT] = [names[subject] for subject in frame[SUBJECT]]
    safe[f"{unit}_number"] = [
        numbers[pair] for pair in zip(frame[SUBJECT], frame[unit], strict=True)
    ]
    return safe


def _unit_numbers(frame: pd.DataFrame, unit: str) -> dict[tuple[Any, Any], int]:
    days = frame["day"] if "day" in frame else [float("nan")] * len(frame)
    visits: dict[Any, dict[Any, float]] = {}
    for subject, visit, day in zip(frame[SUBJECT], frame[unit], days, strict=True):
        # NaN is the one value that differs from itself; visits without a day come last.
        visits.setdefault(subject, {}).setdefault(visit, float(day) if day == day else float("inf"))
    return {
        (subject, visit): number
        for subject, by_visit in visits.items()
        for number, visit in enumerate(
            sorted(by_visit, key=lambda visit: (by_visit[visit], _natural_order(visit))), start=1
        )
    }


def _natural_order(name: object) -> list[tuple[int, int, str]]:
    """Sorts ``v10`` after ``v2``."""
    parts = re.findall(r"\d+|\D+", str(name))
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
