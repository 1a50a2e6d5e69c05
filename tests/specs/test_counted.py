"""How many of what, in words."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs import counted as module
from foldgrid.specs.counted import counted, several

NOUNS = ("subject", "base learner", "batch", "class", "copy", "epoch", "day", "box", "study")


def test_the_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


@given(number=st.integers(0, 10**9), unit_name=st.sampled_from(NOUNS))
def test_only_one_is_in_the_singular(number: int, unit_name: str) -> None:
    count, _, words = counted(number, unit_name).partition(" ")
    assert int(count.replace(",", "")) == number
    assert words == (unit_name if number == 1 else several(unit_name))
    assert counted(number, "datum", "data").endswith(" datum") == (number == 1)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("batch", "batches"), ("epoch", "epochs"), ("class", "classes"), ("copy", "copies"),
        ("day", "days"), ("box", "boxes"), ("branch", "branches"), ("a fit", "a fits"),
    ],
)  # fmt: skip
def test_plurals_are_regular(one: str, many: str) -> None:
    assert several(one) == many
