"""What the plan says of labelled photographs; of mosaics see the plan's own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.data.dataset import Survey
from foldgrid.data.splits import Split, make_split
from foldgrid.launching.planning.data_text import data_facts, permutation_words, split_words
from foldgrid.simulation.source import survey_data
from foldgrid.specs.counted import counted
from foldgrid.specs.sweep import DataSpec, SplitSpec
from foldgrid.specs.synthetic import StudyName, StudySettings


def prepare(study: StudyName, num_subjects: int, cache: Path) -> tuple[DataSpec, Survey, Split]:
    settings = StudySettings(
        study=study, num_subjects=num_subjects, photo_width=32, photo_height=32
    )
    data = DataSpec(tile_pixels=16, synthetic=settings)
    survey = survey_data(data, cache, photographs="single")
    return data, survey, make_split(survey.samples, SplitSpec(num_seeds=5), survey.layout)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_photographs_and_classes_are_counted(cache: Path) -> None:
    data, survey, split = prepare("aidda", 24, cache)
    facts = dict(data_facts(survey, data, split))
    counts = survey.samples["label"].value_counts()
    assert f"{survey.num_photos} photographs of 16x16 (to be decoded once)" in facts["data"]
    assert facts["data"].startswith("the embedded study aidda: 24 subjects, ")
    assert " cases, " in facts["data"]
    assert facts["classes"].startswith("3, by photographs: ")
    for label, count in counts.items():
        assert f"{label} {count}" in facts["classes"]
    assert "rare classes" not in facts


def test_raters_are_counted_and_a_users_manifest_is_named(cache: Path) -> None:
    _, made, _ = prepare("referable_dr", 12, cache)
    data = DataSpec(manifest=made.manifest.path, tile_pixels=16)
    survey = survey_data(data, cache, photographs="single")
    split = make_split(survey.samples, SplitSpec(num_seeds=5), survey.layout)
    facts = dict(data_facts(survey, data, split))
    assert facts["data"].startswith(f"{made.manifest.path}: 12 subjects, ")
    assert "cases" not in facts["data"]
    assert facts["classes"].endswith("; 5 raters")


def test_classes_that_some_fold_lacks_are_reported_and_a_long_list_is_cut(cache: Path) -> None:
    data, survey, split = prepare("skin_taxonomy", 60, cache)
    facts = dict(data_facts(survey, data, split))
    classes = survey.samples["label"].nunique()
    assert facts["classes"].startswith(f"{classes}, by photographs: ")
    assert facts["classes"].endswith(f", and {classes - 12} more")
    train = split.table[split.table["partition"] == "train"]
    subjects = train.groupby("label")["subject"].nunique()
    lacking = set(survey.samples["label"]) - set(subjects.index[subjects >= 5])
    assert facts["rare classes"].startswith(f"{len(lacking)} of {classes} have fewer subjects")
    folds = train.groupby("label")["fold"].nunique()
    assert set(folds.index[folds < 5]) >= lacking & set(folds.index)


def test_partitions_are_counted_by_photographs(cache: Path) -> None:
    _, survey, split = prepare("ssc_skin", 12, cache)
    words = split_words(survey, split, 5)
    test = split.table[split.table["partition"] == "test"]
    subjects = counted(test["subject"].nunique(), "subject")
    assert f"test {len(test)} photographs of {subjects}; " in words
    assert words.endswith("best of 5")
    assert "visit" not in words
    assert "the label of a photograph of another" in permutation_words(survey, "shuffled_scores")
