"""Every law of honest stacking broken in turn: the message names who, which fold, what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from foldgrid.analysis.predictions.predictions import read_prediction_table
from foldgrid.specs.errors import SweepError

CELL = ("vgg11", 1)


def rows_of(fake: Any, partition: str) -> pd.DataFrame:
    table = fake.predictions[CELL]
    return table[table["partition"] == partition]


def predict_twice(fake: Any) -> None:
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], rows_of(fake, "oof").head(1)])


def predict_test_twice(fake: Any) -> None:
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], rows_of(fake, "test").head(1)])


def forget_samples(fake: Any) -> None:
    fake.predictions[CELL] = fake.predictions[CELL].drop(rows_of(fake, "oof").index[:2])


def forget_test_samples(fake: Any) -> None:
    fake.predictions[CELL] = fake.predictions[CELL].drop(rows_of(fake, "test").index[:4])


def predict_another_fold(fake: Any) -> None:
    stray = fake.predictions["vgg11", 2].query("partition == 'oof'").head(1)
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], stray])


def predict_test_subjects(fake: Any) -> None:
    stray = rows_of(fake, "test").head(1).assign(partition="oof")
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], stray])


def predict_a_stranger(fake: Any) -> None:
    stray = rows_of(fake, "oof").head(1).assign(sample="s99-v0-trunk")
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], stray])


def train_on_test(fake: Any) -> None:
    stray = rows_of(fake, "oof").head(1).assign(partition="test")
    fake.predictions[CELL] = pd.concat([fake.predictions[CELL], stray])


def score_otherwise(fake: Any) -> None:
    index = rows_of(fake, "test").index[0]
    fake.predictions[CELL].loc[index, "erythema"] += 1


def cut_a_subject_by_the_folds(fake: Any) -> None:
    fake.split.loc[fake.split["sample"] == "s05-v1-trunk", "fold"] = 0


def put_a_subject_on_both_sides(fake: Any) -> None:
    fake.split.loc[fake.split["sample"] == "s05-v1-trunk", "partition"] = "test"


def list_a_sample_twice(fake: Any) -> None:
    fake.split = pd.concat([fake.split, fake.split.tail(1)])


def name_an_unknown_region(fake: Any) -> None:
    fake.split.loc[fake.split["sample"] == "s05-v1-trunk", "region"] = "elbow"


def lose_a_fold(fake: Any) -> None:
    fake.split.loc[fake.split["subject"] == "s05", "fold"] = -1


def mix_budgets(fake: Any) -> None:
    plain = fake.config
    fake.config = lambda backbone, fold: (
        plain(backbone, fold).model_copy(update={"split_fingerprint": "91bc07"})
        if (backbone, fold) == CELL
        else plain(backbone, fold)
    )


@pytest.mark.parametrize(
    ("breach", "names"),
    [
        (predict_twice, ["vgg11 fold 1", "more than once", "s03-v0-"]),
        (predict_test_twice, ["vgg11 fold 1", "test samples more than once", "s00-v0-"]),
        (forget_samples, ["vgg11 fold 1", "did not predict 2 samples", "s03-v0-"]),
        (forget_test_samples, ["vgg11 fold 1", "4 samples", "s00-v0-", ", ...", "test"]),
        (predict_another_fold, ["vgg11 fold 1", "a fold that it trained on", "s04-v0-"]),
        (predict_test_subjects, ["vgg11 fold 1", "belong to test subjects", "s00-v0-"]),
        (predict_a_stranger, ["vgg11 fold 1", "split does not hold", "s99-v0-trunk"]),
        (train_on_test, ["vgg11 fold 1", "test predictions", "training subjects", "s03-v0-"]),
        (score_otherwise, ["vgg11 fold 1", "another truth", "s00-v0-"]),
        (cut_a_subject_by_the_folds, ["split", "subject s05", "cut by the folds"]),
        (put_a_subject_on_both_sides, ["split", "subject s05", "two sides"]),
        (list_a_sample_twice, ["split", "listed more than once", "s11-v2-"]),
        (name_an_unknown_region, ["split", "unknown region", "s05-v1-trunk", "head_neck"]),
        (lose_a_fold, ["split", "9 samples", "without a fold", "s05-v0-"]),
        (mix_budgets, ["split_fingerprint", "differs", "91bc07: 1 fit (vgg11 fold 1)"]),
    ],
)
def test_a_broken_rule_is_named(
    make_run: Any, breach: Callable[[Any], None], names: list[str]
) -> None:
    fake = make_run()
    breach(fake)
    with pytest.raises(SweepError) as caught:
        read_prediction_table(fake.write())
    message = str(caught.value)
    assert all(name in message for name in names), message
    assert "launch the sweep again" in message


def test_all_breaches_are_reported_at_once(make_run: Any) -> None:
    fake = make_run()
    predict_twice(fake)
    forget_test_samples(fake)
    fake.predictions["resnet18", 0] = fake.predictions["resnet18", 0].iloc[1:]
    with pytest.raises(SweepError, match="3 problems"):
        read_prediction_table(fake.write())


def test_an_incomplete_learner_cannot_break_a_rule(make_run: Any) -> None:
    fake = make_run()
    predict_twice(fake)
    fake.unfinished.add(("vgg11", 3))
    assert list(read_prediction_table(fake.write()).oof) == ["resnet18", "shufflenet_v2_x0_5"]
