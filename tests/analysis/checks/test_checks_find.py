"""Every check finds its breach, names it, and hides no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from foldgrid.analysis.checks.catalogue import CATALOGUE, run_checks
from foldgrid.analysis.checks.report import CheckResult
from foldgrid.analysis.checks.run_contents import read_contents
from foldgrid.analysis.stacking import nested, nested_fits
from foldgrid.records import RunStore
from foldgrid.specs.fits import EpochRecord

CODES = [check.code for check in CATALOGUE]
CELL = ("vgg11", 1)
QUICK: dict[str, Any] = {"num_folds": 3, "num_subjects": 8, "num_visits": 2}


def check_all(store: RunStore) -> dict[str, CheckResult]:
    report = run_checks(store)
    assert [result.code for result in report.results] == CODES, "every check always runs"
    return {result.code: result for result in report.results}


def look(store: RunStore, code: str) -> CheckResult:
    """One check alone: refitting the meta-learners takes its time."""
    [check] = [each for each in CATALOGUE if each.code == code]
    return check.run(read_contents(store))


def not_passed(results: dict[str, CheckResult]) -> dict[str, str]:
    return {code: each.status for code, each in results.items() if each.status != "passed"}


def test_codes_are_unique_sorted_and_explained() -> None:
    assert sorted(set(CODES)) == CODES
    for check in CATALOGUE:
        assert check.words.meaning
        assert check.words.advice
        assert check.words.looks_at


def test_a_sound_run_passes_and_what_was_not_looked_at_is_said(make_run: Any) -> None:
    fake = make_run(**QUICK)
    store = fake.write()
    results = check_all(store)
    silent = ("FG104", "FG307", "FG308", "FG501")
    assert not_passed(results) == dict.fromkeys(silent, "not applicable")
    assert results["FG501"].evidence.endswith("foldgrid launch tiny --canary shuffled_scores")
    names = fake.split["sample"].tolist()
    store.write_photos(pd.DataFrame({"sample": names, "position": 0, "photo": range(len(names))}))
    assert look(store, "FG104").status == "passed"


def put_on_both_sides(fake: Any) -> None:
    fake.split.loc[fake.split["sample"] == "s05-v1-trunk", "partition"] = "test"


def cut_by_folds(fake: Any) -> None:
    fake.split.loc[fake.split["sample"] == "s05-v1-trunk", "fold"] = 1


def list_twice(fake: Any) -> None:
    fake.split = pd.concat([fake.split, fake.split.tail(1)])


def train_elsewhere(fake: Any) -> None:
    plain = fake.config
    other = {"split_fingerprint": "91bc07"}
    fake.config = lambda *cell: (
        plain(*cell).model_copy(update=other) if cell == CELL else plain(*cell)
    )


def plan_other_folds(fake: Any) -> None:
    del fake.predictions["vgg11", 2]


def hold_out_others(fake: Any) -> None:
    table = fake.predictions[CELL]
    stray = fake.predictions["vgg11", 2].query("partition == 'oof'").head(1)
    fake.predictions[CELL] = pd.concat([table, stray])


def predict_twice(fake: Any) -> None:
    table = fake.predictions[CELL]
    fake.predictions[CELL] = pd.concat([table, table[table["partition"] == "oof"].head(1)])


def forget_a_sample(fake: Any) -> None:
    table = fake.predictions[CELL]
    fake.predictions[CELL] = table.drop(table.index[table["partition"] == "oof"][0])


def forget_a_test_sample(fake: Any) -> None:
    table = fake.predictions[CELL]
    fake.predictions[CELL] = table.drop(table.index[table["partition"] == "test"][0])


def score_otherwise(fake: Any) -> None:
    fake.predictions[CELL].loc[0, "erythema"] += 1


def say_the_same(fake: Any) -> None:
    columns = [name for name in fake.predictions[CELL] if name.startswith("predicted_")]
    fake.predictions[CELL].loc[:, columns] = 1.5


def miss(fake: Any) -> None:
    fake.unfinished.add(CELL)


def diverge(fake: Any) -> None:
    fake.diverged.add(CELL)


def monitor_the_fold(fake: Any) -> None:
    fake.policy = "held_out_fold"


def not_finite(fake: Any) -> None:
    fake.predictions[CELL].loc[0, "predicted_scaling"] = float("nan")


def lose_a_column(fake: Any) -> None:
    del fake.predictions[CELL]["predicted_scaling"]


BREACHES = [
    (put_on_both_sides, "FG101", "failed", ["subject s05", "two sides of the split: test, train"]),
    (cut_by_folds, "FG102", "failed", ["subject s05"]),
    (list_twice, "FG103", "failed", ["s07-v1-"]),
    (train_elsewhere, "FG105", "failed", ["vgg11-fold1", "91bc07"]),
    (not_finite, "FG201", "failed", ["vgg11 fold 1", "not finite"]),
    (lose_a_column, "FG201", "failed", ["vgg11 fold 1", "predicted_scaling"]),
    (miss, "FG202", "warning", ["vgg11 fold 1", "not trained"]),
    (diverge, "FG203", "warning", ["vgg11 fold 1", "finite"]),
    (train_elsewhere, "FG204", "failed", ["split_fingerprint", "91bc07: 1 fit (vgg11 fold 1)"]),
    (plan_other_folds, "FG205", "failed", ["vgg11", "2 folds"]),
    (hold_out_others, "FG205", "failed", ["fold 1", "vgg11", "held out other samples"]),
    (predict_twice, "FG301", "failed", ["vgg11 fold 1", "more than once"]),
    (forget_a_sample, "FG301", "failed", ["vgg11 fold 1", "did not predict 1 sample"]),
    (hold_out_others, "FG301", "failed", ["vgg11 fold 1", "a fold that it trained on"]),
    (forget_a_test_sample, "FG302", "failed", ["vgg11 fold 1", "1 sample"]),
    (score_otherwise, "FG303", "failed", ["vgg11 fold 1", "another truth"]),
    (say_the_same, "FG304", "warning", ["vgg11 fold 1", "1%"]),
    (monitor_the_fold, "FG401", "warning", ["9 of 9 fits"]),
]


@pytest.mark.parametrize(("break_it", "code", "status", "names"), BREACHES)
def test_a_breach_is_found_named_and_explained(
    make_run: Any, break_it: Callable[[Any], None], code: str, status: str, names: list[str]
) -> None:
    fake = make_run(**QUICK)
    break_it(fake)
    result = look(fake.write(), code)
    assert result.status == status
    reported = " ".join((result.evidence, *result.places))
    assert all(name in reported for name in names), reported
    assert result.meaning
    assert result.mend


def test_an_earlier_failure_hides_no_later_one(make_run: Any) -> None:
    fake = make_run(**QUICK)
    for break_it in (cut_by_folds, predict_twice, score_otherwise, monitor_the_fold):
        break_it(fake)
    fake.predictions["resnet18", 0].loc[0, "predicted_scaling"] = float("inf")
    results = check_all(fake.write())
    found = {code for code, each in results.items() if each.status in ("failed", "warning")}
    assert found >= {"FG102", "FG201", "FG301", "FG303", "FG401"}


def test_a_photograph_under_two_subjects_is_found(make_run: Any) -> None:
    fake = make_run(**QUICK)
    store = fake.write()
    names = fake.split["sample"].tolist()
    photos = pd.DataFrame({"sample": names, "position": 0, "photo": range(len(names))})
    photos.loc[photos["sample"] == "s07-v0-trunk", "photo"] = 0
    # A copy under one subject is no breach: no split can part it from itself.
    photos.loc[photos["sample"] == "s03-v1-trunk", "photo"] = photos.loc[
        photos["sample"] == "s03-v0-trunk", "photo"
    ].item()
    store.write_photos(photos)
    result = look(store, "FG104")
    assert result.status == "failed"
    assert len(result.places) == 1
    assert "s00 and s07" in result.places[0]


def test_near_copies_under_two_subjects_are_found_among_mosaics(make_run: Any) -> None:
    fake = make_run(**QUICK)
    store = fake.write()
    names = fake.split["sample"].tolist()
    photos = pd.DataFrame({"sample": names, "position": 0, "photo": range(len(names))})
    photos["picture"] = photos["photo"].where(photos["sample"] != "s07-v0-trunk", 0)
    store.write_photos(photos)
    result = look(store, "FG104")
    assert (result.status, len(result.places)) == ("failed", 1)
    assert "near copies under the subjects s00 and s07" in result.places[0]


def cut_short(folder: Any, file: str) -> None:
    path = folder / file
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("corruption", "reported", "lost"),
    [
        (lambda run: cut_short(run, "split.parquet"), "split.parquet", {"FG101", "FG301"}),
        (lambda run: (run / "split.parquet").unlink(), "is missing", {"FG102", "FG302"}),
        (lambda run: (run / "plan.json").write_text("{}"), "plan.json", {"FG202", "FG402"}),
        (lambda run: (run / "plan.json").write_text("{"), "plan.json", {"FG202", "FG301"}),
    ],
)
def test_a_corrupt_file_costs_the_checks_that_need_it(
    make_run: Any, corruption: Callable[[Any], None], reported: str, lost: set[str]
) -> None:
    fake = make_run(**QUICK)
    store = fake.write()
    corruption(fake.folder)
    results = check_all(store)
    assert results["FG201"].status == "failed"
    assert reported in " ".join(results["FG201"].places)
    assert {results[code].status for code in lost} == {"not applicable"}


@pytest.mark.parametrize("file", ["fit.json", "predictions.parquet"])
def test_a_corrupt_fit_is_named_and_only_its_learner_is_left_out(make_run: Any, file: str) -> None:
    from foldgrid.analysis.predictions.predictions import read_prediction_table

    fake = make_run(**QUICK)
    store = fake.write()
    cut_short(fake.folder / "fits" / fake.config(*CELL).fit_id, file)
    result = look(store, "FG201")
    assert result.status == "failed"
    assert any("vgg11 fold 1" in place and file in place for place in result.places)
    assert list(read_prediction_table(store).oof) == ["resnet18", "shufflenet_v2_x0_5"]


def test_a_search_has_no_plan_and_that_is_no_corruption(make_run: Any) -> None:
    fake = make_run(**QUICK)
    store = fake.write()
    (fake.folder / "plan.json").unlink()
    store.write_json("search/plan.json", {})
    results = check_all(store)
    assert results["FG201"].status == "not applicable"
    assert results["FG202"].status == "not applicable"
    assert results["FG101"].status == "passed"


def test_records_of_another_fit_and_torn_histories_are_found(make_run: Any) -> None:
    fake = make_run(**QUICK)
    store = fake.write()
    here, there = fake.config(*CELL).fit_id, fake.config("vgg11", 2).fit_id
    path = fake.folder / "fits" / here / "fit.json"
    path.write_bytes((fake.folder / "fits" / there / "fit.json").read_bytes())
    epoch = EpochRecord(
        epoch=1, learning_rate=0.1, train_loss=1, validation_loss=1, is_best=True, wall_seconds=1
    )
    store.fit(fake.config("vgg11", 0).fit_id).append_epoch(epoch)
    places = look(store, "FG201").places
    assert any("vgg11 fold 1" in each and f"another fit, {there}" in each for each in places)
    assert any("vgg11 fold 0" in each and "1 of 3 epochs" in each for each in places)


def fit_on_everything(table: Any, *_: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stack as one finds it in the wild: fitted on all OOF predictions, judged on the same."""
    from sklearn.linear_model import LinearRegression

    truth = table.train_samples["reference"]
    model = LinearRegression().fit(table.oof.to_numpy(), truth)
    return (
        pd.DataFrame({"leaky": model.predict(table.oof.to_numpy())}, index=table.oof.index),
        pd.DataFrame({"leaky": model.predict(table.test.to_numpy())}, index=table.test.index),
    )


