"""Every file that a launch leaves, corrupt: named, and made again to the same bits, or refused."""

from __future__ import annotations

import io
import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _pytest.mark import ParameterSet

from foldgrid.cli.main import main as analyse
from foldgrid.data.cache import load_or_build
from foldgrid.records import RunStore, SearchStore
from foldgrid.records.state_checksum import checksummed_state
from foldgrid.tracking.wandb.ledger import ProjectionLedger
from foldgrid.training.checkpoint import read_state
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher
from tests.records.corruption import CORRUPTIONS, cut, empty, flip
from tests.training.tiny_study import outcome
from tests.wandb_run_file import read_run_file

FIT_FILES = ("fit.json", "history.jsonl", "predictions.parquet", "best.safetensors")
RUN_FILES = (
    "sweep.yaml",
    "plan.json",
    "provenance.json",
    "split.parquet",
    "split.json",
    "photos.parquet",
    "samples.parquet",
    "weights.json",
    "tables.json",
    "progress.json",
    "leaderboard.json",
    "leaderboard.csv",
    "checks.json",
)
OFFLINE = ("--wandb", "offline")
SEARCH = ONE_BACKBONE + (
    "search_space: lr_plateau\nsearch: {num_trials: 2, sampler: RandomSampler}\n"
)


def outcomes(store: RunStore) -> dict[str, Any]:
    return {fit_id: outcome(store.fit(fit_id)) for fit_id in sorted(store.finished_fits())}


def representative(kind: str, *those: str) -> ParameterSet:
    """A case of ``make test`` if it is one of those, else of ``make test-all``."""
    return pytest.param(kind, marks=() if kind in those else pytest.mark.exhaustive)


@pytest.mark.parametrize(
    "kind", [representative(kind, "cut", "flip") for kind in sorted(CORRUPTIONS)]
)
def test_what_is_corrupt_is_named_and_trained_again(launcher: Launcher, kind: str) -> None:
    sweep = launcher.done_before(ranked=True)
    run, store, random_ = launcher.storage / "tiny", launcher.store(), random.Random(kind)
    before = outcomes(store)
    fits = dict(zip(FIT_FILES, sorted(before), strict=True))
    if kind == "flip":
        # Of weights only the length is looked at before they are read.
        del fits["best.safetensors"]
    for file, fit_id in fits.items():
        CORRUPTIONS[kind](run / "fits" / fit_id / file, random_.uniform(0.2, 0.8))
    for file in RUN_FILES:
        CORRUPTIONS[kind](run / file, random_.uniform(0.2, 0.8))
    found = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    plan = launcher(sweep, "--plan")
    assert plan.code == 0, plan.err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == found
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.err
    for said in (plan.out, done.out):
        assert "found again" not in said
        assert "of something else" not in said
        assert f"{4 - len(fits)} of 4 done, {len(fits)} to train" in said
        unwrapped = "".join(said.split())
        for file, fit_id in fits.items():
            # A fit without its record is not complete: there is nothing to say.
            is_named = (kind, file) != ("lose", "fit.json")
            assert (f"fits/{fit_id}/{file}:" in unwrapped) == is_named
    assert outcomes(store) == before
    assert launcher(sweep).out.count("4 of 4 done, 0 to train") == 1
    assert analyse(["check", str(run)]) == 0


def test_the_wandb_run_of_a_corrupt_fit_is_made_again(launcher: Launcher) -> None:
    sweep = launcher.done_before(TINY, *OFFLINE, ranked=True)
    run, store = launcher.storage / "tiny", launcher.store()
    fit_id = sorted(store.finished_fits())[0]
    empty(run / "fits" / fit_id / "history.jsonl", 0)
    launcher(sweep)
    assert f"tiny-{fit_id}" not in ProjectionLedger(run / "wandb")
    launcher(sweep, *OFFLINE)
    assert f"tiny-{fit_id}" in ProjectionLedger(run / "wandb")
    [path] = run.glob(f"wandb/*-tiny-{fit_id}/*.wandb")
    seconds = [row["epoch_seconds"] for _, row in read_run_file(path).history]
    assert seconds == [epoch.wall_seconds for epoch in store.read_history(fit_id)]


