"""timm's networks, a repository and a file of weights: launched, ranked, reported, predicted with.

Each part of it has tests of its own in `make test`; this is the way as a whole.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import timm
import torch

from foldgrid.cli.main import main
from foldgrid.models import build_network
from tests.launching.tiny_sweep import TINY, Launcher

pytestmark = pytest.mark.exhaustive

NAMES = ("timm:test_vit", "hf-hub:owner/skin", "file:secret place/mine.safetensors:test_resnet")
SWEEP = TINY.replace(
    "  - shufflenet_v2_x0_5\n  - squeezenet1_1\n", "".join(f"  - {name}\n" for name in NAMES)
).replace("weights: none", "weights: auto")


@pytest.fixture
def sweep(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sweep's file, with the repository in Hugging Face's cache and the file beside it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(launcher.folder / "hub"))
    home = launcher.folder / "hub" / "models--owner--skin"
    snapshot = home / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0123abcd")
    own = {"input_size": [3, 64, 64], "fixed_input_size": True, "license": "mit"}
    own |= {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "bicubic"}
    own |= {"classifier": "head", "first_conv": "patch_embed.proj"}
    described = {"architecture": "test_vit", "num_classes": 4, "pretrained_cfg": own}
    (snapshot / "config.json").write_text(json.dumps(described))
    torch.manual_seed(1)
    network = timm.create_model("test_vit", num_classes=4, img_size=64)
    safetensors.torch.save_file(network.state_dict(), snapshot / "model.safetensors")
    (launcher.folder / "secret place").mkdir()
    state = build_network("test_resnet", 9).state_dict()
    safetensors.torch.save_file(state, launcher.folder / "secret place" / "mine.safetensors")
    return launcher.write(SWEEP)


def test_they_train_are_ranked_reported_and_predict(launcher: Launcher, sweep: Path) -> None:
    plan = " ".join(launcher(sweep, "--plan").out.split())
    assert "mit: hf-hub:owner/skin" in plan
    assert "not known: file:" in plan
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    run = launcher.storage / "tiny"
    board = pd.read_csv(run / "leaderboard.csv").set_index("model")
    (own,) = [name for name in board.index if str(name).startswith("file:")]
    assert {"timm:test_vit", "hf-hub:owner/skin", own} <= set(board.index)
    assert (board.loc[["timm:test_vit", "hf-hub:owner/skin", own], "oof_mae"] > 0).all()
    store = launcher.store()
    records = {fit: store.read_fit(fit) for fit in store.finished_fits()}
    assert len(records) == 6
    sees = {each.config.backbone: each.config.training.normalization for each in records.values()}
    assert sees["hf-hub:owner/skin"] == "0.1 0.2 0.3 / 0.4 0.5 0.6"
    licences = {each.config.backbone: each.weights.licence for each in records.values()}
    assert licences["hf-hub:owner/skin"] == "mit"
    assert main(["check", str(run)]) == 0
    assert main(["report", str(run)]) == 0
    assert "hf-hub:owner/skin" in (run / "report.html").read_text(encoding="utf-8")
    for path in run.rglob("*"):
        assert path.is_dir() or b"secret place" not in path.read_bytes(), path
    # Again: nothing is left to train, by whatever path the file is named.
    moved = launcher.folder / "moved.safetensors"
    (launcher.folder / "secret place" / "mine.safetensors").rename(moved)
    again = launcher.write(SWEEP.replace("secret place/mine", "moved"))
    assert "6 of 6 done" in launcher(again, "--plan").out


def test_a_part_of_it_can_be_chosen_by_name(launcher: Launcher, sweep: Path) -> None:
    planned = launcher(sweep, "--plan", "--only", f"backbone={NAMES[2]}", "--only", "fold=0")
    assert planned.code == 0, planned.err
    assert "0 of 1 done" in planned.out
