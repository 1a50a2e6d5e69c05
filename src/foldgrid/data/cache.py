"""Arrays kept on disk between launches: written whole, checked when read, made again when corrupt.

Knows files and arrays; does not know what the arrays show, only that it is private.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from foldgrid.specs.errors import InputError, Problem

CACHE_VARIABLE = "FOLDGRID_CACHE"
DEFAULT_CACHE = ".foldgrid-cache"
MEND = f"Set {CACHE_VARIABLE} to another folder."

Array = NDArray[Any]


def cache_root() -> Path:
    """Where everything is kept that can be made again: ``FOLDGRID_CACHE``, or a folder here."""
    return Path(os.environ.get(CACHE_VARIABLE) or DEFAULT_CACHE).absolute()


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the user's eyes only.

    A cache inside a repository is kept out of it.

    Raises:
        InputError: It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
            if each.name == DEFAULT_CACHE:
                (each / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise _unusable(folder, f"cannot be made ({error.strerror})") from error


def write_whole(target: Path, content: bytes) -> None:
    """Write a file wholly or not at all.

    Raises:
        InputError: The folder cannot be written.
    """
    partial = _partial(target)
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        raise _unusable(target.parent, f"cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def is_kept(
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.uint8,
    about: Mapping[str, Any] | None = None,
) -> bool:
    """Whether an array of this shape is there in full length; its content is not read.

    Args:
        path: As in `load_or_build`, and so are the others.
        shape: Of the array.
        dtype: Of its elements.
        about: What it was made of.
    """
    label = _read_label(path)
    return (
        label is not None
        and label.get("shape") == list(shape)
        and label.get("dtype", "uint8") == np.dtype(dtype).name
        and label.get("about") == _plain(about)
        and path.is_file()
        and label.get("num_bytes") == path.stat().st_size
    )


def load_or_build(
    path: Path,
    shape: tuple[int, ...],
    build: Callable[[Array], None],
    dtype: DTypeLike = np.uint8,
    about: Mapping[str, Any] | None = None,
) -> Array:
    """An array from the cache, or built and put there first.

    Two processes may build the same array at once: each writes its own file, the last rename
    wins, and both hold the same content.

    Args:
        path: The array's file, ending in ``.npy``; its label lies beside it, in ``.json``.
        shape: Of the array.
        build: Fills an array of zeros. What it raises passes through, and nothing stays behind.
        dtype: Of its elements.
        about: What it was made of, for the label; an array of another description is not read.

    Returns:
        The array, read-only and memory-mapped: pages come from disk when they are touched, and
        processes on one machine share them.

    Raises:
        InputError: The cache cannot be written, or has no room.
    """
    found = load_kept(path, shape, dtype, about)
    if found is not None:
        return found
    with building(path, shape, dtype, about) as array:
        build(array)
    return _load(path)


def load_kept(
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.uint8,
    about: Mapping[str, Any] | None = None,
) -> Array | None:
    """The array of `load_or_build` where it is there, sound and of this description."""
    if not is_kept(path, shape, dtype, about) or not _is_sound(path):
        return None
    try:
        array = _load(path)
    except ValueError:
        # Whole as the file is, it holds something else.
        return None
    return array if array.shape == shape and array.dtype == dtype else None


@contextmanager
def building(
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.uint8,
    about: Mapping[str, Any] | None = None,
) -> Iterator[Array]:
    """An array of zeros to be filled inside the block; kept when the block ends, or not at all.

    Args:
        path: As in `load_or_build`, and so are the others.
        shape: Of the array.
        dtype: Of its elements.
        about: What it is made of.

    Raises:
        InputError: The cache cannot be written, or has no room.
    """
    make_private_folder(path.parent)
    _check_room(path.parent, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    partial = _partial(path)
    try:
        try:
            array = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape)
        except OSError as error:
            raise _unusable(path.parent, f"cannot be written ({error.strerror})") from error
        yield array
        array.flush()
        label = {
            "shape": list(shape),
            "num_bytes": partial.stat().st_size,
            "sha256": _sha256(partial),
        }
        if np.dtype(dtype) != np.uint8:
            label["dtype"] = np.dtype(dtype).name
        if about is not None:
            label["about"] = _plain(about)
        # Without its label the array does not count, so an end between the two renames is safe.
        partial.replace(path)
        write_whole(label_path(path), json.dumps(label).encode())
    finally:
        partial.unlink(missing_ok=True)


def _plain(about: Mapping[str, Any] | None) -> Any:
    """A description as it comes back from JSON."""
    return json.loads(json.dumps(about))


def _load(path: Path) -> Array:
    array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _is_sound(path: Path) -> bool:
    label, status = _read_label(path), path.stat()
    return label is not None and label.get("sha256") == _known_sha256(
        path, status.st_size, status.st_mtime_ns
    )


@lru_cache(maxsize=256)
def _known_sha256(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - they key the cache
    """The hash of a file that stays as it is: hundreds of fits of one process read it."""
    return _sha256(path)


def _read_label(path: Path) -> dict[str, Any] | None:
    try:
        label = json.loads(label_path(path).read_bytes())
    except (OSError, ValueError):
        return None
    return label if isinstance(label, dict) else None


def label_path(path: Path) -> Path:
    """The file that says what an array's file holds: without it the array does not count."""
    return path.with_suffix(".json")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")


def _check_room(folder: Path, num_bytes: int) -> None:
    # A memory-mapped file on a full disk would end the process without a word.
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise _unusable(
            folder, f"has {free / 1e9:.1f} GB free and {num_bytes / 1e9:.1f} GB are needed"
        )


def _unusable(folder: Path, reason: str) -> InputError:
    return InputError(str(folder), [Problem("cache", "", f"{reason}. {MEND}")])
