"""Features made elsewhere: read or refused, a head fitted to them fold by fold, marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import foldgrid
from foldgrid.cli.main import main
from foldgrid.data.splits import Split
from foldgrid.launching.given.features import GivenFeatures, read_given_features
from foldgrid.predict.fold_copies import columns_of
from foldgrid.records import RunStore
from foldgrid.specs.errors import InputError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.given import UNKNOWN_PROVENANCE, GivenSpec, given_name
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import EarlyStopping
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.training import Fit, TrainingData
from foldgrid.training.state import GivenFeatures as Table
from tests.launching.tiny_labels import SKIN
from tests.launching.tiny_sweep import Launcher
from tests.training.tiny_study import outcome

NUMBERS = RegressionSpec()
CLASSES = ClassificationSpec(classes={"well": ("w",), "ill": ("i",)})
NUM = 60


def samples_of() -> pd.DataFrame:
    """Sixty samples of twenty subjects: two folds, and four subjects in the test set."""
    random = np.random.default_rng(0)
    subjects = np.repeat([f"S{number:02}" for number in range(20)], 3)
    samples = pd.DataFrame({"sample": [f"p{n:02}" for n in range(NUM)], "subject": subjects})
    samples["partition"] = ["train"] * 48 + ["test"] * 12
    samples["fold"] = [0] * 24 + [1] * 24 + [-1] * 12
    samples["value"] = random.normal(10, 3, NUM)
    samples["label"] = np.where(samples["value"] > 10, "i", "w")
    samples["band"] = samples["label"]
    return samples


def features_of(samples: pd.DataFrame, num_features: int = 3) -> pd.DataFrame:
    """Columns of which the first tells the value, in another unit."""
    random = np.random.default_rng(1)
    noise = random.normal(0, 1, (NUM, num_features))
    table = pd.DataFrame(noise, columns=[f"f{place}" for place in range(num_features)])
    table["f0"] = 0.001 * samples["value"] + 5
    return pd.concat([samples[["sample"]], table], axis=1)


def read(
    folder: Path,
    task: TaskSpec = NUMBERS,
    edit: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
    head: str = "",
) -> GivenFeatures:
    samples = samples_of()
    path = folder / "theirs.parquet"
    edit(features_of(samples)).to_parquet(path)
    spec = GivenSpec(features=path, head=head, sha256="0" * 64)
    split = Split(samples, 0.0, 0.0, 0, "split")
    return read_given_features("mine", spec, split, make_scoring(task))


def config_of(given: GivenFeatures, task: TaskSpec, fold: int = 0) -> FitConfig:
    return FitConfig(
        backbone=given_name("mine"),
        fold=fold,
        task=task,
        data_fingerprint="data",
        split_fingerprint="split",
        weights="given",
        seed=0,
        budget="smoke",
        training=given.recipe(TrainingRecipe()),
        given=given.identity,
    )


def data_of(samples: pd.DataFrame) -> TrainingData:
    return TrainingData(np.zeros((NUM, 8, 8, 3), np.uint8), samples, "band", 1)


def test_a_feature_that_tells_the_value_is_found_whatever_its_unit(tmp_path: Path) -> None:
    given, samples = read(tmp_path), samples_of()
    assert given.head == "ridge"
    outcome = given.predict(config_of(given, NUMBERS), data_of(samples))
    errors = outcome.predicted["predicted_value"].to_numpy() - samples["value"].to_numpy()
    unseen = (samples["fold"] != 1).to_numpy()
    assert np.abs(errors[unseen]).mean() < 0.5 * samples["value"].std()
    assert outcome.chosen["strength"] > 0
    assert set(outcome.learned) == {"centre", "spread"}


@pytest.mark.parametrize("task", [NUMBERS, CLASSES])
def test_the_truth_of_what_a_fold_holds_out_decides_nothing(tmp_path: Path, task: TaskSpec) -> None:
    given, samples = read(tmp_path, task), samples_of()
    other = samples.copy()
    hidden = (samples["fold"] != 1).to_numpy()
    other.loc[hidden, "value"] = 99 - other["value"][hidden]
    other.loc[hidden, "label"] = other["label"][hidden].map({"i": "w", "w": "i"})
    config = config_of(given, task)
    before = given.predict(config, data_of(samples)).predicted
    pd.testing.assert_frame_equal(before, given.predict(config, data_of(other)).predicted)
    assert len(before.drop_duplicates()) > 30


def test_rows_may_stand_in_any_order_and_constant_columns_are_left_out(tmp_path: Path) -> None:
    plain = read(tmp_path)
    turned = read(tmp_path, edit=lambda t: t.sample(frac=1, random_state=3).assign(none=1.5))
    np.testing.assert_array_equal(plain.features_ND, turned.features_ND)
    assert turned.num_constant == 1
    assert "1 constant column left out" in turned.words


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda t: t.iloc[:-1], "1 sample (p59) of this sweep's split not found"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "1 sample (p00) given more than once"),
        (lambda t: t.replace("p00", "stranger"), "1 sample (stranger) not in this sweep's split"),
        (lambda t: t.assign(f1=t["f1"].where(t.index != 4)), "row 4   f1   empty. A number"),
        (lambda t: t.assign(f1="high"), 'f1   found "high". A number is needed.'),
        (lambda t: t.assign(f1=1e300), "f1   too large for float32."),
        (lambda t: t.assign(truth=1.0), "header   truth   is no feature"),
        (lambda t: t[["sample"]], "no feature's column; found only sample"),
        (lambda t: t.drop(columns="sample"), "header   sample   not found"),
        (lambda t: t[["sample"]].assign(f0=1, f1=2), "every column is the same for all samples"),
    ],
)
def test_a_wrong_table_is_refused(
    tmp_path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, edit=edit)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (
            "ridge",
            "ridge learns numbers, and this task has classes. Take logistic or linear or mlp.",
        ),
        ("logstic", 'found "logstic". There is no such head. Did you mean "logistic"'),
    ],
)
def test_a_head_that_cannot_be_fitted_is_refused(tmp_path: Path, head: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, CLASSES, head=head)
    assert said in str(caught.value)


def test_they_are_a_base_learner_that_is_fitted_here(
    launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher.done_before(SKIN, name="tiny", ranked=True)
    samples = launcher.store().read_split()
    random = np.random.default_rng(0)
    is_well = (samples["label"] == "normal").to_numpy(np.float64)
    columns = {f"f{place}": random.normal(size=len(samples)) for place in range(8)}
    columns["f0"] = is_well + random.normal(0, 0.3, len(samples))
    pd.DataFrame({"sample": samples["sample"], **columns}).to_csv("theirs.csv", index=False)
    sweep = launcher.write(SKIN + "given: {derm: {features: theirs.csv, head: logistic}}\n")
    plan = " ".join(launcher(sweep, "--plan").out.split())
    assert "given given:derm: 8 features from theirs.csv, head logistic (SHA-256 " in plan
    launched = launcher(sweep, ranked=True)
    assert launched.code == 0, launched.out + launched.err
    folder = launcher.storage / "tiny"
    run = foldgrid.open_run(folder)
    assert run.best.value("oof", "auc") > 0.9
    assert not run.check().has_failed
    assert main(["report", str(folder)]) == 0
    page = " ".join((folder / "report.html").read_text(encoding="utf-8").split())
    assert "given:derm (features, and in each fold logistic regression with an L2" in page
    assert UNKNOWN_PROVENANCE in page
    # New samples by their features: those that were held out as the fits themselves said.
    store = launcher.store()
    fits = [each.fit_id for each in store.read_plan() if each.backbone == "given:derm"]
    tables = pd.concat([store.read_predictions(fit) for fit in fits]).query("partition == 'test'")
    names = [name for name in tables if str(name).startswith("predicted_")]
    expected = tables.groupby("sample")[names].mean()
    pd.read_csv("theirs.csv").sample(frac=1, random_state=1).assign(more=1.0).to_csv("new.csv")
    capsys.readouterr()
    predict = ["predict", str(folder), "--backbone", "given:derm"]
    assert main([*predict, "--features", "new.csv"]) == 0
    found = pd.read_csv("predictions.csv").set_index("sample").loc[expected.index]
    for name in names:
        column = f"probability_{name.removeprefix('predicted_')}"
        np.testing.assert_allclose(found[column], expected[name], atol=2e-4)
    for options, said in (
        (["new.csv"], "There is no network here"),
        ([], "found neither of MANIFEST and --features"),
        (["new.csv", "--features", "new.csv"], "found both of MANIFEST and --features"),
        (["--features", "none.csv"], "none.csv: not found"),
    ):
        assert main([*predict, *options]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    for broken, said in (
        (lambda t: t.drop(columns="f3"), "header f3 not found"),
        (lambda t: t.assign(f3="high"), 'f3 found "high". A number is needed.'),
        (lambda t: pd.concat([t, t.head(1)]), "given more than once"),
    ):
        broken(pd.read_csv("theirs.csv")).to_csv("broken.csv", index=False)
        assert main([*predict, "--features", "broken.csv"]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    other = ["predict", str(folder), "--features", "new.csv"]
    assert main([*other, "--backbone", "squeezenet1_1"]) == 2
    assert "squeezenet1_1 looks at photographs" in capsys.readouterr().err
    assert main(other) == 2
    assert "say of which base learner" in capsys.readouterr().err


def trained_fit(given: GivenFeatures, folder: Path, samples: pd.DataFrame) -> Fit:
    recipe = given.recipe(TrainingRecipe(max_epochs=30, learning_rate=0.02, batch_size=8))
    config = config_of(given, NUMBERS, fold=1).model_copy(update={"training": recipe})
    table = Table(given.features_ND, given.columns)
    cpu = torch.device("cpu")
    store = RunStore(str(folder))
    return Fit(config, data_of(samples), store.fit(config.fit_id), device=cpu, given=table)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_head_that_is_trained_learns_whatever_the_unit_and_goes_on_where_it_was(
    tmp_path: Path, head: str
) -> None:
    given, samples = read(tmp_path, head=head), samples_of()
    whole = trained_fit(given, tmp_path / "whole", samples)
    record = whole.run()
    assert record.weights.source == "given"
    assert record.weights.sha256 == "0" * 64
    assert record.num_epochs > 5
    table = whole.folder.read_predictions().query("partition == 'oof'")
    errors = (table["predicted_value"] - table["value"]).abs().mean()
    assert errors < 0.6 * samples["value"].std()
    stopped = trained_fit(given, tmp_path / "parts", samples)
    stopped.run_epoch()
    stopped.save_checkpoint()
    later = trained_fit(given, tmp_path / "parts", samples)
    assert later.epoch == 1
    later.run()
    assert outcome(later.folder) == outcome(whole.folder)
    assert columns_of(whole.folder.read_weights()) == ("f0", "f1", "f2")


def test_a_recipe_that_cannot_train_it_is_refused(tmp_path: Path) -> None:
    given = read(tmp_path, head="mlp")
    training = TrainingRecipe(head="ridge", early_stopping=EarlyStopping(policy="none"))
    with pytest.raises(InputError, match="mlp: schedule: plateau follows the validation loss"):
        given.recipe(training)
    assert read(tmp_path).recipe(training).head == "ridge"


def test_a_trained_head_is_a_base_learner_too(launcher: Launcher) -> None:
    """One launch with two tables: its records, methods and predictions are a trained fit's."""
    launcher.done_before(SKIN, name="tiny", ranked=True)
    samples = launcher.store().read_split()
    is_well = (samples["label"] == "normal").to_numpy(np.float64)
    noise = np.random.default_rng(0).normal(size=(len(samples), 3))
    columns = {"a": is_well + noise[:, 0] / 4, "b": noise[:, 1], "c": noise[:, 2]}
    pd.DataFrame({"sample": samples["sample"], **columns}).to_csv("theirs.csv", index=False)
    given = "given: {derm: {features: theirs.csv, head: mlp}}\n"
    launched = launcher(launcher.write(SKIN + given), ranked=True)
    assert launched.code == 0, launched.out + launched.err
    folder, store = launcher.storage / "tiny", launcher.store()
    fits = [each.fit_id for each in store.read_plan() if each.backbone == "given:derm"]
    assert all(store.read_fit(fit).num_epochs >= 1 for fit in fits)
    assert main(["report", str(folder)]) == 0
    page = " ".join((folder / "report.html").read_text(encoding="utf-8").split())
    assert "in each fold a multilayer perceptron of 1 hidden layer of 256 units" in page
    assert main(["check", str(folder)]) == 0
    options = ["--backbone", "given:derm", "--features", "theirs.csv"]
    assert main(["predict", str(folder), *options]) == 0
    assert len(pd.read_csv("predictions.csv")) == len(samples)
