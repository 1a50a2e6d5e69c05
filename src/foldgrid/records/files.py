"""Files under one root, local or in object storage: read, list, append, and write atomically."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pyarrow
from pyarrow import fs

from foldgrid.records.object_store import ObjectStore
from foldgrid.specs.errors import SweepError

Answer = TypeVar("Answer")
COPY_BYTES = 16 * 2**20


class FileRoot:
    """A folder, on this machine or behind a URI such as ``s3://bucket/prefix``.

    Every write is whole or absent: a local file is written elsewhere and renamed, an object in a
    store appears when its upload is complete. Instances travel between processes (only the
    location does). Of a file system it needs renaming over a file, appending by one writer, and
    exclusive creation; neither locks nor hard links, so a folder on a network file system will do.

    Args:
        location: A path, or a URI that ``pyarrow.fs.FileSystem.from_uri`` understands. An S3
            endpoint other than Amazon's is taken from ``AWS_ENDPOINT_URL`` or from the URI's
            ``endpoint_override`` and ``scheme`` parameters.
    """

    def __init__(self, location: str) -> None:
        self.location = location

    def __getstate__(self) -> dict[str, str]:
        return {"location": self.location}

    @cached_property
    def _store(self) -> ObjectStore:
        return ObjectStore(self.location)

    def _ask(self, act: Callable[[fs.FileSystem], Answer]) -> Answer:
        """Calls the file system; an object store that is away is waited for."""
        file_system = self._opened[0]
        return act(file_system) if self.is_local else self._store.ask(lambda: act(file_system))

    @property
    def is_local(self) -> bool:
        """Whether this is a folder of a mounted file system."""
        return "://" not in self.location or self.location.startswith("file://")

    @property
    def local_path(self) -> Path:
        """The folder; only where ``is_local``."""
        return Path(self.location.removeprefix("file://")).absolute()

    def absolute(self) -> FileRoot:
        """The same root, named so that a process with another working directory finds it."""
        return FileRoot(str(self.local_path)) if self.is_local else self

    @cached_property
    def _opened(self) -> tuple[fs.FileSystem, str]:
        if self.is_local:
            return fs.LocalFileSystem(), str(self.local_path)
        try:
            file_system, path = fs.FileSystem.from_uri(self.location)
        except (OSError, ValueError) as error:
            raise SweepError(
                f"{self.location}: cannot be opened ({error}).\n"
                "Give a folder, or a URI such as s3://bucket/prefix."
            ) from error
        return file_system, path.rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._opened[1]}/{name}"

    def exists(self, name: str) -> bool:
        """Whether the file ``name`` is there."""
        info = self._ask(lambda system: system.get_file_info(self._path(name)))
        return bool(info.type == fs.FileType.File)

    def read_bytes(self, name: str) -> bytes:
        """The content of ``name``.

        Raises:
            FileNotFoundError: It is not there.
        """

        def read(system: fs.FileSystem) -> bytes:
            with system.open_input_file(self._path(name)) as stream:
                return bytes(stream.read())

        return self._ask(read)

    def copy_to(self, name: str, target: Path) -> bool:
        """Copies ``name`` to a file outside the root, whole or not at all; whether it is there."""

        def copy(system: fs.FileSystem) -> None:
            with (
                _whole(target) as partial,
                system.open_input_stream(self._path(name)) as stream,
                partial.open("wb") as file,
            ):
                shutil.copyfileobj(stream, file, COPY_BYTES)

        try:
            self._ask(copy)
        except FileNotFoundError:
            return False
        return True

    def write_bytes(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """Writes ``name`` whole or not at all, over what was there.

        Args:
            name: Path below the root; missing folders are made.
            data: The content.
            durable: Also ask the disk to keep it through a loss of power.
        """
        if not self.is_local:
            self._upload(name, lambda stream: stream.write(data))
            return
        target = self.local_path / name
        with _whole(target) as partial, partial.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())

    def create(self, name: str, data: bytes) -> None:
        """Writes ``name`` where it is not there yet; only one of several that try succeeds.

        A reader may see it before it is whole.

        Raises:
            FileExistsError: It is there.
            ValueError: The root is no folder of this machine; an object store cannot promise it.
        """
        if not self.is_local:
            raise ValueError("an object store cannot write exclusively")
        target = self.local_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(data)

    def write_file(self, name: str, save: Callable[[Path], None]) -> None:
        """Writes ``name`` by a function that saves to a path; whole or not at all, and durable.

        Args:
            name: Path below the root; missing folders are made.
            save: Writes the file that it is given the path of.
        """
        if not self.is_local:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "file"
                save(path)

                def copy(stream: pyarrow.NativeFile) -> None:
                    with path.open("rb") as file:
                        shutil.copyfileobj(file, stream, COPY_BYTES)

                self._upload(name, copy)
            return
        with _whole(self.local_path / name) as partial:
            save(partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())

    def _upload(self, name: str, fill: Callable[[pyarrow.NativeFile], object]) -> None:
        def upload(system: fs.FileSystem) -> None:
            with system.open_output_stream(self._path(name)) as stream:
                fill(stream)

        self._ask(upload)

    def append_line(self, name: str, line: str) -> None:
        """Adds one line to a text file and flushes it; the file has one writer.

        Half a line, left by a writer that died, goes first. Where the disk is full nothing is
        added. An object store cannot append: there the object is read and written again, which is
        cheap for a history of some hundred lines.
        """
        if self.is_local:
            target = self.local_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _append_whole(target, line.encode() + b"\n")
            return
        before = self.read_bytes(name) if self.exists(name) else b""
        self.write_bytes(name, before + line.encode() + b"\n")

    def remove(self, name: str) -> None:
        """Removes the file ``name`` where it is there."""
        if self.exists(name):
            self._ask(lambda system: system.delete_file(self._path(name)))

    def remove_partials(self, name: str = "") -> None:
        """Removes what writers that died left directly below ``name``; only for who writes there.

        An object store keeps nothing of an upload that broke off.
        """
        if self.is_local:
            for partial in (self.local_path / name).glob(".*.partial"):
                partial.unlink(missing_ok=True)

    @contextmanager
    def temporary_folder(self, name: str) -> Iterator[tuple[fs.FileSystem, str]]:
        """A folder for the time of a block, whatever a block that was killed left in it.

        Yields:
            The file system, and the folder's path there.
        """
        path = self._path(name)

        def remove(system: fs.FileSystem) -> None:
            if system.get_file_info(path).type == fs.FileType.Directory:
                system.delete_dir(path)

        self._ask(remove)
        self._ask(lambda system: system.create_dir(path))
        try:
            yield self._opened[0], path
        finally:
            self._ask(remove)

    def folders(self, name: str) -> list[str]:
        """The names of the folders directly below ``name``, sorted; empty where it is missing."""
        return self._names(name, fs.FileType.Directory)

    def files(self, name: str) -> list[str]:
        """The names of the files directly below ``name``, sorted; empty where it is missing."""
        return self._names(name, fs.FileType.File)

    def sizes(self, name: str) -> dict[str, int]:
        """The length of every file below ``name``, however deep, by its path from there.

        One listing, where asking for each file would be a request each.
        """
        selector = fs.FileSelector(self._path(name), allow_not_found=True, recursive=True)
        start = len(self._path(name)) + 1
        infos = self._ask(lambda system: system.get_file_info(selector))
        return {info.path[start:]: info.size for info in infos if info.type == fs.FileType.File}

    def _names(self, name: str, kind: fs.FileType) -> list[str]:
        selector = fs.FileSelector(self._path(name), allow_not_found=True)
        infos = self._ask(lambda system: system.get_file_info(selector))
        return sorted(info.base_name for info in infos if info.type == kind)


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A path beside ``target`` that becomes it when the block ends well, and else goes away."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        _name_file(error, target)
        raise
    finally:
        partial.unlink(missing_ok=True)


def _append_whole(target: Path, line: bytes) -> None:
    # Unbuffered: what a buffer holds when the disk is full would be tried once more on closing.
    with target.open("a+b", buffering=0) as file:
        end = _end_of_whole_lines(file)
        file.truncate(end)
        left = memoryview(line)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            file.truncate(end)
            _name_file(error, target)
            raise


def _end_of_whole_lines(file: io.FileIO) -> int:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return size
    file.seek(0)
    return file.read().rfind(b"\n") + 1


def _name_file(error: OSError, target: Path) -> None:
    """Has an error say where: what is raised while writing to a full disk does not."""
    if error.errno is not None and error.filename is None:
        error.filename = str(target)
