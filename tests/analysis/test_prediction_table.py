from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foldgrid.analysis.evaluation import evaluate
from foldgrid.analysis.predictions.predictions import read_prediction_table
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.pasi.arithmetic import SCORES
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.pasi.spec import PasiSpec


def test_each_training_sample_gets_the_copy_that_held_it_out(make_run: Any) -> None:
    fake = make_run(output="composite")
    table = read_prediction_table(fake.write())
    train = fake.split[fake.split["partition"] == "train"]
    assert list(table.oof.index) == list(train["sample"])
    for row in train.itertuples():
        copy = fake.predictions["vgg11", row.fold].set_index("sample")
        raw = copy.loc[row.sample, "predicted_composite"]
        assert table.oof.loc[row.sample, "vgg11"] == np.clip(raw, 0, 72)


def test_a_test_sample_gets_the_mean_of_the_outputs_and_then_is_decoded(make_run: Any) -> None:
    fake = make_run(noise=3.0)  # loud enough to leave the scales
    table = read_prediction_table(fake.write())
    copies = [
        fake.predictions["resnet18", fold].query("partition == 'test'").set_index("sample")
        for fold in range(5)
    ]
    mean = sum(copy[[f"predicted_{name}" for name in SCORES]].astype(float) for copy in copies) / 5
    e, i, s, a = (
        mean[f"predicted_{name}"].clip(0, 6 if name == "involvement" else 4) for name in SCORES
    )
    np.testing.assert_allclose(table.test["resnet18"], ((e + i + s) * a).loc[table.test.index])


def test_the_physicians_composite_comes_from_the_targets(make_run: Any) -> None:
    fake = make_run()
    table = read_prediction_table(fake.write())
    expected = fake.scores["composite"].loc[table.samples.index]
    np.testing.assert_allclose(table.samples["reference"], expected)


def test_visits_computed_by_hand() -> None:
    samples = pd.DataFrame(
        [
            ("a1t", "a", 1, 0.0, "trunk", 0, 10.0),
            ("a1u", "a", 1, 0.0, "upper_extremities", 0, 20.0),
            ("a1l", "a", 1, 0.0, "lower_extremities", 0, 30.0),
            ("a2t", "a", 2, 9.0, "trunk", 0, 72.0),  # two regions were not photographed
            ("b1l", "b", 1, 0.0, "lower_extremities", 1, 5.0),
            ("b1t", "b", 1, 0.0, "trunk", 1, 0.0),
            ("b1u", "b", 1, 0.0, "upper_extremities", 1, 1.0),
        ],
        columns=["sample", "subject", "visit", "day", "region", "fold", "reference"],
    ).set_index("sample")
    predicted = pd.DataFrame({"twice": samples["reference"] * 2})
    body = frozenset({"upper_extremities", "trunk", "lower_extremities"})
    scored = PasiScoring(PasiSpec()).units(samples, predicted, body)
    assert scored.units["reference"].tolist() == pytest.approx([19.0, 2.2])
    assert scored.predicted["twice"].tolist() == pytest.approx([38.0, 4.4])
    assert scored.units["subject"].tolist() == ["a", "b"]
    assert (scored.num_units, scored.num_subjects, scored.num_left_out) == (2, 2, 1)


def test_head_and_neck_counts_where_it_was_photographed(make_run: Any) -> None:
    body = ("upper_extremities", "trunk", "lower_extremities", "head_neck")
    evaluation = evaluate(make_run(regions=body, num_folds=2).write())
    assert evaluation.parts == set(body)
    assert evaluation.oof.units["reference"].max() <= 72


def test_a_visit_without_a_region_is_left_out_and_counted(make_run: Any) -> None:
    fake = make_run(num_folds=2)
    gone = fake.split["sample"].isin(["s05-v1-trunk", "s00-v2-trunk"])
    fake.split = fake.split[~gone]
    for cell, table in fake.predictions.items():
        fake.predictions[cell] = table[table["sample"].isin(fake.split["sample"])]
    evaluation = evaluate(fake.write())
    assert (evaluation.oof.num_left_out, evaluation.test.num_left_out) == (1, 1)
    assert evaluation.oof.num_units == 10 * 3 - 1


def test_an_incomplete_base_learner_is_left_out_with_its_reason(make_run: Any) -> None:
    fake = make_run(backbones=("resnet18", "resnet34", "resnet50", "vgg11", "vgg13"))
    fake.unfinished |= {("resnet34", 1), ("resnet34", 3)}
    fake.diverged.add(("resnet50", 2))
    fake.predictions["vgg13", 0].loc[0, "predicted_scaling"] = np.nan
    table = read_prediction_table(fake.write())
    assert list(table.oof) == list(table.test) == ["resnet18", "vgg11"]
    assert {each.name: (each.folds, each.left_out) for each in table.learners} == {
        "resnet18": ("5/5", ""),
        "resnet34": ("3/5", "folds 1, 3 not trained yet"),
        "resnet50": ("4/5", "fold 2 diverged in epoch 3"),
        "vgg11": ("5/5", ""),
        "vgg13": ("4/5", "fold 0 predicted values that are not finite"),
    }


def test_nothing_complete_says_what_is_missing_and_which_command_trains(make_run: Any) -> None:
    fake = make_run(backbones=("resnet18", "vgg11"), num_folds=2)
    fake.unfinished |= {("resnet18", 0), ("vgg11", 0), ("vgg11", 1)}
    with pytest.raises(SweepError) as caught:
        read_prediction_table(fake.write())
    message = str(caught.value)
    assert "nothing can be ranked yet" in message
    assert "resnet18   1/2 folds   fold 0 not trained yet" in message
    assert "foldgrid launch tiny" in message


def test_a_folder_without_a_plan_is_answered(make_run: Any) -> None:
    store = make_run().write()
    store.root.remove("plan.json")
    with pytest.raises(SweepError, match="nothing was trained here yet"):
        read_prediction_table(store)


def test_the_order_in_which_fits_wrote_their_rows_does_not_matter(make_run: Any) -> None:
    fake = make_run()
    straight = read_prediction_table(fake.write())
    for seed, (cell, table) in zip(itertools.count(), fake.predictions.items()):
        fake.predictions[cell] = table.sample(frac=1, random_state=seed)
    shuffled = read_prediction_table(fake.write())
    pd.testing.assert_frame_equal(straight.oof, shuffled.oof)
    pd.testing.assert_frame_equal(straight.test, shuffled.test)
