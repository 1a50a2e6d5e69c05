"""Log files: whose lines, how they look, and what becomes of them where they cannot be written."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldgrid.records import LogFile, last_lines
from foldgrid.records.files import FileRoot
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS, s3_server


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("test_log_file")
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()


def text_of(folder: Path) -> str:
    return (folder / "fit.log").read_text()


def test_a_line_has_a_time_in_utc_a_level_and_a_text(
    tmp_path: Path, logger: logging.Logger
) -> None:
    logger.addHandler(LogFile(FileRoot(str(tmp_path)), "fit.log"))
    logger.info("epoch %d", 3)
    logger.warning("it grows dark")
    logger.debug("nobody wants to know")
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(
        rf"{time} INFO    epoch 3\n{time} WARNING it grows dark\n", text_of(tmp_path)
    )


def test_a_later_log_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for number in (1, 2):
        log = LogFile(FileRoot(str(tmp_path)), "fit.log")
        log.note(logging.INFO, f"try {number}")
        log.close()
    assert [line.split()[-1] for line in text_of(tmp_path).splitlines()] == ["1", "2"]


def test_a_log_that_cannot_be_written_ends_nothing_and_is_caught_up(tmp_path: Path) -> None:
    (tmp_path / "fit.log").mkdir()
    log = LogFile(FileRoot(str(tmp_path)), "fit.log")
    log.note(logging.INFO, "first")
    (tmp_path / "fit.log").rmdir()
    log.note(logging.INFO, "second")
    assert [line.split()[-1] for line in text_of(tmp_path).splitlines()] == ["first", "second"]


def test_an_object_store_is_written_now_and_then_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with s3_server() as address:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        root = FileRoot(f"s3://{BUCKET}/run")
        log = LogFile(root, "fit.log")
        for number in range(5):
            log.note(logging.INFO, f"line {number}")
        assert not root.exists("fit.log"), "each would be the whole log once more"
        log.close()
        assert [line[-1] for line in last_lines(root, "fit.log", 3)] == ["2", "3", "4"]


def test_the_last_lines_of_nothing_are_none(tmp_path: Path) -> None:
    assert last_lines(FileRoot(str(tmp_path)), "fit.log", 3) == []
    (tmp_path / "fit.log").write_text("one\n\n\ntwo\n\n")
    assert last_lines(FileRoot(str(tmp_path)), "fit.log", 3) == ["one", "two"]
