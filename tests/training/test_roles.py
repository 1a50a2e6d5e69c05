"""Which samples a fit trains on, watches and predicts: never two of them for one subject."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import InputError
from foldgrid.specs.recipe_parts import EarlyStopping
from foldgrid.training.training_data import Roles, TrainingData, assign_roles, fit_seed, roles_of
from tests.training.tiny_study import FAST, WITH_DROPOUT, make_config

HELD_OUT = EarlyStopping(policy="held_out_fold")
NOTHING_CHOSEN = EarlyStopping(policy="none")


@st.composite
def studies(draw: st.DrawFn) -> TrainingData:
    """Subjects with 1 to 6 samples each, in any order, every fold and the test set filled."""
    num_folds = draw(st.integers(3, 5))
    folds = [*range(-1, num_folds), *draw(st.lists(st.integers(-1, num_folds - 1), max_size=8))]
    sizes = draw(st.lists(st.integers(1, 6), min_size=len(folds), max_size=len(folds)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    subjects = np.repeat(np.arange(len(folds)), sizes)
    samples = pd.DataFrame({"subject": subjects, "fold": np.array(folds)[subjects]})
    samples["partition"] = np.where(samples["fold"] < 0, "test", "train")
    samples["scaling"] = rng.integers(0, 5, len(samples))
    samples = samples.iloc[rng.permutation(len(samples))].reset_index(drop=True)
    return TrainingData(np.zeros((len(samples), 2, 2, 3), np.uint8), samples, "scaling")


fractions = st.floats(0.05, 0.45)


def subjects(data: TrainingData, rows: np.ndarray) -> set[int]:
    return set(data.samples["subject"].iloc[rows])


def both_policies(data: TrainingData, fold: int, fraction: float) -> list[Roles]:
    inner = EarlyStopping(policy="inner_split", inner_fraction=fraction)
    return [assign_roles(data, fold, stopping, seed=3) for stopping in (inner, HELD_OUT)]


@given(studies(), st.integers(0, 2), fractions)
def test_what_is_predicted_is_the_fold_and_the_test_set(
    data: TrainingData, fold: int, fraction: float
) -> None:
    samples = data.samples
    for roles in both_policies(data, fold, fraction):
        assert roles.held_out.tolist() == samples.index[samples["fold"] == fold].tolist()
        assert roles.test.tolist() == samples.index[samples["partition"] == "test"].tolist()


@given(studies(), st.integers(0, 2), fractions)
def test_no_subject_is_trained_on_and_then_monitored_or_predicted(
    data: TrainingData, fold: int, fraction: float
) -> None:
    for roles in both_policies(data, fold, fraction):
        assert len(roles.train)
        assert len(roles.validation)
        trained = subjects(data, roles.train)
        for rows in (roles.validation, roles.held_out, roles.test):
            assert not trained & subjects(data, rows)


@given(studies(), st.integers(0, 2), fractions)
def test_every_sample_has_a_role_and_only_the_paper_s_policy_uses_one_twice(
    data: TrainingData, fold: int, fraction: float
) -> None:
    inner, paper = both_policies(data, fold, fraction)
    parts = [inner.train, inner.validation, inner.held_out, inner.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(data.samples)))
    assert paper.validation.tolist() == paper.held_out.tolist()
    parts = [paper.train, paper.held_out, paper.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(data.samples)))


@given(studies(), st.integers(0, 2), fractions)
def test_monitored_subjects_come_whole_from_the_training_folds(
    data: TrainingData, fold: int, fraction: float
) -> None:
    roles = both_policies(data, fold, fraction)[0]
    monitored = subjects(data, roles.validation)
    assert not monitored & subjects(data, roles.held_out)
    assert not monitored & subjects(data, roles.test)
    everywhere = np.flatnonzero(data.samples["subject"].isin(monitored))
    assert roles.validation.tolist() == everywhere.tolist()


@given(studies(), st.integers(0, 2), fractions)
def test_the_same_seed_gives_the_same_roles(data: TrainingData, fold: int, fraction: float) -> None:
    first, second = (both_policies(data, fold, fraction)[0] for _ in range(2))
    assert first.train.tolist() == second.train.tolist()


def test_a_study_too_small_to_monitor_anyone_is_refused_with_a_way_out() -> None:
    samples = pd.DataFrame({"subject": ["a", "b"], "fold": [0, 1], "scaling": [0, 0]})
    samples["partition"] = "train"
    data = TrainingData(np.zeros((2, 2, 2, 3), np.uint8), samples, "scaling")
    with pytest.raises(InputError, match="held_out_fold"):
        assign_roles(data, 0, EarlyStopping(), seed=0)
    assert assign_roles(data, 0, HELD_OUT, seed=0).train.tolist() == [1]


@given(studies(), st.integers(0, 2))
def test_where_nothing_is_chosen_all_other_folds_are_trained_on(
    data: TrainingData, fold: int
) -> None:
    roles = assign_roles(data, fold, NOTHING_CHOSEN, seed=0)
    monitored = assign_roles(data, fold, HELD_OUT, seed=0)
    assert roles.train.tolist() == monitored.train.tolist()
    assert roles.validation.tolist() == roles.held_out.tolist() == monitored.held_out.tolist()


@pytest.mark.parametrize("policy", ["inner_split", "held_out_fold"])
def test_a_fraction_of_the_subjects_changes_only_who_is_trained_on(
    policy: str, data: TrainingData
) -> None:
    def roles(fraction: float, backbone: str = FAST, **changes: int) -> Roles:
        stopping = {"policy": policy}
        config = make_config(
            backbone, training_fraction=fraction, early_stopping=stopping, **changes
        )
        return roles_of(data, config, fit_seed(config))

    whole, half, quarter = roles(1.0), roles(0.5), roles(0.25)
    assert set(quarter.train) < set(half.train) < set(whole.train)
    for smaller in (half, quarter):
        assert smaller.validation.tolist() == whole.validation.tolist()
        assert smaller.held_out.tolist() == whole.held_out.tolist()
        assert smaller.test.tolist() == whole.test.tolist()
    assert roles(0.5).train.tolist() == half.train.tolist()
    assert {tuple(roles(0.5, seed=seed).train) for seed in range(8)} != {tuple(half.train)}
    if policy == "held_out_fold":
        assert roles(0.5, WITH_DROPOUT).train.tolist() == half.train.tolist()
