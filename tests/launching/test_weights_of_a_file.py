"""A network whose first weights are a file: its path is told to nobody, its hash finds it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from PIL import Image

from foldgrid.cli.main import main
from foldgrid.models import build_network
from tests.launching.tiny_sweep import Launcher

SECRET = "secret place"
FILE = f"file:{SECRET}/mine.safetensors:timm:test_vit"
SWEEP = """\
title: weights of a file, and timm's
task: {name: regression}
data: {tile_pixels: 32, manifest: photographs.csv}
split: {num_folds: 2, num_seeds: 20, test_fraction: 0.2}
backbones: ["FILE", "timm:test_vit"]
keep: best
training: {max_epochs: 1, max_batches_per_epoch: 2, batch_size: 8}
"""


def write_photographs(folder: Path) -> None:
    random, rows = np.random.default_rng(5), []
    for number in range(40):
        name, value = f"{number:02}.png", float(number % 10)
        Image.fromarray(random.integers(0, 25 * number % 250 + 5, (32, 32, 3), np.uint8)).save(
            folder / name
        )
        rows.append({"photo": name, "subject": f"s{number // 2:02}", "value": value})
    pd.DataFrame(rows).to_csv(folder / "photographs.csv", index=False)


def test_its_path_reaches_nothing_that_is_kept_and_its_hash_finds_it_again(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One launch as a user types it, because what is written of a command line is read from it."""
    folder, run = launcher.folder, launcher.storage / "tiny"
    (folder / SECRET).mkdir()
    torch.manual_seed(1)
    state = build_network("timm:test_vit", 9).state_dict()
    safetensors.torch.save_file(state, folder / SECRET / "mine.safetensors")
    write_photographs(folder)
    sweep = launcher.write(SWEEP.replace("FILE", FILE))
    command = ["launch", str(sweep), "--executor", "inline", "--wandb", "disabled"]
    command += ["--tracker", "tensorboard", "--budget", "smoke", "--storage", str(run.parent)]
    command += ["--only", f"backbone={FILE}", "--only", "backbone=timm:test_vit"]
    monkeypatch.setattr(sys, "argv", ["foldgrid", *command])
    assert main() == 0
    planned = dict.fromkeys(each.backbone for each in launcher.store().read_plan())
    own = next(name for name in planned if name.startswith("file:"))
    assert f"backbone={own}" in launcher.store().read_provenance()["command"]
    kept = [path for path in run.rglob("*") if path.is_file()]
    assert {"provenance.json", "launch.log", "sweep.yaml"} <= {path.name for path in kept}
    told = [str(path) for path in kept if SECRET.encode() in path.read_bytes()]
    assert not told

    # Elsewhere and under another name: the run folder's own sweep finds it by its hash.
    (folder / SECRET / "mine.safetensors").rename(folder / "theirs.safetensors")
    (folder / SECRET).rmdir()
    lost = launcher(run / "sweep.yaml", "--plan")
    assert lost.code == 2
    assert "Put the file into the folder that FOLDGRID_WEIGHTS names" in " ".join(lost.err.split())
    monkeypatch.setenv("FOLDGRID_WEIGHTS", str(folder))
    assert "4 of 4 done, 0 to train" in launcher(run / "sweep.yaml", "--plan").out

    new = folder / "new.csv"
    pd.read_csv("photographs.csv").drop(columns="value").to_csv(new, index=False)
    for backbone in (own, "timm:test_vit"):
        assert main(["predict", str(run), str(new), "--backbone", backbone]) == 0
        assert np.isfinite(pd.read_csv("predictions.csv")["predicted"]).all()
