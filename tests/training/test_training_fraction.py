"""A share of the training subjects: nested, stratified, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.training.training_data import nested_fraction

Arrays = tuple[np.ndarray, np.ndarray]


@st.composite
def samples(draw: st.DrawFn) -> Arrays:
    """The subject and the stratum of each sample; a subject may have several strata."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    subjects = np.repeat([f"s{number:02}" for number in range(len(sizes))], sizes).astype(object)
    strata = rng.integers(0, draw(st.integers(1, 4)), len(subjects)).astype(object)
    order = rng.permutation(len(subjects))
    return subjects[order], strata[order]


fractions = st.floats(0, 1, exclude_min=True)
seeds = st.integers(0, 2**31)


@given(samples(), fractions, fractions, seeds)
def test_a_smaller_fraction_is_a_part_of_a_larger(
    given_samples: Arrays, first: float, second: float, seed: int
) -> None:
    smaller, larger = (
        nested_fraction(*given_samples, fraction, seed) for fraction in sorted((first, second))
    )
    assert not (smaller & ~larger).any()


@given(samples(), fractions, seeds)
def test_subjects_are_whole_and_the_size_is_right_to_a_subject(
    given_samples: Arrays, fraction: float, seed: int
) -> None:
    subjects, _ = given_samples
    chosen = nested_fraction(*given_samples, fraction, seed)
    assert chosen.sum() >= min(2, len(subjects))
    for subject in set(subjects):
        assert len(set(chosen[subjects == subject])) == 1
    largest = max(np.unique(subjects, return_counts=True)[1])
    assert abs(chosen.sum() - fraction * len(subjects)) <= largest + 1


@given(samples(), seeds)
def test_the_whole_is_everybody(given_samples: Arrays, seed: int) -> None:
    assert nested_fraction(*given_samples, 1.0, seed).all()


@given(samples(), fractions, seeds)
def test_neither_the_order_of_the_samples_nor_another_call_changes_it(
    given_samples: Arrays, fraction: float, seed: int
) -> None:
    subjects, strata = given_samples
    order = np.random.default_rng(seed).permutation(len(subjects))
    chosen = nested_fraction(subjects, strata, fraction, seed)
    again = nested_fraction(subjects[order], strata[order], fraction, seed)
    assert chosen[order].tolist() == again.tolist()


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.8])
def test_every_stratum_is_represented_as_in_the_whole(fraction: float) -> None:
    subjects = np.arange(100).astype(object)
    strata = np.repeat(["common", "rare"], [80, 20]).astype(object)
    for seed in range(5):
        chosen = nested_fraction(subjects, strata, fraction, seed)
        assert chosen.sum() == 100 * fraction
        assert abs((strata[chosen] == "rare").sum() - 20 * fraction) <= 1


def test_another_seed_chooses_others() -> None:
    subjects, strata = np.arange(40).astype(object), np.zeros(40).astype(object)
    found = {tuple(nested_fraction(subjects, strata, 0.5, seed)) for seed in range(10)}
    assert len(found) == 10
