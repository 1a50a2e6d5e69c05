"""``foldgrid predict``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.cli.main import main
from foldgrid.records import RunStore
from foldgrid.tasks.pasi.arithmetic import SCORES
from tests.made_once import MadeOnce
from tests.trained_run import TRIAL, small_cache, small_dataset, train_run, write_leaderboard


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, made_once: MadeOnce) -> Path:
    """A copy: tests write manifests of their own beside the photographs."""
    return shutil.copytree(small_cache(made_once), tmp_path_factory.mktemp("own") / "cache")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunStore:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    store = train_run(folder, small_dataset(cache))
    write_leaderboard(store, {"shufflenet_v2_x0_5": 3.0})
    return store


@pytest.fixture
def manifest(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FOLDGRID_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    return next(cache.glob("synthetic_pasi/*/manifest.csv"))


def test_a_patient_without_scores_is_predicted(
    store: RunStore, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = pd.read_csv(manifest)
    one = photos[photos["subject"] == "S002"].drop(columns=list(SCORES))
    new = manifest.with_name("new_patient.csv")
    one.assign(subject="new patient").to_csv(new, index=False)
    assert main(["predict", store.location, str(new)]) == 0
    visits = pd.read_csv("predictions.csv")
    assert set(visits["subject"]) == {"new patient"}
    assert visits["day"].is_monotonic_increasing
    assert visits["pasi"].between(0, 64.8).all()
    assert visits["pasi"].nunique() == len(visits)
    assert {"trunk_composite", "trunk_erythema", "trunk_involvement"} <= set(visits)
    output = capsys.readouterr()
    assert "shufflenet_v2_x0_5" in output.out
    assert "the best base learner by out-of-fold MAE: mean of 2 copies" in output.out
    assert f"{visits['pasi'].iloc[0]:.1f}" in output.out
    assert "note:" not in output.out
    assert output.err == ""


def test_scores_decide_nothing_and_known_subjects_are_noted(
    store: RunStore, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = pd.read_csv(manifest)
    unscored = manifest.with_name("unscored.csv")
    photos.drop(columns=list(SCORES)).to_csv(unscored, index=False)
    name = ["--backbone", "shufflenet_v2_x0_5"]
    assert main(["predict", store.location, str(manifest), *name, "--output", "a/scored.csv"]) == 0
    split = store.read_split()
    num_known = split.loc[split["partition"] == "train", "subject"].nunique()
    assert 0 < num_known < TRIAL.num_subjects
    assert (
        f"subjects named as in the sweep's training part: {num_known}." in capsys.readouterr().out
    )
    assert main(["predict", store.location, str(unscored), *name, "--output", "unscored.csv"]) == 0
    assert Path("a/scored.csv").read_bytes() == Path("unscored.csv").read_bytes()


def test_lacking_and_unknown_regions_are_noted(
    store: RunStore, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = pd.read_csv(manifest)
    photos["region"] = photos["region"].replace({"trunk": "head_neck"})
    changed = manifest.with_name("other_regions.csv")
    photos.to_csv(changed, index=False)
    assert main(["predict", store.location, str(changed)]) == 0
    output = capsys.readouterr().out
    assert "composites passed over, for the sweep has no head_neck: 30." in output
    assert (
        "visits without a PASI, for it takes upper_extremities, trunk, lower_extremities: 30."
        in output
    )
    assert pd.read_csv("predictions.csv")["pasi"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{run}"], "MANIFEST"),
        (["{run}/nowhere", "{manifest}"], "not a run folder"),
        (["{run}", "nowhere.csv"], "nowhere.csv: 1 problem"),
        (["{run}", "{manifest}", "--backbone", "shufflenet"], 'Did you mean "shufflenet_v2_x0_5"?'),
        (["{run}", "{manifest}", "--output", "."], "is a folder"),
        (["{run}", "{broken}"], "the four score columns may be left out"),
        (["{run}", "{manifest}", "--output", "taken/predictions.csv"], "cannot be written"),
    ],
)
def test_every_mistake_is_answered_and_nothing_is_written(
    store: RunStore,
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    broken = manifest.with_name("broken.csv")
    pd.read_csv(manifest).assign(scaling="").to_csv(broken, index=False)
    names = {"run": store.location, "manifest": manifest, "broken": broken}
    assert main(["predict", *(each.format(**names) for each in arguments)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert "Traceback" not in output.err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
