"""A launch that fetches the weights it lacks; their publisher is a folder of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foldgrid.models import find_weight_file, weights_folder
from foldgrid.models.backbones import build_network
from foldgrid.models.download import sha256_of
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher
from tests.small_disk import small_disk

NAME = "shufflenet_v2_x0_5"
SWEEP = ONE_BACKBONE.replace("weights: none", "weights: fetch")


@pytest.fixture(autouse=True)
def _none_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what is called torchvision's weights of one network, and promises nothing."""
    monkeypatch.setattr("foldgrid.models.weights.promised_hash", lambda _name: None)
    file = find_weight_file(NAME)
    assert file is not None
    folder = tmp_path / "mirror"
    folder.mkdir()
    torch.manual_seed(3)
    torch.save(build_network(NAME, 1000).state_dict(), folder / file.name)
    return folder / file.name


def test_what_is_missing_is_fetched_before_it_trains(launcher: Launcher, mirror: Path) -> None:
    sweep = launcher.write(SWEEP)
    planned = launcher(sweep, "--plan")
    words = " ".join(planned.out.split())
    assert f"1 weight file, 5.5 MB ({NAME} 5.5 MB) is fetched before it trains" in words
    assert not weights_folder().exists()
    done = launcher(sweep, "--mirror", mirror.parent.as_uri())
    assert done.code == 0, done.out + done.err
    assert "Fetching 1 weight file" in done.out
    digest = sha256_of(mirror)
    store = launcher.store()
    recorded = store.read_provenance()["weights"][NAME]
    assert recorded["sha256"] == digest
    assert recorded["file"] == mirror.name
    assert {store.read_fit(fit_id).config.weights for fit_id in store.finished_fits()} == {digest}
    # Where they lie by now decides nothing, nor does who fetched them.
    for options in (("--weights", "required"), ("--weights", "auto"), ()):
        assert "2 of 2 done" in launcher(sweep, "--plan", *options).out


def test_what_cannot_be_fetched_ends_the_launch_with_nothing_written(
    launcher: Launcher, mirror: Path
) -> None:
    mirror.unlink()
    sweep = launcher.write(ONE_BACKBONE)
    options = ("--weights", "fetch", "--mirror", mirror.parent.as_uri())
    refused = launcher(sweep, *options)
    assert refused.code == 2
    assert NAME in refused.err
    assert "cannot be fetched" in refused.err
    assert "Traceback" not in refused.err
    assert not launcher.storage.exists()
    assert list(weights_folder().iterdir()) == []


def test_a_disk_without_room_ends_the_launch_before_a_byte_is_written(
    launcher: Launcher, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "small", 4) as disk:
        monkeypatch.setenv("TORCH_HOME", str(disk))
        sweep, where = launcher.write(SWEEP), ("--mirror", mirror.parent.as_uri())
        refused = launcher(sweep, *where)
        assert refused.code == 2
        said = " ".join(refused.err.split())
        assert "pre-trained weights: 5.5 MB are needed, and 4.2 MB are free in " in said
        assert str(weights_folder()) in said
        assert "name another disk with TORCH_HOME" in said
        assert list(disk.iterdir()) == []
        assert not launcher.storage.exists()


def test_finished_fits_are_known_though_their_weights_are_elsewhere(
    launcher: Launcher, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = launcher.write(SWEEP)
    digest = sha256_of(mirror)
    monkeypatch.setattr("foldgrid.models.weights.promised_hash", lambda _name: digest[:8])
    assert launcher(sweep, "--mirror", mirror.parent.as_uri()).code == 0
    (weights_folder() / mirror.name).unlink()
    assert "2 of 2 done" in launcher(sweep, "--plan").out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--weights", "fetched"), ("fetched", "required", "auto")),
        (("--set", "weights=fetsh"), ('Did you mean "fetch"?',)),
        (("--mirror", "mirror.example/weights"), ("--mirror", "A URL is needed")),
    ],
)
def test_mistakes_are_reported(
    launcher: Launcher, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused = launcher(launcher.write(SWEEP), *options)
    assert refused.code == 2
    assert all(word in refused.err for word in words)
    assert not launcher.storage.exists()
