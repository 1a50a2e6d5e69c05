"""An object store that is away, that comes back, and that says no."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pyarrow import fs

from foldgrid.cli.main import main
from foldgrid.records import object_store
from foldgrid.records.files import FileRoot
from foldgrid.records.object_store import PATIENCE_VARIABLE
from foldgrid.specs.errors import StorageAwayError, SweepError
from tests.free_port import free_port
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS, S3Server, running_s3

NO_SUCH_KEY = (
    b"<?xml version='1.0'?>"
    b"<Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message></Error>"
)


class Refusing(BaseHTTPRequestHandler):
    """Says no to everybody, as a store does to wrong keys."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(403)
        self.send_header("Content-Length", str(len(NO_SUCH_KEY)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(NO_SUCH_KEY)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def refusing_store() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with running_s3() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def test_a_store_that_comes_back_was_only_waited_for(server: S3Server) -> None:
    root = FileRoot(f"s3://{BUCKET}/mine")
    root.append_line("history", "one")
    server.go_away()
    back = threading.Timer(0.3, server.come_back)
    back.start()
    root.append_line("history", "two")
    back.join()
    assert root.read_bytes("history") == b"one\ntwo\n"
    assert root.files("") == ["history"]


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow itself tries once, and not for six seconds."""
    strategy = fs.AwsStandardS3RetryStrategy(max_attempts=1)

    def opened(root: FileRoot) -> tuple[fs.FileSystem, str]:
        endpoint = os.environ["AWS_ENDPOINT_URL"]
        file_system = fs.S3FileSystem(endpoint_override=endpoint, retry_strategy=strategy)
        return file_system, root.location.removeprefix("s3://")

    monkeypatch.setattr(FileRoot, "_opened", property(opened))


def test_one_that_stays_away_is_left_and_then_at_once(
    server: S3Server, once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, "0.1")
    monkeypatch.setattr(object_store, "PAUSE_SECONDS", 0.02)
    root = FileRoot(f"s3://{BUCKET}/yours")
    assert not root.exists("history")
    server.go_away()
    with pytest.raises(StorageAwayError) as away:
        root.exists("history")
    assert away.value.filename == f"s3://{BUCKET}/yours"
    server.come_back()


def test_wrong_keys_are_the_users_to_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with refusing_store() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(SweepError, match="AWS_ACCESS_KEY_ID"):
            FileRoot("s3://bucket/mine").read_bytes("sweep.yaml")
        assert main(["status", "s3://bucket/mine"]) == 2
    said = capsys.readouterr().err
    assert "s3://bucket/mine: the object store refuses" in said
    assert "AWS_SECRET_ACCESS_KEY" in said


def test_a_bucket_that_is_not_there(server: S3Server) -> None:
    with pytest.raises(SweepError, match="bucket's name"):
        FileRoot("s3://no-such-bucket/mine").write_bytes("sweep.yaml", b"")


def test_a_store_that_never_answered_is_not_waited_for(
    once: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["status", f"s3://{BUCKET}/mine"]) == 1
    said = capsys.readouterr().err
    assert "the object store is away" in said
    assert "run the same command again" in said
