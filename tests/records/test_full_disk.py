"""What is written to a disk that is full: whole or not at all, and what was there stays."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldgrid.records.files import FileRoot
from tests.small_disk import BALLAST, fill, make_room, small_disk

pytestmark = pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="mounts a tmpfs")
NO_SPACE = "No space left"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mebibytes=1) as folder:
        yield folder


def test_a_line_is_there_or_not_and_the_next_one_never_sticks_to_it(disk: Path) -> None:
    root, line = FileRoot(str(disk)), "x" * 1000
    root.append_line("history", line)
    fill(disk)
    num_lines = 1
    with pytest.raises(OSError, match=NO_SPACE) as refused:  # noqa: PT012
        while True:
            # The file's last page has room for some more lines, and then for part of one.
            root.append_line("history", line)
            num_lines += 1
    assert refused.value.errno == errno.ENOSPC
    assert refused.value.filename == str(disk / "history")
    assert num_lines > 1
    assert root.read_bytes("history") == (line + "\n").encode() * num_lines
    make_room(disk)
    root.append_line("history", line)
    assert root.read_bytes("history") == (line + "\n").encode() * (num_lines + 1)


def test_half_a_line_of_a_writer_that_died_goes(tmp_path: Path) -> None:
    root = FileRoot(str(tmp_path))
    root.append_line("history", "whole")
    with (tmp_path / "history").open("a") as file:
        file.write("ha")
    root.append_line("history", "next")
    assert root.read_bytes("history") == b"whole\nnext\n"


def test_a_file_keeps_its_old_content_and_nothing_else_is_left(disk: Path) -> None:
    root, new = FileRoot(str(disk)), b"n" * 200_000
    root.write_bytes("state", b"old" * 30_000)
    root.write_file("weights", lambda path: path.write_bytes(b"old" * 30_000) and None)
    fill(disk)
    with pytest.raises(OSError, match=NO_SPACE) as refused:
        root.write_bytes("state", new, durable=True)
    assert refused.value.filename == str(disk / "state")
    with pytest.raises(OSError, match=NO_SPACE):
        root.write_file("weights", lambda path: path.write_bytes(new) and None)
    assert root.read_bytes("state") == root.read_bytes("weights") == b"old" * 30_000
    assert {path.name for path in disk.iterdir()} == {"state", "weights", BALLAST}
    make_room(disk)
    root.write_bytes("state", new)
    assert root.read_bytes("state") == new


def test_partial_files_of_a_writer_that_died_go(tmp_path: Path) -> None:
    root = FileRoot(str(tmp_path))
    root.write_bytes("fits/one/last.pt", b"state")
    (tmp_path / "fits/one/.last.pt.0a1b2c3d.partial").write_bytes(b"sta")
    (tmp_path / "fits/.elsewhere.partial").write_bytes(b"")
    root.remove_partials("fits/one")
    root.remove_partials("fits/none")
    assert root.files("fits/one") == ["last.pt"]
    assert root.files("fits") == [".elsewhere.partial"]
