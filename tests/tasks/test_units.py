"""Units, their truth and what models said of them: one number, or a probability for each class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from foldgrid.tasks.classification.scoring import ClassScoring
from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tasks.pasi.arithmetic import SCORES, composite_score, pasi
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.scoring import by_model, evaluated_units
from foldgrid.tasks.units import (
    UNIT_COLUMNS,
    UnitName,
    UnitTable,
    beside,
    model_names,
    with_columns,
)

REGIONS = ("lower_extremities", "trunk", "upper_extremities")
CLASSES = ("early", "late", "normal")
names = st.lists(st.text("abcxyz_0", min_size=1, max_size=6), min_size=1, max_size=4, unique=True)


@st.composite
def said(draw: st.DrawFn, num_classes: int) -> dict[str, np.ndarray]:
    """By model, in no particular order of names, numbers (U,) or probabilities (U, K)."""
    num_units = draw(st.integers(0, 6))
    shape = (num_units,) if num_classes == 1 else (num_units, num_classes)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return {name: random.random(shape) for name in draw(names)}


def as_frames(predicted: dict[str, np.ndarray]) -> dict[str, pd.DataFrame]:
    columns = list(CLASSES)
    return {
        name: pd.DataFrame({"value": values})
        if values.ndim == 1
        else pd.DataFrame(values, columns=columns)
        for name, values in predicted.items()
    }


@pytest.mark.parametrize("num_classes", [1, 3])
@given(data=st.data())
def test_what_goes_in_by_model_comes_out_by_model(num_classes: int, data: st.DataObject) -> None:
    predicted = data.draw(said(num_classes))
    table = by_model(as_frames(predicted))
    assert table.columns.nlevels == (1 if num_classes == 1 else 2)
    assert model_names(table) == tuple(predicted), "in the order in which they were given"
    num_units = len(table)
    units = pd.DataFrame({"subject": ["s"] * num_units, "reference": np.zeros(num_units)})
    found = UnitTable(units, table)
    assert found.models == tuple(predicted)
    assert (found.num_units, found.num_subjects) == (num_units, min(num_units, 1))
    for name, values in predicted.items():
        np.testing.assert_array_equal(found.predicted_by(name), values)


@pytest.mark.parametrize("num_classes", [1, 3])
@given(data=st.data())
def test_a_further_model_stands_last_and_changes_no_other(
    num_classes: int, data: st.DataObject
) -> None:
    predicted = data.draw(said(num_classes))
    before = by_model(as_frames(predicted))
    kept = before.copy()
    shape = next(iter(predicted.values())).shape
    further = data.draw(arrays(np.float64, shape, elements=st.floats(0, 1)))
    after = with_columns(before, "Further", further)
    assert model_names(after) == (*predicted, "Further")
    pd.testing.assert_frame_equal(before, kept)
    pd.testing.assert_frame_equal(after[list(predicted)], before)
    units = pd.DataFrame({"subject": ["s"] * len(before), "reference": np.zeros(len(before))})
    table = UnitTable(units, before, num_left_out=3).with_model("Further", further)
    assert table.num_left_out == 3
    np.testing.assert_array_equal(table.predicted_by("Further"), further)
    assert list(table.predicted.columns) == list(after.columns)


@pytest.mark.parametrize("num_classes", [1, 3])
@given(data=st.data())
def test_two_tables_stand_beside_each_other(num_classes: int, data: st.DataObject) -> None:
    predicted = data.draw(said(num_classes))
    table = by_model(as_frames(predicted))
    others = by_model(
        as_frames({f"Meta{place}": 1 - each for place, each in enumerate(predicted.values())})
    )
    both = beside(table, others)
    assert model_names(both) == (*model_names(table), *model_names(others))
    np.testing.assert_array_equal(both.to_numpy(), np.hstack([table.to_numpy(), others.to_numpy()]))
    pd.testing.assert_frame_equal(beside(table, pd.DataFrame(index=table.index)), table)


def test_no_model_has_no_name() -> None:
    assert model_names(pd.DataFrame(index=range(3))) == ()


def test_a_unit_name_counts() -> None:
    assert [UnitName("visit", "visits").count(number) for number in (0, 1, 2, 1234)] == [
        "0 visits",
        "1 visit",
        "2 visits",
        "1,234 visits",
    ]


@st.composite
def regions_of_visits(draw: st.DrawFn) -> pd.DataFrame:
    """Samples in any order, some visits without one of the regions, at least one complete."""
    num_visits = draw(st.integers(1, 5))
    gone = draw(st.sets(st.tuples(st.integers(1, 5), st.sampled_from(REGIONS)), max_size=4))
    rows = [
        {
            "subject": f"s{visit // 2}",
            "visit": f"v{visit % 2}",
            "day": 7.0 * visit,
            "region": region,
        }
        for visit in range(num_visits)
        for region in REGIONS
        if (visit, region) not in gone
    ]
    table = pd.DataFrame(rows)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    for name in SCORES:
        table[name] = random.integers(0, 5, len(table))
    table["fold"] = table["subject"].str[1:].astype(int) % 2
    table["sample"] = table["subject"] + table["visit"] + table["region"]
    return table.iloc[random.permutation(len(table))].reset_index(drop=True)


@given(samples=regions_of_visits(), seed=st.integers(0, 99))
def test_a_visit_is_the_sum_of_its_regions_and_needs_them_all(
    samples: pd.DataFrame, seed: int
) -> None:
    scoring = PasiScoring(PasiSpec())
    outputs_NK = np.random.default_rng(seed).normal(2, 2, (len(samples), 4)).astype(np.float32)
    table = evaluated_units(scoring, samples, outputs_NK)
    by_visit = samples.groupby(["subject", "visit"])
    complete = [key for key, group in by_visit if len(group) == len(REGIONS)]
    assert set(UNIT_COLUMNS) <= set(table.units)
    assert list(zip(table.units["subject"], table.units["visit"], strict=True)) == complete
    assert (table.units["unit"] == table.units["visit"]).all()
    assert table.num_left_out == by_visit.ngroups - len(complete)
    assert table.models == ("predicted",)
    for place, key in enumerate(complete):
        rows = by_visit.get_group(key)
        truth = {
            row.region: composite_score(*(getattr(row, each) for each in SCORES))
            for row in rows.itertuples()
        }
        said = {
            row.region: composite_score(*outputs_NK[row.Index].astype(float), clip=True)
            for row in rows.itertuples()
        }
        assert table.reference[place] == pytest.approx(float(pasi(truth)))
        assert table.predicted_by("predicted")[place] == pytest.approx(float(pasi(said)))
        assert table.units["fold"][place] == rows["fold"].iloc[0]


@given(labels=st.lists(st.sampled_from(CLASSES), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_a_photograph_is_a_unit_of_its_own(labels: list[str], seed: int) -> None:
    scoring = ClassScoring(ClassificationSpec(classes={name: (name,) for name in CLASSES}))
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    samples = pd.DataFrame(
        {
            "sample": [f"p{place}" for place in order],
            "subject": [f"s{place // 2}" for place in order],
            "fold": [pd.NA if place == 0 else place % 3 for place in order],
            "label": labels,
        }
    )
    outputs_NK = random.normal(0, 3, (len(labels), 3)).astype(np.float32)
    table = evaluated_units(scoring, samples, outputs_NK)
    assert table.units["unit"].tolist() == sorted(samples["sample"]), "by subject, then by name"
    assert table.units["fold"].dtype == np.int64
    assert table.units.loc[table.units["unit"] == "p0", "fold"].tolist() == [-1]
    assert (table.num_left_out, table.num_subjects) == (0, samples["subject"].nunique())
    assert [CLASSES[index] for index in table.reference] == [
        labels[list(samples["sample"]).index(unit)] for unit in table.units["unit"]
    ]
    exact = np.exp(outputs_NK.astype(np.float64))
    exact /= exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(table.predicted_by("predicted"), exact[np.argsort(order)])
    assert list(table.predicted.columns.get_level_values(1)) == list(CLASSES)
