"""Majorities of raters: who is heard, who wins a tie, and what more opinions change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.simulation.source import survey_data
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings
from foldgrid.tasks.classification.annotations import majority_label, translate_annotations

GRADES = st.sampled_from(["0", "1", "2", "10", "unsure", "", np.nan, None])
TABLES = st.integers(1, 6).flatmap(
    lambda raters: st.lists(
        st.lists(GRADES, min_size=raters, max_size=raters), min_size=1, max_size=8
    )
)
NAMES = st.lists(st.text("abc/0", min_size=1, max_size=4), min_size=8, max_size=8, unique=True)


def given_in(row: list[object]) -> list[str]:
    return [str(grade) for grade in row if isinstance(grade, str) and grade]


@given(TABLES, NAMES, st.integers(1, 7) | st.none())
def test_the_label_is_an_opinion_that_no_other_outnumbers(
    table: list[list[object]], names: list[str], num_raters: int | None
) -> None:
    labels = majority_label(np.array(table, dtype=object), num_raters, names[: len(table)])
    for row, label in zip(table, labels, strict=True):
        grades = given_in(row)
        assert (label == "") == (not grades)
        if not grades:
            continue
        assert label in grades
        if num_raters is None or num_raters >= len(grades):
            assert grades.count(label) == max(map(grades.count, grades))


@given(TABLES, NAMES, st.integers(1, 7), st.randoms())
def test_a_photographs_label_depends_on_its_own_name_and_annotations_alone(
    table: list[list[object]], names: list[str], num_raters: int, random: object
) -> None:
    names = names[: len(table)]
    together = majority_label(np.array(table, dtype=object), num_raters, names)
    for row, name, label in zip(table, names, together, strict=True):
        assert majority_label(np.array([row], dtype=object), num_raters, [name])[0] == label


@given(TABLES, NAMES)
def test_as_many_as_there_are_is_all(table: list[list[object]], names: list[str]) -> None:
    array, names = np.array(table, dtype=object), names[: len(table)]
    every = majority_label(array, None, names)
    assert (majority_label(array, array.shape[1], names) == every).all()


def test_opinions_are_added_and_never_exchanged() -> None:
    """With all grades unlike and ties upward, the label is the highest of those heard so far."""
    table = np.array([["0", "1", "2", "3", "4"]] * 200, dtype=object)
    names = [f"P{number}/1" for number in range(200)]
    highest = np.array([majority_label(table, n, names).astype(int) for n in range(1, 6)])
    assert (np.diff(highest, axis=0) >= 0).all()
    assert (highest[-1] == 4).all()
    first = np.bincount(highest[0], minlength=5)
    # Each rater is the first for a fifth of the photographs, give or take 4 standard errors.
    assert (abs(first - 40) < 4 * np.sqrt(200 * 0.2 * 0.8)).all()


def test_ties_go_up_or_down_by_value_or_by_the_order_given() -> None:
    table = np.array([["10", "9", "9", "10"], ["b", "a", "10", ""]], dtype=object)
    assert majority_label(table, None, ["x", "y"]).tolist() == ["10", "b"]
    assert majority_label(table, None, ["x", "y"], ties="downward").tolist() == ["9", "10"]
    order = ["10", "b", "a", "9"]
    assert majority_label(table, None, ["x", "y"], order=order).tolist() == ["9", "a"]


def test_what_cannot_be_counted_is_refused() -> None:
    table = np.array([["0", "1"]], dtype=object)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        majority_label(table, 0, ["a"])
    with pytest.raises(ValueError, match=r"shape \(1, 2\) for 2 photographs"):
        majority_label(table, 1, ["a", "b"])
    with pytest.raises(ValueError, match="the order of annotations lacks 1"):
        majority_label(table, 1, ["a"], order=["0"])
    with pytest.raises(ValueError, match="no class is given for the annotations 1"):
        translate_annotations(table, {"0": "well"})


def test_the_simulated_raters_give_the_simulated_label(tmp_path: Path) -> None:
    study = StudySettings(study="referable_dr", num_subjects=20, photo_width=32, photo_height=32)
    survey = survey_data(DataSpec(synthetic=study), tmp_path, photographs="single")
    columns = [name for name in survey.target_columns if name.startswith("grade_")]
    classes = {str(grade): "referable" if grade >= 2 else "not_referable" for grade in range(5)}
    votes = translate_annotations(survey.samples[columns].to_numpy(), classes)
    names = survey.samples["sample"].tolist()
    order = ["not_referable", "referable"]
    labels = majority_label(votes, None, names, order=order)
    assert labels.tolist() == survey.samples["label"].tolist()
    agreed = [
        (majority_label(votes, number, names, order=order) == labels).mean() for number in (1, 5)
    ]
    assert agreed[0] < agreed[1] == 1
