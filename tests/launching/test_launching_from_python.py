"""`foldgrid.launch` against `foldgrid launch`: the same bits, and what goes wrong is raised."""

from __future__ import annotations

import errno
import signal
from typing import Any

import pandas as pd
import pytest

import foldgrid
from foldgrid.training import Fit
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher

QUIETLY: dict[str, Any] = {"executor": "inline", "wandb": "disabled", "quiet": True}


def test_python_and_the_command_leave_the_same_bits(launcher: Launcher) -> None:
    sweep = launcher.done_before(ONE_BACKBONE)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run = foldgrid.launch(sweep, budget="smoke", storage=launcher.folder / "ours", **QUIETLY)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    theirs = launcher.store()
    assert isinstance(run, foldgrid.Run)
    assert run.store.read_plan() == theirs.read_plan()
    for fit_id in theirs.finished_fits():
        for file in ("predictions.parquet", "best.safetensors"):
            assert run.store.fit(fit_id).read_bytes(file) == theirs.fit(fit_id).read_bytes(file)
    assert run.fits()["status"].tolist() == ["complete"] * 2
    # Launched again it trains nothing, and the folder is opened as it is.
    mine = foldgrid.launch(
        {"name": "tiny", **foldgrid.Sweep(sweep, budget="smoke").settings},
        storage=launcher.storage,
        budget="smoke",
        **QUIETLY,
    )
    assert mine.store.location == theirs.location

    photos = trial_photos(run)
    table = run.predict(photos)
    assert len(table) == 1
    assert table["pasi"].between(0, 72).all()


def trial_photos(run: foldgrid.Run) -> pd.DataFrame:
    """The photographs of one visit, as somebody would have them in a frame."""
    from foldgrid.data.cache import cache_root

    for path in cache_root().glob("synthetic_pasi/*/manifest.csv"):
        photos = pd.read_csv(path, dtype={"subject": str, "visit": str})
        if set(photos["subject"]) == set(run.store.read_split()["subject"]):
            first = photos[
                (photos["subject"] == photos["subject"][0])
                & (photos["visit"] == photos["visit"][0])
            ]
            names = [str(path.parent / name) for name in first["photo"]]
            return first.assign(photo=names)[["photo", "subject", "visit", "region"]]
    raise AssertionError("the trial's manifest is in the cache")


def test_what_goes_wrong_is_raised_and_failed_fits_are_named(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = launcher.write(ONE_BACKBONE)
    where: dict[str, Any] = {"storage": launcher.storage, **QUIETLY}
    with pytest.raises(foldgrid.SweepError, match="max_epochs"):
        foldgrid.launch(sweep, overrides={"training.max_epoch": 3}, **where)
    with pytest.raises(foldgrid.SweepError, match="quickstart"):
        foldgrid.Sweep("quickstrat")
    with pytest.raises(foldgrid.InputError, match="A mapping names"):
        foldgrid.Sweep({"title": "nameless", "backbones": ["resnet18"]})
    assert not launcher.storage.exists()

    def fail(fit: Fit) -> float:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Fit, "_train", fail)
    run = foldgrid.launch(sweep, budget="smoke", **where)
    assert isinstance(run, foldgrid.Run)
    assert run.fits()["status"].tolist() == ["failed"] * 2
    assert run.fits()["failure"].str.contains("no such luck").all()
    assert "0 of 2 fits done, 2 failed" in repr(run)
    with pytest.raises(foldgrid.SweepError, match="nothing can be ranked yet"):
        run.ranking  # noqa: B018

    def fill(fit: Fit) -> float:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Fit, "_train", fill)
    with pytest.raises(foldgrid.LaunchError, match="No space left"):
        foldgrid.launch(sweep, budget="smoke", **where)