def centre_by_the_test_set(table: Any, *_: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stack that calibrates on the test set's own predictions."""
    oof, test = nested_stack(table)
    return oof, test - test.mean() + table.train_samples["reference"].mean()


def tune_on_the_test_scores(table: Any, *_: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A stack that shifts itself so that the test scores fit."""
    oof, test = nested_stack(table)
    return oof + table.test_samples["reference"].mean() - test.mean(), test


nested_stack = nested.stack


@pytest.mark.parametrize(
    ("stack", "code"),
    [
        (fit_on_everything, "FG402"),
        (centre_by_the_test_set, "FG403"),
        (tune_on_the_test_scores, "FG403"),
    ],
)
def test_a_meta_learner_that_looks_is_caught(
    make_run: Any, monkeypatch: pytest.MonkeyPatch, stack: Any, code: str
) -> None:
    fake = make_run(**QUICK)
    monkeypatch.setattr(nested, "stack", stack)
    result = look(fake.write(), code)
    assert result.status == "failed"
    assert result.places


def test_a_stack_that_reads_a_fold_from_the_other_fits_is_caught(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_run(**QUICK).write()
    assert look(store, "FG402").status == "passed"
    monkeypatch.setattr(nested_fits, "levelled", lambda values, *_, **__: values)
    result = look(store, "FG402")
    assert result.status == "failed"
    assert "find skill in nothing" in result.evidence
    assert any("least_squares_w_intercept" in place for place in result.places)


def test_nothing_trained_is_not_applicable_and_not_passed(make_run: Any) -> None:
    fake = make_run(**QUICK)
    fake.unfinished |= set(fake.predictions)
    results = check_all(fake.write())
    assert results["FG202"].status == "warning"
    looked_at_fits = set(CODES) - {"FG101", "FG102", "FG103", "FG202", "FG205"}
    assert {results[code].status for code in looked_at_fits} == {"not applicable"}
