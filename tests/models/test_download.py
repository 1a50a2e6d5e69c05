"""A download over connections that stall, break off, forget the range or bring other bytes."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from foldgrid.models import download as module
from foldgrid.models.download import NoRoomError, WrongContentError, download, sha256_of
from tests.small_disk import BALLAST, make_room, small_disk

CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What a server on this machine does with each request in turn; the last one's goes on.

    Attributes:
        behaviours: By request, a function of the handler.
        ranges: What was asked for: the first byte of each request, 0 where all was.
        tokens: What each request showed for an authorisation.
    """

    behaviours: list[Callable[[Handler, int], None]] = field(default_factory=list)
    ranges: list[int] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    script: Server

    def do_GET(self) -> None:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(found[1]) if found else 0
        self.script.ranges.append(start)
        self.script.tokens.append(self.headers.get("Authorization"))
        number = min(len(self.script.ranges), len(self.script.behaviours)) - 1
        self.script.behaviours[number](self, start)

    def answer(self, start: int, content: bytes = CONTENT, sent: int | None = None) -> None:
        """The file from ``start``, all that is left of it or ``sent`` bytes."""
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][:sent])
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


def whole(handler: Handler, start: int) -> None:
    handler.answer(start)


def breaks_off(handler: Handler, start: int) -> None:
    handler.answer(start, sent=3000)


def stalls(handler: Handler, start: int) -> None:
    handler.answer(start, sent=3000)
    handler.script.over.wait(10)


def ignores_range(handler: Handler, start: int) -> None:
    handler.answer(0)


def breaks_off_and_ignores_range(handler: Handler, start: int) -> None:
    handler.answer(0, sent=3000)


def wrong_bytes(handler: Handler, start: int) -> None:
    handler.answer(start, bytes(len(CONTENT)))


def busy(handler: Handler, start: int) -> None:
    handler.send_error(503)


def missing(handler: Handler, start: int) -> None:
    handler.send_error(404)


def another_range(handler: Handler, start: int) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.send_header("Content-Length", str(len(CONTENT) - 7))
    handler.end_headers()
    handler.wfile.write(CONTENT[7:])


def nothing_after(handler: Handler, start: int) -> None:
    if start < len(CONTENT):
        return handler.answer(start)
    handler.send_response(416)
    handler.send_header("Content-Range", f"bytes */{len(CONTENT)}")
    handler.end_headers()
    return None


