"""Labelled photographs as fits see them: sides, roles and shares by label."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from foldgrid.data.dataset import Dataset
from foldgrid.data.splits import make_split
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.recipe_parts import EarlyStopping
from foldgrid.specs.sweep import DataSpec, SplitSpec
from foldgrid.specs.synthetic import StudySettings
from foldgrid.training.training_data import TrainingData, assign_roles, nested_fraction


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    study = StudySettings(study="aidda", num_subjects=24, photo_width=32, photo_height=32)
    spec = DataSpec(tile_pixels=16, synthetic=study)
    return open_dataset(spec, tmp_path_factory.mktemp("cache"), photographs="single")


@pytest.fixture(scope="module")
def data(dataset: Dataset) -> TrainingData:
    split = make_split(dataset.samples, SplitSpec(num_folds=3, num_seeds=5), dataset.layout)
    return TrainingData.from_dataset(dataset, split)


def test_pictures_and_partitions_are_in_the_samples_order(data: TrainingData) -> None:
    assert (data.stratum, data.grid) == ("label", 1)
    assert data.mosaics_NHWC.shape == (len(data.samples), 16, 16, 3)
    assert set(data.samples["fold"]) == {-1, 0, 1, 2}
    kept = data.for_search()
    assert (kept.stratum, kept.grid) == ("label", 1)
    assert (kept.samples["partition"] == "train").all()
    assert len(kept.mosaics_NHWC) == len(kept.samples) < len(data.samples)


def test_subjects_and_cases_are_whole_in_every_role(data: TrainingData) -> None:
    stopping = EarlyStopping(policy="inner_split", inner_fraction=0.25)
    for fold in range(3):
        roles = assign_roles(data, fold, stopping, seed=1)
        parts = [roles.train, roles.validation, roles.held_out, roles.test]
        assert sorted(np.concatenate(parts)) == list(range(len(data.samples)))
        for name in ("subject", "case"):
            groups = [set(data.samples[name].iloc[part]) - {""} for part in parts]
            assert sum(map(len, groups)) == len(set.union(*groups))
        assert set(data.samples["label"].iloc[roles.train]) == set(data.samples["label"])


def test_who_is_set_aside_for_searches_is_trained_on_and_never_predicted(
    dataset: Dataset,
) -> None:
    spec = SplitSpec(num_folds=3, num_seeds=5, search_fraction=0.4)
    data = TrainingData.from_dataset(dataset, make_split(dataset.samples, spec, dataset.layout))
    aside = set(np.flatnonzero(data.samples["partition"] == "search"))
    predicted = []
    for fold in range(3):
        roles = assign_roles(data, fold, EarlyStopping(policy="inner_split"), seed=1)
        assert aside <= {*roles.train, *roles.validation}
        predicted += roles.held_out.tolist()
    assert sorted(predicted) == np.flatnonzero(data.samples["partition"] == "train").tolist()
    searched = data.for_search()
    assert set(searched.samples["sample"]) == set(data.samples["sample"].iloc[sorted(aside)])
    for fold in range(3):
        roles = assign_roles(searched, fold, EarlyStopping(policy="none"), seed=1)
        assert {len(roles.held_out), len(roles.train)} & {0} == set()
        assert len(roles.held_out) + len(roles.train) == len(aside)


def test_a_fraction_of_the_subjects_keeps_the_labels(data: TrainingData) -> None:
    subjects, labels = (data.samples[name].to_numpy() for name in ("subject", "label"))
    chosen = [nested_fraction(subjects, labels, fraction, 0) for fraction in (0.3, 0.6, 1.0)]
    for smaller, larger in pairwise(chosen):
        assert (larger | ~smaller).all()
    assert set(labels[chosen[0]]) == set(labels)
    assert abs(chosen[0].mean() - 0.3) < 0.1
    assert not set(subjects[chosen[0]]) & set(subjects[~chosen[0]])


def test_the_pictures_are_the_photographs(data: TrainingData) -> None:
    # Nobody's picture is black, and no two subjects share one.
    assert data.mosaics_NHWC.reshape(len(data.samples), -1).max(axis=1).min() > 30
    by_picture = data.samples.groupby([picture.tobytes() for picture in data.mosaics_NHWC])
    assert (by_picture["subject"].nunique() == 1).all()
