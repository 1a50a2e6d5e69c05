"""Features made elsewhere: read or refused, a head fitted to them fold by fold, marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foldgrid
from foldgrid.cli.main import main
from foldgrid.data.splits import Split
from foldgrid.launching.given.features import GivenFeatures, read_given_features
from foldgrid.specs.errors import InputError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.given import UNKNOWN_PROVENANCE, GivenSpec, given_name
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.training import TrainingData
from tests.launching.tiny_labels import SKIN
from tests.launching.tiny_sweep import Launcher

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
        ("ridge", "ridge learns numbers, and this task has classes. Take logistic."),
        ("mlp", "mlp is trained on pictures. Take logistic."),
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
    capsys.readouterr()
    assert main(["predict", str(folder), "new.csv", "--backbone", "given:derm"]) == 2
    assert "There is no network here" in capsys.readouterr().err
