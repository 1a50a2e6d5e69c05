"""Two launches on one run folder: the second is told who is there; who died does not stand in."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from foldgrid.records import run_lock
from foldgrid.records.files import FileRoot
from foldgrid.records.run_lock import LOCK_FILE, Holder, RunLock, read_holder
from foldgrid.specs.errors import SweepError


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "SETTLE_SECONDS", 0.05)


def write(root: FileRoot, holder: Holder) -> None:
    root.write_bytes(LOCK_FILE, holder.model_dump_json().encode())


def test_the_second_launch_names_who_holds_the_folder(tmp_path: Path) -> None:
    root = FileRoot(str(tmp_path))
    with RunLock(root) as first:
        assert first.taken_from is None
        with pytest.raises(SweepError) as refused, RunLock(root):
            pass
        said = str(refused.value)
        assert f"process {os.getpid()} on " in said
        assert "since 20" in said
        assert read_holder(root) is not None, "the first still holds it"
    assert not (tmp_path / LOCK_FILE).exists()
    with RunLock(root):
        pass


def test_a_launch_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with RunLock(FileRoot(str(tmp_path / "there" / "runs" / "sweep"))):
        pass
    assert list((tmp_path / "there").iterdir()) == []
    with RunLock(FileRoot(str(tmp_path / "there" / "runs" / "sweep"))) as lock:
        lock._root.write_bytes("a_file", b"")
    assert (tmp_path / "there" / "runs" / "sweep" / "a_file").exists()


def test_a_holder_that_was_killed_is_recognised(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from foldgrid.records.files import FileRoot\n"
        "from foldgrid.records.run_lock import RunLock\n"
        "with RunLock(FileRoot(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(SweepError, match=f"process {process.pid} "),
            RunLock(FileRoot(str(tmp_path))),
        ):
            pass
        process.kill()
        process.wait()
        with RunLock(FileRoot(str(tmp_path))) as lock:
            assert lock.taken_from is not None
            assert lock.taken_from.pid == process.pid


def test_a_later_process_with_the_same_number_is_another(tmp_path: Path) -> None:
    root = FileRoot(str(tmp_path))
    write(root, Holder.me().model_copy(update={"started": "before the last boot"}))
    with RunLock(root) as lock:
        assert lock.taken_from is not None


def test_a_holder_elsewhere_is_known_by_its_silence(tmp_path: Path) -> None:
    root = FileRoot(str(tmp_path))
    elsewhere = Holder.me().model_copy(update={"host": "another-machine", "pid": 1})
    write(root, elsewhere)
    with pytest.raises(SweepError, match="process 1 on another-machine"), RunLock(root):
        pass
    write(root, elsewhere.model_copy(update={"beat": time.time() - 3600}))
    with RunLock(root):
        pass


def test_a_file_torn_by_a_crash_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text('{"token": "ab')
    root = FileRoot(str(tmp_path))
    assert read_holder(root) is None
    with RunLock(root) as lock:
        assert lock.taken_from is None
        holder = read_holder(root)
        assert holder is not None
        assert holder.pid == os.getpid()
    assert not (tmp_path / LOCK_FILE).exists()


def test_of_many_that_try_at_once_one_gets_it(tmp_path: Path) -> None:
    held, refused, all_tried = [], [], threading.Barrier(8)

    def launch() -> None:
        all_tried.wait()
        try:
            with RunLock(FileRoot(str(tmp_path))):
                held.append(1)
                all_over.wait(20)
        except SweepError:
            refused.append(1)
            if len(refused) == 7:
                all_over.set()

    all_over = threading.Event()
    threads = [threading.Thread(target=launch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)


def test_it_says_that_it_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "BEAT_SECONDS", 0.02)
    root = FileRoot(str(tmp_path))
    with RunLock(root):
        before = read_holder(root)
        assert before is not None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            later = read_holder(root)
            if later is not None and later.beat > before.beat:
                return
            time.sleep(0.02)
    pytest.fail("no beat in ten seconds")
