"""In what two grounds differ, and how that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.data.sample_table import SINGLE
from foldgrid.launching.planning.changes import (
    Difference,
    InputChanges,
    RecordedInputs,
    compare,
    compare_inputs,
    deciding_settings,
    targets_of,
)
from foldgrid.launching.planning.changes_text import describe_changes
from foldgrid.launching.planning.recorded_inputs import Results
from foldgrid.tasks.pasi.arithmetic import SCORES

NAMES = st.text("abc", min_size=1, max_size=3)
WORDS = st.dictionaries(NAMES, NAMES)
INPUTS = st.builds(
    RecordedInputs,
    settings=st.none() | WORDS,
    backbones=st.none() | st.lists(NAMES, unique=True).map(tuple),
    targets=st.none() | st.dictionaries(NAMES, st.tuples(st.integers(0, 4), st.integers(0, 6))),
    photos=st.none() | st.dictionaries(st.tuples(NAMES, st.integers(0, 3)), NAMES),
    sides=st.none() | WORDS,
    weights=st.none() | WORDS,
    versions=st.none() | WORDS,
)
ALL_KEPT = Results("fit", num_before=4, num_kept=4, num_found=0, num_left=0)
ALL_ANEW = Results("fit", num_before=4, num_kept=0, num_found=0, num_left=4)


@given(INPUTS)
def test_nothing_changed_is_nothing_said(ground: RecordedInputs) -> None:
    changes = compare_inputs(ground, ground)
    assert changes == InputChanges()
    assert describe_changes(changes, ALL_KEPT) == []


@given(INPUTS)
def test_what_is_not_known_is_no_difference(ground: RecordedInputs) -> None:
    assert compare_inputs(RecordedInputs(), ground) == InputChanges()
    assert compare_inputs(ground, RecordedInputs()) == InputChanges()


@given(st.dictionaries(NAMES, NAMES), st.dictionaries(NAMES, NAMES))
def test_every_key_is_in_one_place_and_the_way_back_is_the_mirror(
    before: dict[str, str], now: dict[str, str]
) -> None:
    there = compare(before, now)
    same = {key for key in before if now.get(key) == before[key]}
    parts = [set(there.changed), set(there.came), set(there.went), same]
    assert sum(map(len, parts)) == len(before.keys() | now.keys())
    back = compare(now, before)
    assert (set(back.came), set(back.went)) == (set(there.went), set(there.came))
    assert set(back.changed) == set(there.changed)
    assert bool(there) == (before != now)


@given(INPUTS, INPUTS)
def test_whatever_changed_is_reported(before: RecordedInputs, now: RecordedInputs) -> None:
    changes = compare_inputs(before, now)
    rows = describe_changes(changes, ALL_ANEW)
    reported = "\n".join(words for _, words in rows)
    assert rows[0][0] == "changed"
    assert "4 finished fits belong to what was before" in reported
    assert (len(rows) > 2) == (changes != InputChanges())
    for key, *_ in changes.settings[:12]:
        assert f"  {key}" in reported


BEFORE = RecordedInputs(
    settings={"training.learning_rate": "0.001", "seed": "0"},
    backbones=("a", "b"),
    targets={"S1/V1/trunk": (1, 2, 3, 4), "S2/V1/trunk": (0, 0, 0, 0)},
    photos={("S1/V1/trunk", 0): "12ab", ("S1/V1/trunk", 1): "34cd", ("S2/V1/trunk", 0): "56ef"},
    sides={"S1": "fold 0", "S2": "test"},
    weights={"a": "1"},
    versions={"torch": "2.13.0"},
)


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (
            {"settings": {"training.learning_rate": "0.003", "seed": "0"}},
            "training.learning_rate   0.001 -> 0.003",
        ),
        ({"backbones": ("a", "c")}, "1 backbone (c) came"),
        (
            {"targets": {"S1/V1/trunk": (1, 2, 3, 0), "S2/V1/trunk": (0, 0, 0, 0)}},
            "1 sample (S1/V1/trunk) with other scores",
        ),
        (
            {"photos": {**(BEFORE.photos or {}), ("S1/V1/trunk", 1): "ffff"}},
            "1 photograph (S1/V1/trunk 2) with another content",
        ),
        (
            {"sides": {"S1": "fold 1", "S2": "test"}},
            "split: 1 subject (S1: fold 0 -> fold 1) changed sides",
        ),
        ({"weights": {"a": "2"}}, "1 backbone (a) from other pre-trained weights"),
        ({"weights": {}}, "1 backbone (a) from random weights now"),
        ({"versions": {"torch": "2.14.0"}}, "torch 2.13.0 -> 2.14.0"),
    ],
)
def test_each_kind_of_change_has_its_line(change: dict[str, Any], reported: str) -> None:
    changes = compare_inputs(BEFORE, replace(BEFORE, **change))
    rows = [words.strip() for _, words in describe_changes(changes, ALL_ANEW)]
    assert reported in rows


def test_the_photographs_of_a_sample_that_went_are_not_reported_by_themselves() -> None:
    changes = compare_inputs(
        BEFORE,
        replace(
            BEFORE,
            targets={"S1/V1/trunk": (1, 2, 3, 4)},
            photos={key: value for key, value in (BEFORE.photos or {}).items() if "S1" in key[0]},
        ),
    )
    assert changes.samples == Difference(went=("S2/V1/trunk",))
    assert changes.photos == Difference()


def test_versions_make_no_new_fit() -> None:
    changes = compare_inputs(BEFORE, replace(BEFORE, versions={"torch": "2.14.0"}))
    (version,) = changes.versions
    assert changes == InputChanges(versions=(version,))
    some_left = Results("fit", num_before=96, num_kept=96, num_found=0, num_left=49)
    assert describe_changes(changes, some_left)[-1] == (
        "",
        "versions do not make a new fit: 96 fits by the old ones stay; what is still to be trained "
        "is by the new ones",
    )


def test_what_is_found_again_is_reported() -> None:
    back = Results("fit", num_before=4, num_kept=0, num_found=4, num_left=0)
    rows = describe_changes(compare_inputs(BEFORE, replace(BEFORE, settings={"seed": "1"})), back)
    assert rows[-1][1] == (
        "4 fits of earlier launches under just these settings are found again and count"
    )
    assert "nothing is to be trained" in rows[-2][1]


def test_where_it_is_not_known_what_changed_that_is_said() -> None:
    rows = describe_changes(InputChanges(), ALL_ANEW)
    assert "it does not say what" in rows[0][1]


def test_only_what_decides_a_fit_is_compared() -> None:
    sweep = {
        "title": "one",
        "keep": "best",
        "data": {"manifest": "here.csv", "tile_pixels": 32},
        "training": {"learning_rate": 1e-05, "plateau": {"patience": 3}, "nothing": None},
    }
    assert deciding_settings(sweep) == {
        "data.tile_pixels": "32",
        "training.learning_rate": "1e-05",
        "training.plateau.patience": "3",
    }


def test_changed_labels_are_called_labels() -> None:
    before = pd.DataFrame(
        {"sample": ["S1/1", "S2/1"], "label": ["a", "b"], "taxonomy": "", "grade_x": ["a", ""]}
    )
    now = before.assign(grade_x=["a", "b"])
    inputs = [RecordedInputs(targets=targets_of(table)) for table in (before, now)]
    changes = compare_inputs(*inputs)
    assert changes.samples.changed == ("S2/1",)
    reported = [words for _, words in describe_changes(changes, ALL_ANEW, SINGLE)]
    assert "  1 sample (S2/1) with other labels" in reported


def test_a_single_photograph_is_called_by_its_sample_and_one_of_several_by_its_place() -> None:
    inputs = [RecordedInputs(photos={("S1/C1/2", 0): digits}) for digits in ("00aa", "00ab")]
    changes = compare_inputs(*inputs)
    single = [words for _, words in describe_changes(changes, ALL_ANEW, SINGLE)]
    assert "  1 photograph (S1/C1/2) with another content" in single
    tile = [words for _, words in describe_changes(changes, ALL_ANEW)]
    assert "  1 photograph (S1/C1/2 1) with another content" in tile


def test_scores_read_back_are_the_scores_written() -> None:
    written = pd.DataFrame({"sample": ["S1/V1/trunk"], **dict.fromkeys(SCORES, 2)})
    assert targets_of(written) == {"S1/V1/trunk": (2, 2, 2, 2)}
    assert targets_of(written.astype(dict.fromkeys(SCORES, float))) == targets_of(written)