@pytest.mark.parametrize("file", ["sweep.yaml", "plan.json", "split.parquet"])
def test_the_analysis_refuses_what_it_cannot_do_without(
    launcher: Launcher, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher.done_before(ranked=True)
    run = launcher.storage / "tiny"
    (run / "leaderboard.json").unlink()
    flip(run / file, 0.7)
    for command in ("rank", "report"):
        capsys.readouterr()
        assert analyse([command, str(run)]) == 2
        said = capsys.readouterr().err
        assert file in said
        assert "not what was written" in said
        assert "aunch" in said


@pytest.mark.parametrize("file", FIT_FILES[:3])
def test_the_analysis_names_a_corrupt_fit_and_leaves_it_out(
    launcher: Launcher, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher.done_before(ranked=True)
    run, store = launcher.storage / "tiny", launcher.store()
    corrupt = next(cell for cell in store.read_plan() if cell.backbone == "squeezenet1_1")
    cut(run / "fits" / corrupt.fit_id / file, 0.5)
    assert analyse(["check", str(run)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"squeezenet1_1 fold {corrupt.fold}: {file}: " in said
    assert "launch the sweep again: it trains the corrupt fits again" in said
    assert analyse(["rank", str(run)]) == 0
    ranked = capsys.readouterr().out
    assert "FG201" in ranked


def test_a_corrupt_record_is_no_traceback_in_the_status(launcher: Launcher) -> None:
    launcher.done_before(ranked=True)
    run, store = launcher.storage / "tiny", launcher.store()
    cut(run / "fits" / sorted(store.finished_fits())[0] / "fit.json", 0.5)
    said = launcher.raw("--status", str(run))
    assert said.code == 0
    assert "1 corrupt" in said.out
    cut(run / "plan.json", 0.5)
    refused = launcher.raw("--status", str(run))
    assert refused.code == 2
    assert "plan.json: cannot be read" in refused.err


@pytest.mark.parametrize("kind", [representative(kind, "cut") for kind in ("cut", "flip", "lose")])
def test_corrupt_trials_are_named_and_trained_again(launcher: Launcher, kind: str) -> None:
    sweep = launcher.done_before(SEARCH)
    run = launcher.storage / "tiny"
    search = SearchStore.of(RunStore(str(run)))
    study = search.read_plan().studies[0].name
    before = {each.number: each.read_epochs() for each in search.trials(study)}
    records = {each.number: each for each in search.read_trials(study)}
    files = ("trial.json", "predictions.parquet") if kind != "lose" else ("history.jsonl",)
    for number, file in enumerate(files):
        CORRUPTIONS[kind](run / search.trial(study, number).name.join(("search/", f"/{file}")), 0.6)
    for file in ("search/plan.json", "search/trials.csv", "best.yaml", "sweep.yaml"):
        CORRUPTIONS[kind](run / file, 0.6)
    done = launcher(sweep)
    assert done.code == 0, done.err
    unwrapped = "".join(done.out.split())
    for number, file in enumerate(files):
        assert f"search/{search.trial(study, number).name}/{file}:" in unwrapped
    again = {each.number: each for each in search.read_trials(study)}
    for number, record in records.items():
        timeless = {"wall_seconds": 0.0}
        assert again[number].model_copy(update=timeless) == record.model_copy(update=timeless)
        reported = [
            (each.epoch, each.predicted) for each in search.trial(study, number).read_epochs()
        ]
        assert reported == [(each.epoch, each.predicted) for each in before[number]]
    assert search.to_redo(study) == {}
    assert "are trained again" not in launcher(sweep).out


def test_a_search_whose_study_is_lost_is_made_of_its_trials(launcher: Launcher) -> None:
    sweep = launcher.done_before(SEARCH)
    run = launcher.storage / "tiny"
    search = SearchStore.of(RunStore(str(run)))
    study = search.read_plan().studies[0].name
    records = search.read_trials(study)
    journal = run / "search" / "journal.log"
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([lines[0], lines[1][:-3], *lines[2:]]))
    refused = launcher(sweep)
    assert refused.code == 2
    assert "journal.log: line 2 is corrupt" in refused.err
    journal.unlink()
    done = launcher(sweep)
    assert done.code == 0, done.err
    assert search.read_trials(study) == records


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_no_pickle_in_a_run_folder_or_in_the_cache_is_executed(
    launcher: Launcher, tmp_path: Path
) -> None:
    sweep = launcher.done_before(ranked=True)
    run, store, mark = launcher.storage / "tiny", launcher.store(), tmp_path / "executed"
    bomb = pickle.dumps(Bomb(mark))
    buffer = io.BytesIO()
    torch.save({"format": 2, "network": Bomb(mark)}, buffer)
    for state in (bomb, buffer.getvalue()):
        assert read_state(state, torch.device("cpu")) is None
    first, second, third, fourth = sorted(store.finished_fits())
    (run / "fits" / first / "fit.json").unlink()
    (run / "fits" / first / "last.pt").write_bytes(checksummed_state(buffer.getvalue()))
    (run / "fits" / second / "predictions.parquet").write_bytes(bomb)
    (run / "fits" / third / "fit.json").write_bytes(bomb)
    (run / "fits" / fourth / "best.safetensors").write_bytes(bomb)
    for file in RUN_FILES:
        (run / file).write_bytes(bomb)
    done = launcher(sweep)
    assert done.code == 0, done.err
    assert "0 of 4 done, 4 to train" in done.out
    path = tmp_path / "array.npy"
    np.save(path, np.array([Bomb(mark)], dtype=object))
    path.with_suffix(".json").write_text(json.dumps(_label(path)))
    array = load_or_build(path, (1,), lambda empty: None)
    assert array.tolist() == [0]
    assert not mark.exists()
    # The bomb works.
    torch.load(buffer.__class__(buffer.getvalue()), weights_only=False)
    assert mark.exists()


def _label(path: Path) -> dict[str, Any]:
    """A label that vouches for a file, as the cache would write it."""
    from hashlib import sha256

    data = path.read_bytes()
    return {"shape": [1], "num_bytes": len(data), "sha256": sha256(data).hexdigest()}
