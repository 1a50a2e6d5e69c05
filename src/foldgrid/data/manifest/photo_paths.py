"""Where the photographs of a manifest lie: inside one folder, by names as tables write them.

Knows names of files; opens none.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections import defaultdict
from functools import cached_property, lru_cache
from pathlib import Path, PureWindowsPath

import pandas as pd

from foldgrid.specs.errors import InputError, Problem

LONGEST_WALK = 200_000
"""Files looked through, at most, for one that lies in another folder."""


def photo_root(manifest: Path, photos: Path | None) -> Path:
    """The folder that the paths in a manifest are relative to: its own, or the one that is named.

    Raises:
        InputError: The named one is no folder.
    """
    if photos is None:
        return manifest.absolute().parent
    root = photos.expanduser().absolute()
    if not root.is_dir():
        found = "is not a folder" if root.exists() else "is not there"
        message = f"{found}. Name the folder that the paths in {manifest.name} are relative to."
        raise InputError(str(photos), [Problem("photos", "", message)])
    return root


def find_photo_files(photos: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Find each photo's file inside a folder.

    A name whose accents the disk codes in another way is found: é is one character in tables and
    two where a Mac unpacked it.

    Args:
        photos: The rows.
        root: The folder that the paths are relative to.

    Returns:
        The rows with ``path``, the file's real path ("" where there is a problem), and the
        problems: paths that leave the folder, missing files, folders.
    """
    search = _Search(root.resolve())
    paths: list[str] = []
    problems: list[Problem] = []
    for row, photo in zip(photos["row"], photos["photo"], strict=True):
        found = search.find(photo)
        paths.append(str(found) if isinstance(found, Path) else "")
        if isinstance(found, str):
            problems.append(Problem(f"row {row}", "photo", f'found "{photo}"{found}'))
    return photos.assign(path=paths), problems


class _Search:
    """Looks photographs up, and lists each folder once however many names are wrong in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names = lru_cache(maxsize=None)(_names_in)
        self._folder = lru_cache(maxsize=None)(self._real_folder)

    def find(self, photo: str) -> Path | str:
        """The real path of a photo, or what is wrong with it."""
        return self._plain_file(photo) or self._looked_up(photo)

    def _real_folder(self, folder: str) -> str:
        """A folder below the root without links; "" where it is not below."""
        real = os.path.realpath(self.root / folder)
        return real if Path(real).is_relative_to(self.root) else ""

    def _plain_file(self, photo: str) -> Path | None:
        """A file that is no link, in a folder that is known: one question to the disk."""
        folder, name = os.path.split(photo)
        try:
            real = self._folder(folder)
            path = f"{real}/{name}"
            is_plain = bool(real and name) and stat.S_ISREG(os.lstat(path).st_mode)
        except (OSError, ValueError):
            return None
        return Path(path) if is_plain else None

    def _looked_up(self, photo: str) -> Path | str:
        if Path(photo).is_absolute() or PureWindowsPath(photo).drive:
            return ", an absolute path. Paths are relative to the photographs' folder: shorten it."
        try:
            path = (self.root / photo).resolve()
            if not path.is_relative_to(self.root):
                return (
                    ", which leaves the photographs' folder. Move the photo inside it, or name "
                    "another folder with --photos."
                )
            if path.is_file():
                return path
            # Looked up first: a folder that cannot be searched raises here rather than below.
            if path.exists():
                return ", which is not a file. Name a photograph."
            return self._same_name(path) or self._missing(photo, path)
        except (OSError, RuntimeError, ValueError) as error:
            return f", which cannot be looked up ({error}). Correct the path."

    def _same_name(self, path: Path) -> Path | None:
        """The one file whose path differs in how its accents are coded alone."""
        found = self.root
        for part in path.relative_to(self.root).parts:
            if not (found / part).exists():
                composed = unicodedata.normalize("NFC", part)
                same = [
                    name
                    for name in self._names(found).get(_plain(part), ())
                    if unicodedata.normalize("NFC", name) == composed
                ]
                if len(same) != 1:
                    return None
                found = found / same[0]
            else:
                found = found / part
        return found if found.is_file() else None

    def _missing(self, photo: str, path: Path) -> str:
        return f", and there is no such file. {self._hint(photo, path)}"

    def _hint(self, photo: str, path: Path) -> str:
        if "\\" in photo:
            return 'Write "/" between folders.'
        beside = self._names(path.parent)
        if same := beside.get(_plain(path.name)):
            return f'There is "{same[0]}": mind the case.'
        stem = _plain(path.stem)
        endings = sorted(
            name for plain, names in beside.items() for name in names if Path(plain).stem == stem
        )
        if endings:
            return f'There is "{endings[0]}": mind the ending.'
        if elsewhere := self._anywhere.get(path.name):
            return f'There is "{elsewhere[0]}": correct the folder.'
        loose = _loose(path.name)
        alike = [name for names in beside.values() for name in names if _loose(name) == loose]
        if alike:
            return f'Did you mean "{alike[0]}"?'
        return "Correct the path or drop the row."

    @cached_property
    def _anywhere(self) -> dict[str, list[str]]:
        """By name, where files of that name lie below the folder."""
        found: dict[str, list[str]] = defaultdict(list)
        left = LONGEST_WALK
        for folder, _, names in os.walk(self.root):
            for name in names[:left]:
                found[name].append(str((Path(folder) / name).relative_to(self.root)))
            left -= len(names)
            if left <= 0:
                break
        return found


def _names_in(folder: Path) -> dict[str, list[str]]:
    """The names in a folder, by their form without case and code of accents; none of no folder."""
    names: dict[str, list[str]] = defaultdict(list)
    if folder.is_dir():
        for name in sorted(each.name for each in folder.iterdir()):
            names[_plain(name)].append(name)
    return names


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _loose(name: str) -> str:
    """A name without blanks, punctuation and the zeros in front of its numbers."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]", "", _plain(name)))
