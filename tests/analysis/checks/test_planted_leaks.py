"""Leaks that values alone give away: each is planted, and found; honest sweeps are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foldgrid
from foldgrid.analysis.checks import exchange_checks, prediction_checks
from foldgrid.analysis.checks.exchange_checks import permuted_p_values, smallest_p_value
from foldgrid.analysis.checks.method_checks import CHECKS as METHOD_CHECKS
from foldgrid.analysis.checks.run_contents import read_contents
from foldgrid.records import RunStore
from foldgrid.tasks.pasi.arithmetic import SCORES
from tests.analysis.conftest import BACKBONES, FakeRun
from tests.analysis.fake_class_run import FakeClassRun

ENOUGH: dict[str, Any] = {"num_subjects": 26, "num_test_subjects": 6, "num_visits": 2}
PREDICTED = [f"predicted_{name}" for name in SCORES]
LOOKING = ("FG305", "FG306", "FG307", "FG308")


def found(store: RunStore) -> dict[str, str]:
    """By code, what is said where one of these checks speaks."""
    contents = read_contents(store)
    checks = (*prediction_checks.CHECKS, *exchange_checks.CHECKS)
    results = [check.run(contents) for check in checks if check.code in LOOKING]
    return {
        each.code: " ".join((each.evidence, *each.places))
        for each in results
        if each.status in ("failed", "warning")
    }


def oof_is_the_truth(fake: FakeRun) -> None:
    for table in fake.predictions.values():
        rows = table["partition"] == "oof"
        table.loc[rows, PREDICTED] = table.loc[rows, list(SCORES)].to_numpy(np.float32)


def one_fit_is_the_truth(fake: FakeRun) -> None:
    table = fake.predictions["resnet18", 0]
    rows = table["partition"] == "oof"
    table.loc[rows, PREDICTED] = table.loc[rows, list(SCORES)].to_numpy(np.float32)


def trained_on_what_is_predicted(fake: FakeRun) -> None:
    random = np.random.default_rng(0)
    for table in fake.predictions.values():
        rows = table["partition"] == "oof"
        near = table.loc[rows, list(SCORES)] + random.normal(0, 0.05, (rows.sum(), len(SCORES)))
        table.loc[rows, PREDICTED] = near.to_numpy(np.float32)
        table.loc[~rows, PREDICTED] = table[list(SCORES)].mean().to_numpy(np.float32)


def a_folder_is_copied(fake: FakeRun) -> None:
    for fold in range(fake.num_folds):
        fake.predictions["vgg11", fold] = fake.predictions["resnet18", fold].copy()


def slip(table: pd.DataFrame) -> None:
    rows = table.index[table["partition"] == "oof"]
    table.loc[rows, PREDICTED] = np.roll(table.loc[rows, PREDICTED].to_numpy(), 1, axis=0)


def a_fold_slips(fake: FakeRun) -> None:
    for backbone in BACKBONES:
        slip(fake.predictions[backbone, 2])


def one_fold_of_one_learner_slips(fake: FakeRun) -> None:
    slip(fake.predictions["resnet18", 2])


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (oof_is_the_truth, {"FG305": "15 fits", "FG306": "and vgg11", "FG308": "of 3"}),
        (one_fit_is_the_truth, {"FG305": "resnet18 fold 0: 24 of 24 samples out of fold"}),
        (trained_on_what_is_predicted, {"FG308": "20 subjects out of fold and 6 of the test set"}),
        (a_folder_is_copied, {"FG306": "resnet18 and vgg11"}),
        (a_fold_slips, {"FG307": "resnet18 fold 2"}),
        (one_fold_of_one_learner_slips, {"FG307": "resnet18 fold 2"}),
    ],
)
def test_a_planted_leak_is_found(
    make_run: Callable[..., FakeRun], plant: Callable[[FakeRun], None], said: dict[str, str]
) -> None:
    fake = make_run(noise=0.2, **ENOUGH)
    plant(fake)
    spoken = found(fake.write())
    assert set(said) <= set(spoken)
    assert all(words in spoken[code] for code, words in said.items()), spoken
    assert not set(spoken) - set(said) - {"FG307", "FG308"}


@pytest.mark.parametrize(
    "num_sweeps", [8, pytest.param(200, marks=pytest.mark.exhaustive)], ids=str
)
def test_honest_sweeps_are_left_alone(tmp_path: Path, num_sweeps: int) -> None:
    """At most 4 of 200 speak, whichever check; errors are heavy-tailed and alike over learners."""
    spoken = []
    for seed in range(num_sweeps):
        fake = FakeRun(tmp_path / str(seed), noise=0.5, seed=seed, **ENOUGH)
        random = np.random.default_rng(seed)
        shared = pd.Series(random.standard_t(3, 26), fake.split["subject"].unique())
        of_sample = fake.split.set_index("sample")["subject"].map(shared)
        for table in fake.predictions.values():
            table[PREDICTED] += of_sample.loc[table["sample"]].to_numpy(np.float32)[:, None]
        if said := found(fake.write()):
            spoken.append((seed, said))
    assert len(spoken) <= num_sweeps / 50, spoken


def test_classes_that_are_certain_and_right_are_the_truth(tmp_path: Path) -> None:
    fake = FakeClassRun(tmp_path / "classes", "classification")
    cell = next(iter(fake.predictions))
    table = fake.predictions[cell]
    names = [name for name in table if name.startswith("predicted_")]
    table[names] = [
        [float(f"predicted_{label}" == name) for name in names] for label in table["label"]
    ]
    assert "samples out of fold" in found(fake.write())["FG305"]


def test_permutations_are_exact_for_a_mean() -> None:
    """Against all exchanges of a small table."""
    from itertools import combinations

    errors = np.array([[0.1], [0.4], [0.2], [0.9], [1.3], [0.3], [0.8]])
    groups = np.array([0, 0, 0, 1, 1, 0, 0])
    observed = abs(errors[groups == 1].mean() - errors[groups == 0].mean())
    as_large = 0
    exchanges = list(combinations(range(7), 2))
    for chosen in exchanges:
        inside = np.isin(np.arange(7), chosen)
        as_large += abs(errors[inside].mean() - errors[~inside].mean()) >= observed - 1e-12
    p = permuted_p_values(errors, groups, num_permutations=20_000)
    assert p[1, 0] == pytest.approx(as_large / len(exchanges), abs=0.01)
    assert p[0, 0] == p[1, 0]
    assert smallest_p_value(groups) == 1 / 21


def test_a_recipe_that_a_search_found_is_said(make_run: Callable[..., FakeRun]) -> None:
    fake = make_run()
    store = fake.write()
    (check,) = (each for each in METHOD_CHECKS if each.code == "FG404")

    def result(chain: dict[str, Any] | None) -> tuple[str, str]:
        store.write_provenance({} if chain is None else {"hyperparameters": chain})
        looked = check.run(read_contents(store))
        return looked.status, looked.evidence

    assert result(None)[0] == "passed"
    status, said = result({"run": "runs/lr_plateau", "num_subjects": 10, "num_searched": 10})
    assert status == "warning"
    assert "runs/lr_plateau, which saw 10 of the 10 subjects" in said
    assert "does not cover that choice" in said
    assert result({"run": "runs/lr_plateau", "num_subjects": 10, "num_searched": 0})[0] == "passed"
    status, said = result({"run": "runs/lr_plateau"})
    assert status == "warning"
    assert "whom it saw is not recorded" in said


def test_a_table_of_predictions_is_looked_at_too() -> None:
    random = np.random.default_rng(0)
    subjects = np.repeat([f"s{place:02}" for place in range(30)], 4)
    truth = random.normal(10, 3, len(subjects))
    is_test = subjects >= "s24"
    frame = pd.DataFrame(
        {
            "subject": subjects,
            "fold": [int(name[1:]) % 4 for name in subjects],
            "partition": np.where(is_test, "test", "oof"),
            "truth": truth,
            "sound": truth + random.normal(0, 1, len(truth)),
            "leaky": truth + np.where(is_test, random.normal(0, 4, len(truth)), 0.01),
            "copied": truth,
        }
    )
    frame["again"] = frame["sound"]
    codes = {note.code: note.text for note in foldgrid.rank(frame).notes}
    assert "copied" in codes["FG305"]
    assert "sound and again" in codes["FG306"]
    assert "leaky" in codes["FG308"]
    assert "FG307" not in codes
    assert codes["FG612"].startswith("5 checks: 2 failed, 1 warning, 2 passed")
    honest = foldgrid.rank(frame, models=["sound"])
    assert not any(note.is_warning for note in honest.notes)
