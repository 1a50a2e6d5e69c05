"""Predictions made elsewhere as a base learner of a sweep: read or refused, ranked, marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foldgrid
from foldgrid.cli.main import main
from foldgrid.data.splits import Split
from foldgrid.launching.given.predictions import GivenPredictions, read_given_predictions
from foldgrid.specs.errors import InputError
from foldgrid.specs.given import UNKNOWN_PROVENANCE, GivenSpec
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.regression.spec import RegressionSpec
from tests.launching.tiny_labels import SKIN
from tests.launching.tiny_sweep import Launcher

CLASSES = ClassificationSpec(classes={"well": ("w",), "ill": ("early", "late")})
NUM = 12


def samples_of(task: TaskSpec) -> pd.DataFrame:
    """Twelve samples of six subjects: two folds, and two subjects held out for the test set."""
    random = np.random.default_rng(0)
    subjects = np.repeat([f"S{number}" for number in range(6)], 2)
    samples = pd.DataFrame({"sample": [f"p{n:02}" for n in range(NUM)], "subject": subjects})
    samples["partition"] = ["train"] * 8 + ["test"] * 4
    samples["fold"] = [0] * 4 + [1] * 4 + [-1] * 4
    samples["visit"], samples["day"] = "V1", 0
    if isinstance(task, ClassificationSpec):
        return samples.assign(label=random.choice(["w", "early", "late"], NUM))
    if isinstance(task, RegressionSpec):
        return samples.assign(value=random.normal(10, 3, NUM))
    samples["region"] = ["trunk", "head_neck"] * 6
    scores = {name: random.integers(0, 5, NUM) for name in ("erythema", "induration", "scaling")}
    return samples.assign(**scores, involvement=random.integers(1, 7, NUM))


def table_of(task: TaskSpec, samples: pd.DataFrame) -> pd.DataFrame:
    """What somebody predicted, as the table says it: the truth with a little noise."""
    random = np.random.default_rng(1)
    scoring = make_scoring(task)
    table = samples[["subject", "sample", "fold"]].assign(
        partition=samples["partition"].replace("train", "oof")
    )
    table["fold"] = table["fold"].where(table["fold"] >= 0).astype("Int64")
    if isinstance(task, ClassificationSpec):
        fractions = random.dirichlet((1, 1), NUM)
        return table.assign(
            truth=samples["label"],
            **{f"net:{name}": fractions[:, place] for place, name in enumerate(task.classes)},
        )
    if isinstance(task, RegressionSpec):
        return table.assign(truth=samples["value"], net=samples["value"] + random.normal(size=NUM))
    truth = scoring.reference(pd.DataFrame(scoring.target_columns(samples)))
    names = {f"net:{name}": samples[name] + 0.25 for name in scoring.target_names}
    return table.assign(truth=truth, **names)


def read(
    folder: Path,
    task: TaskSpec,
    edit: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
    suffix: str = ".parquet",
) -> GivenPredictions:
    samples = samples_of(task)
    table = edit(table_of(task, samples))
    path = folder / f"theirs{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    spec = GivenSpec(predictions=path, model="net", sha256="0" * 64)
    split = Split(samples, 0.0, 0.0, 0, "split")
    return read_given_predictions("mine", spec, samples, split, make_scoring(task))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("task", [CLASSES, RegressionSpec(), PasiSpec()])
def test_a_table_is_read_in_the_split_s_order(tmp_path: Path, task: TaskSpec, suffix: str) -> None:
    due = table_of(task, samples_of(task))
    found = read(tmp_path, task, lambda table: table.sample(frac=1, random_state=2), suffix)
    assert found.predicted.index.tolist() == due["sample"].tolist()
    scoring = make_scoring(task)
    assert tuple(found.predicted) == scoring.prediction_names
    columns = [name for name in due if name == "net" or name.startswith("net:")]
    np.testing.assert_allclose(found.predicted, due[columns].astype(float), rtol=1e-12)


def test_what_is_not_the_sweep_s_split_is_refused_all_at_once(tmp_path: Path) -> None:
    def spoiled(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[0, "sample"] = "stranger"
        table.loc[1, "sample"] = "p02"
        return table.assign(net=table["net"].where(table["sample"] != "p05"))

    with pytest.raises(InputError) as caught:
        read(tmp_path, RegressionSpec(), spoiled)
    message = str(caught.value)
    assert "1 sample (p02) given more than once" in message
    assert "1 sample (stranger) not in this sweep's split" in message
    assert "2 samples (p00, p01) of this sweep's split not found" in message
    assert "row 5   net      empty. A number is needed." in message


@pytest.mark.parametrize(
    ("column", "row", "value", "said"),
    [
        ("subject", 0, "S9", 'p00 has "S9", the split "S0"'),
        ("fold", 5, 0, 'p05 has "0", the split "1"'),
        ("partition", 5, "test", 'p05 has "test", the split "train"'),
        ("partition", 5, "training", 'found "training". Write oof or test.'),
        ("net", 3, np.inf, 'found "inf". A number is needed.'),
        ("truth", 3, 99.0, "1 sample (p03) with another truth than this sweep's data have"),
    ],
)
def test_a_row_that_is_not_as_in_the_split_is_refused(
    tmp_path: Path, column: str, row: int, value: object, said: str
) -> None:
    def spoiled(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row, column] = value
        return table

    with pytest.raises(InputError) as caught:
        read(tmp_path, RegressionSpec(), spoiled)
    assert said in str(caught.value)


@pytest.mark.parametrize("truth", ["ill", "late"])
def test_a_truth_may_be_the_class_or_its_label(tmp_path: Path, truth: str) -> None:
    is_ill = samples_of(CLASSES)["label"] != "w"
    read(tmp_path, CLASSES, lambda t: t.assign(truth=t["truth"].mask(is_ill, truth)))
    with pytest.raises(InputError, match="with another truth"):
        read(tmp_path, CLASSES, lambda t: t.assign(truth=truth))


def test_what_are_no_probabilities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Probabilities of a row add up to 1"):
        read(tmp_path, CLASSES, lambda table: table.assign(**{"net:ill": table["net:ill"] + 0.2}))
    with pytest.raises(InputError, match=r"header   net:ill   not found. Found: subject, sample"):
        read(tmp_path, CLASSES, lambda table: table.drop(columns="net:ill"))


@pytest.fixture
def sweep(launcher: Launcher) -> Path:
    """A trained sweep's file that is now given its own network's predictions, a little worse."""
    launcher.done_before(SKIN, name="tiny", ranked=True)
    run = foldgrid.open_run(launcher.storage / "tiny")
    table = run.predictions("squeezenet1_1")
    columns = [name for name in table if ":" in name]
    even = 1 / len(columns)
    theirs = table.assign(**{name: 0.5 * table[name] + 0.5 * even for name in columns})
    theirs = theirs.rename(columns=lambda name: name.replace("squeezenet1_1:", "theirs:"))
    theirs.to_csv(launcher.folder / "secret.csv", index=False)
    return launcher.write(SKIN + "given: {theirs: {predictions: secret.csv}}\n")


def test_they_are_a_base_learner_that_was_not_trained_here(
    launcher: Launcher, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = " ".join(launcher(sweep, "--plan").out.split())
    assert "4 of 4 done, 0 to train, 2 to make of given tables" in plan
    assert "given given:theirs: predictions from secret.csv (SHA-256 " in plan
    assert UNKNOWN_PROVENANCE in plan
    launched = launcher(sweep, "--wandb", "offline", ranked=True)
    assert launched.code == 0, launched.out + launched.err
    folder = launcher.storage / "tiny"
    run = foldgrid.open_run(folder)
    models = run.ranking.frame().set_index("model")
    assert models.loc["given:theirs", "kind"] == "base_learner"
    assert (models["kind"] == "meta_learner").any()
    own, theirs = (
        run.predictions(name).filter(like=":").to_numpy()
        for name in ("squeezenet1_1", "given:theirs")
    )
    np.testing.assert_allclose(theirs, 0.5 * own + 0.25, atol=1e-9)
    assert not run.check().has_failed
    [note] = [note for note in run.ranking.notes if note.code == "FG617"]
    assert note.is_warning
    assert UNKNOWN_PROVENANCE in note.text
    assert main(["report", str(folder)]) == 0
    page = " ".join((folder / "report.html").read_text(encoding="utf-8").split())
    assert (
        "1 further base learner is from a table made elsewhere, given:theirs (predictions, SHA-256 "
        in page
    )
    assert UNKNOWN_PROVENANCE in page
    assert main(["predict", str(folder), "new.csv", "--backbone", "given:theirs"]) == 2
    assert "is no network here" in capsys.readouterr().err
    for path in (folder / "wandb").rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes(), path


def test_a_changed_table_is_noticed_and_a_missing_one_refused(
    launcher: Launcher, sweep: Path
) -> None:
    assert launcher(sweep).code == 0
    before = launcher.store().finished_fits()
    again = " ".join(launcher(sweep, "--plan").out.split())
    assert "4 of 4 done, 0 to train" in again
    assert "to make of" not in again
    table = launcher.folder / "secret.csv"
    table.write_text(table.read_text() + "\n")
    changed = " ".join(launcher(sweep, "--plan").out.split())
    assert "given.theirs.sha256" in changed
    assert "2 to make of given tables" in changed
    assert launcher(sweep).code == 0
    added = launcher.store().finished_fits() - before
    assert len(added) == 2
    assert all(launcher.store().read_fit(each).config.given for each in added)
    provenance = launcher.store().read_provenance()["given"]["theirs"]
    assert (provenance["file"], provenance["kind"]) == ("secret.csv", "predictions")
    table.write_text(table.read_text().replace("subject,", "person,", 1))
    refused = launcher(sweep)
    assert refused.code == 2
    assert "header   subject   not found" in refused.err
    assert launcher.store().finished_fits() == before | added
    table.unlink()
    gone = launcher(sweep)
    assert gone.code == 2
    assert "given.theirs.predictions" in gone.err
    assert "cannot be read" in gone.err
