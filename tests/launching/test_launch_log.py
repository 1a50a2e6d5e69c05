"""The launcher's own log says how it ended, whatever ended it."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.launching.interrupt import Terminated
from foldgrid.launching.progress.launch_log import LaunchLog
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.failure import Failure


def log_in(folder: Path) -> LaunchLog[str]:
    return LaunchLog(RunStore(str(folder)), str, "a sweep: 0 of 2 fits done, 2 to train")


def text_of(folder: Path) -> str:
    return (folder / "launch.log").read_text()


def test_it_names_who_launched_and_what_came_of_it(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    with log:
        log.started("a")
        log.failed("a", Failure(kind="error", message="ValueError: no", is_tried_again=True))
        log.failed("b", Failure(kind="lost_worker", message="gone"))
    log.end(["W&B could not be reached"])
    text = text_of(tmp_path)
    for words in (
        "launched by process",
        "a sweep: 0 of 2 fits done, 2 to train",
        "INFO    a: started",
        "ERROR   a: failed (error): ValueError: no; is tried again",
        "ERROR   b: failed (lost worker): gone\n",
        "INFO    training is over",
        "WARNING W&B could not be reached",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "WARNING stopped by Ctrl-C"),
        (Terminated(), "WARNING stopped by SIGTERM"),
        (SweepError("runs/a: another launch trains here"), "ERROR   ended: runs/a: another"),
    ],
)
def test_how_it_ended(tmp_path: Path, error: BaseException, words: str) -> None:
    with pytest.raises(type(error)), log_in(tmp_path):
        raise error
    assert words in text_of(tmp_path)
    assert "Traceback" not in text_of(tmp_path)
    assert "training is over" not in text_of(tmp_path)


def test_a_bug_leaves_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), log_in(tmp_path):
        raise ZeroDivisionError
    assert "Traceback" in text_of(tmp_path)


def test_a_password_in_the_command_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "postgresql://ann:hunter2@host/search"
    monkeypatch.setattr("sys.argv", ["launch.py", "--search-storage", secret])
    with log_in(tmp_path):
        pass
    assert "hunter2" not in text_of(tmp_path)
    assert "postgresql://ann" in text_of(tmp_path)
