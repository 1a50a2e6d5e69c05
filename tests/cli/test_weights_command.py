"""``foldgrid weights``, against a real HTTP server."""

from __future__ import annotations

import functools
import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldgrid.cli.main import main
from foldgrid.models import WeightFile, download, fetch_weight_file, find_weight_file

CONTENT = b"weights, or so they say"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A folder and its URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def promising(folder: Path, content: bytes = CONTENT) -> WeightFile:
    """A weight file that promises ``content``, as torchvision's names do."""
    name = f"tinynet-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    return WeightFile("resnet18", "IMAGENET1K_V1", f"http://127.0.0.1:9/{name}", folder / name)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_file_is_fetched_once(served: tuple[str, Path], hub: Path) -> None:
    url, folder = served
    file = promising(hub)
    (folder / file.path.name).write_bytes(CONTENT)
    assert fetch_weight_file(file, url + "/")
    assert file.path.read_bytes() == CONTENT
    (folder / file.path.name).unlink()
    assert not fetch_weight_file(file, url)
    assert [path.name for path in hub.iterdir()] == [file.path.name]


def test_the_command_says_what_it_did_and_is_quick_the_second_time(
    served: tuple[str, Path],
    hub: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, folder = served
    file = promising(hub)
    (folder / file.path.name).write_bytes(CONTENT)
    files = {"resnet18": file, "resnet34": None}
    monkeypatch.setattr("foldgrid.models.find_weight_file", files.__getitem__)
    names = ["--backbone", "resnet18", "--backbone", "resnet34"]
    assert main(["weights", "fetch", *names, "--mirror", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["resnet18", "fetched"]
    assert lines[1].split() == ["resnet34", "none", "published"]
    assert lines[2].startswith("1 of 2 networks have their weights here")
    assert main(["weights", "fetch", *names, "--mirror", url]) == 0
    assert "already here" in capsys.readouterr().out
    assert main(["weights", "list", *names]) == 0
    listed = capsys.readouterr().out
    assert str(hub) in listed
    assert hashlib.sha256(CONTENT).hexdigest()[:8] in listed


def test_every_failure_is_listed_and_nothing_kept(
    served: tuple[str, Path], hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, folder = served
    liar = find_weight_file("squeezenet1_1")
    assert liar is not None
    (folder / liar.path.name).write_bytes(b"not what the name promises")
    arguments = ["--backbone", "squeezenet1_1", "--backbone", "resnet18", "--mirror", url]
    assert main(["weights", "fetch", *arguments]) == 2
    error = capsys.readouterr().err
    assert "2 problems" in error
    assert "its name promises" in error
    assert "404" in error
    assert "--mirror" in error
    assert list(hub.iterdir()) == []


def test_a_refused_connection_says_what_to_do(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = f"http://127.0.0.1:{closed_port()}"
    assert main(["weights", "fetch", "--backbone", "resnet18", "--mirror", mirror]) == 2
    output = capsys.readouterr()
    assert "resnet18" in output.out
    assert "cannot be fetched" in output.err
    assert "Check the connection" in output.err
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n\r\n"])
def test_servers_that_are_silent_or_speak_otherwise_are_left(
    answer: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer)
                # Until the other side gives up and closes.
                connection.settimeout(10)
                while connection.recv(1024):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        mirror = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert main(["weights", "fetch", "--backbone", "resnet18", "--mirror", mirror]) == 2
        thread.join()
    error = capsys.readouterr().err
    assert "resnet18" in error
    assert "Traceback" not in error
    assert socket.getdefaulttimeout() is None


def test_a_file_that_is_not_what_its_name_promises_is_listed_as_such(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = find_weight_file("resnet18")
    assert file is not None
    hub.mkdir(parents=True)
    file.path.write_bytes(b"cut short")
    assert main(["weights", "list", "--backbone", "resnet18", "--backbone", "resnet34"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "not what its name promises" in lines[1]
    assert lines[2].split() == ["resnet34", "missing", "resnet34-b627a593.pth"]


def test_a_sweep_lists_all_of_its_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "--sweep", "all_backbones"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 29


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backbone", "resnet35"], 'or "resnet34"'),
        (["--sweep", "all_backbons"], 'Did you mean "all_backbones"?'),
        (["--sweep", "quickstart", "--backbone", "resnet34"], "found both"),
        (["--backbone", "resnet34", "--mirror", "mirror.example/weights"], "A URL is needed"),
    ],
)
def test_bad_input_exits_2(
    capsys: pytest.CaptureFixture[str], hub: Path, arguments: list[str], words: str
) -> None:
    assert main(["weights", "fetch", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert not hub.exists()