def in_chunks(handler: Handler, start: int) -> None:
    """No length is told, and the last chunk never comes."""
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(f"{3000:x}\r\n".encode() + CONTENT[:3000] + b"\r\n")
    handler.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    script = Server()
    handler = type("Scripted", (Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        script.url = f"http://127.0.0.1:{listening.server_port}/weights.pth"
        yield script
        script.over.set()
        listening.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints" / "weights.pth"


@pytest.mark.parametrize(
    ("behaviours", "ranges"),
    [
        ([whole], [0]),
        ([breaks_off, whole], [0, 3000]),
        ([breaks_off, breaks_off, busy, whole], [0, 3000, 6000, 6000]),
        ([stalls, whole], [0, 3000]),
        ([breaks_off, ignores_range], [0, 3000]),
        ([breaks_off, another_range, whole], [0, 3000, 0]),
        ([in_chunks, whole], [0, 3000]),
    ],
    ids=lambda value: "-".join(each.__name__ if callable(each) else str(each) for each in value),
)
def test_a_download_arrives_whole_and_goes_on_where_it_was(
    server: Server,
    path: Path,
    behaviours: list[Callable[[Handler, int], None]],
    ranges: list[int],
) -> None:
    server.behaviours = behaviours
    reported: list[tuple[int, int | None]] = []
    assert download(server.url, path, DIGEST[:8], on_progress=lambda *seen: reported.append(seen))
    assert path.read_bytes() == CONTENT
    assert server.ranges == ranges
    assert reported[-1] == (len(CONTENT), len(CONTENT))
    assert list(path.parent.iterdir()) == [path]
    assert not download(server.url, path, DIGEST[:8])


def test_the_next_call_goes_on_where_the_last_one_gave_up(server: Server, path: Path) -> None:
    server.behaviours = [breaks_off, missing]
    with pytest.raises(OSError, match="404"):
        download(server.url, path, DIGEST)
    assert not path.exists()
    server.behaviours = [missing, missing, whole]
    assert download(server.url, path, DIGEST)
    assert server.ranges == [0, 3000, 3000]
    assert path.read_bytes() == CONTENT


def test_a_whole_file_that_was_not_renamed_is_taken(server: Server, path: Path) -> None:
    server.behaviours = [breaks_off, missing]
    with pytest.raises(OSError, match="404"):
        download(server.url, path, DIGEST)
    (partial,) = path.parent.iterdir()
    partial.write_bytes(CONTENT)
    server.behaviours = [missing, missing, nothing_after]
    assert download(server.url, path, DIGEST)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("beginning", [b"another file's beginning", bytes(2 * len(CONTENT))])
def test_another_file_s_beginning_is_found_out_and_left(
    server: Server, path: Path, beginning: bytes
) -> None:
    server.behaviours = [breaks_off, missing]
    with pytest.raises(OSError, match="404"):
        download(server.url, path, DIGEST)
    (partial,) = path.parent.iterdir()
    partial.write_bytes(beginning)
    server.behaviours = [missing, missing, nothing_after]
    assert download(server.url, path, DIGEST)
    assert path.read_bytes() == CONTENT


def test_what_the_disk_has_no_room_for_is_not_begun(server: Server, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 1) as disk:
        (disk / BALLAST).write_bytes(bytes(2**20 - 8192))
        server.behaviours = [whole]
        with pytest.raises(
            NoRoomError, match=r"0\.0 MB are needed, and 0\.0 MB are free in"
        ) as caught:
            download(server.url, disk / "weights.pth", DIGEST)
        assert str(disk) in str(caught.value)
        assert sorted(path.name for path in disk.iterdir()) == [BALLAST]
        make_room(disk)
        assert download(server.url, disk / "weights.pth", DIGEST)


def test_without_a_promise_nothing_unfinished_is_kept(server: Server, path: Path) -> None:
    server.behaviours = [breaks_off, missing]
    with pytest.raises(OSError, match="404"):
        download(server.url, path)
    assert list(path.parent.iterdir()) == []
    server.behaviours = [missing, missing, whole]
    assert download(server.url, path)
    assert server.ranges == [0, 3000, 0]


def test_wrong_bytes_are_not_kept(server: Server, path: Path) -> None:
    server.behaviours = [wrong_bytes]
    with pytest.raises(WrongContentError, match=DIGEST[:8]) as caught:
        download(server.url, path, DIGEST[:8])
    assert caught.value.found == hashlib.sha256(bytes(len(CONTENT))).hexdigest()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("behaviour", [breaks_off_and_ignores_range, stalls])
def test_what_brings_nothing_more_is_left(
    server: Server, path: Path, behaviour: Callable[[Handler, int], None]
) -> None:
    server.behaviours = [behaviour, breaks_off_and_ignores_range]
    with pytest.raises(OSError, match="it ended after 3,000 of 10,240 bytes"):
        download(server.url, path, DIGEST)
    assert len(server.ranges) == 1 + module.FRUITLESS_TRIES


@pytest.mark.parametrize("behaviour", [missing, busy])
def test_who_never_answers_is_asked_once(
    server: Server, path: Path, behaviour: Callable[[Handler, int], None]
) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(OSError, match=r"404|503"):
        download(server.url, path, DIGEST)
    assert server.ranges == [0]
    assert list(path.parent.iterdir()) == []


def test_one_file_at_a_time_and_the_others_find_it(server: Server, path: Path) -> None:
    def slow(handler: Handler, start: int) -> None:
        time.sleep(0.1)
        handler.answer(start)

    server.behaviours = [slow]
    fetched: list[bool] = []
    threads = [
        threading.Thread(target=lambda: fetched.append(download(server.url, path, DIGEST)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fetched) == [False, False, True]
    assert server.ranges == [0]


def test_a_redirect_says_the_hash_and_gets_no_token(server: Server, path: Path) -> None:
    # Another port would do as well: the token goes to the first address alone.
    def redirects(digest: str) -> Callable[[Handler, int], None]:
        def redirect(handler: Handler, start: int) -> None:
            if handler.path.endswith("weights.pth"):
                handler.send_response(302)
                handler.send_header("X-Linked-Etag", f'"{digest}"')
                handler.send_header("Location", "/elsewhere")
                handler.end_headers()
            else:
                handler.answer(start)

        return redirect

    server.behaviours = [redirects("0" * 64)]
    with pytest.raises(WrongContentError, match="0" * 64):
        download(server.url, path, token="secret")
    server.behaviours = [redirects(DIGEST)]
    assert download(server.url, path, token="secret")
    assert server.tokens == ["Bearer secret", None, "Bearer secret", None]


def test_a_hash_is_of_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert sha256_of(tmp_path / "file") == DIGEST
