"""``foldgrid predict`` for sweeps that learned labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import foldgrid
from foldgrid.cli.main import main
from foldgrid.records import RunStore
from foldgrid.simulation.source import find_manifest, open_dataset
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings
from foldgrid.tasks.classification.spec import BinarySpec, HierarchySpec
from tests.python_api.examples import run_example
from tests.trained_run import train_run, write_leaderboard

STUDY = StudySettings(study="aidda", num_subjects=16, photo_width=48, photo_height=48)
DATA = DataSpec(tile_pixels=32, synthetic=STUDY)
BINARY = BinarySpec(positive=("psoriasis",))
TREE = HierarchySpec(
    levels={"coarse": 1, "fine": 2},
    hierarchy={"ill": ["psoriasis", "eczema_atopic_dermatitis"], "healthy": None},
    max_images_per_class=1,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunStore:
    dataset = open_dataset(DATA, cache, photographs="single")
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    store = train_run(folder, dataset, ("plain_cnn",), task=BINARY, data=DATA)
    metric_values = {"plain_cnn": 0.4, "plain_cnn@training_fraction=0.5": 0.9}
    write_leaderboard(store, metric_values, "auc", BINARY.model_copy(update={"classes": CLASSES}))
    return store


CLASSES = {"others": ("eczema_atopic_dermatitis", "healthy"), "psoriasis": ("psoriasis",)}


@pytest.fixture
def manifest(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FOLDGRID_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    return find_manifest(DATA, "single", cache)


def test_new_photographs_without_labels_are_predicted(
    binary: RunStore, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = pd.read_csv(manifest, dtype=str)
    new = manifest.with_name("new_patient.csv")
    one = photos[photos["subject"] == photos["subject"].iloc[0]]
    one.assign(subject="new patient")[["photo", "subject", "case"]].to_csv(new, index=False)
    assert main(["predict", binary.location, str(new)]) == 0
    table = pd.read_csv("predictions.csv")
    other = "eczema_atopic_dermatitis_or_healthy"
    assert list(table) == [
        "subject",
        "case",
        "photo",
        "predicted",
        "predicted_at_high_sensitivity",
        "predicted_at_high_specificity",
        f"probability_{other}",
        "probability_psoriasis",
    ]
    assert sorted(table["photo"]) == sorted(one["photo"])
    assert set(table["subject"]) == {"new patient"}
    assert set(table["predicted"]) <= {other, "psoriasis"}
    assert (table[f"probability_{other}"] + table["probability_psoriasis"]).tolist() == [
        pytest.approx(1, abs=2e-4)
    ] * len(one)
    said = capsys.readouterr()
    assert "plain_cnn of" in said.out
    assert "the best base learner by out-of-fold AUC: mean of 2 copies" in said.out
    assert "high sensitivity: psoriasis from a probability of 0." in said.out
    assert "chosen on held-out photographs to reach 97.5% sensitivity." in said.out
    assert "too good to be true" not in said.out
    assert f"predictions.csv: {len(one)} photographs, a row each" in said.out
    assert said.err == ""


def test_the_example_of_predicting_from_python_runs(binary: RunStore, manifest: Path) -> None:
    photo = str(manifest.parent / pd.read_csv(manifest)["photo"][0])
    names = {"foldgrid": foldgrid, "folder": binary.location, "photo": photo}
    run_example(foldgrid.Run.predict, "Run.predict", names)


def test_labels_decide_nothing_and_known_subjects_are_noted(
    binary: RunStore, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unlabelled = manifest.with_name("unlabelled.csv")
    pd.read_csv(manifest, dtype=str).drop(columns="label").to_csv(unlabelled, index=False)
    assert main(["predict", binary.location, str(manifest), "--output", "a.csv"]) == 0
    split = binary.read_split()
    num_known = split.loc[split["partition"] == "train", "subject"].nunique()
    assert f"as in the sweep's training part: {num_known}." in capsys.readouterr().out
    assert main(["predict", binary.location, str(unlabelled), "--output", "b.csv"]) == 0
    assert "… and" in capsys.readouterr().out
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()


def test_a_hierarchy_s_levels_have_a_column_each(
    manifest: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = open_dataset(DATA, cache, photographs="single")
    store = train_run(tmp_path / "tiny", dataset, ("plain_cnn",), task=TREE, data=DATA)
    name = ["--backbone", "plain_cnn"]
    assert main(["predict", store.location, str(manifest), *name]) == 0
    table = pd.read_csv("predictions.csv")
    assert set(table["predicted_coarse"]) <= {"ill", "healthy"}
    assert (table["predicted"] == table["predicted_coarse"]).all()
    fine = {"ill/psoriasis", "ill/eczema_atopic_dermatitis", "healthy"}
    assert set(table["predicted_finest"]) <= fine
    summed = table["probability_ill/psoriasis"] + table["probability_ill/eczema_atopic_dermatitis"]
    assert summed.tolist() == pytest.approx(table["probability_ill"].tolist(), abs=2e-4)
    assert "predicted_finest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{run}", "nowhere.csv"], "nowhere.csv: 1 problem"),
        (["{run}", "{manifest}", "--backbone", "plain_cn"], 'Did you mean "plain_cnn"?'),
        (["{run}", "{broken}"], "A manifest has the columns photo, subject."),
        (["{run}", "{manifest}", "--output", "."], "is a folder"),
    ],
)
def test_every_mistake_is_answered_and_nothing_is_written(
    binary: RunStore,
    manifest: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    broken = manifest.with_name("broken.csv")
    pd.read_csv(manifest, dtype=str).drop(columns="subject").to_csv(broken, index=False)
    names = {"run": binary.location, "manifest": manifest, "broken": broken}
    assert main(["predict", *(each.format(**names) for each in arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []
