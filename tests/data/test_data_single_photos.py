"""Labelled photographs on the way into training: one photograph, one sample, one tile."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.data import mosaics as mosaics_module
from foldgrid.data.dataset import Survey, load_mosaics
from foldgrid.data.fingerprint import photo_table
from foldgrid.data.photographs import decode_tile
from foldgrid.simulation.source import open_dataset, survey_data
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings
from tests.data.small_trials import LABELLED_COLUMNS, Row, Trial, paint, write_csv

T = 16


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def survey_of(path: Path, cache: Path, tile_pixels: int = T) -> Survey:
    return survey_data(
        DataSpec(manifest=path, tile_pixels=tile_pixels), cache, photographs="single"
    )


def rewrite(path: Path, rows: list[Row]) -> Path:
    return write_csv(path, rows, LABELLED_COLUMNS)


def test_every_photograph_is_a_sample_of_one_tile(
    labelled: Trial, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = labelled()
    with monkeypatch.context() as patch:
        patch.delattr(mosaics_module, "decode_tile")
        survey = survey_of(path, cache)
    assert survey.shape == (12, T, T, 3)
    assert survey.mosaics_bytes == 12 * T * T * 3
    assert (survey.num_photos, len(survey.photo_facts)) == (12, 12)
    assert (survey.grid, survey.stratum) == (1, "label")
    assert survey.target_columns == ("label", "taxonomy", "grade_a")
    assert not survey.is_cached
    samples = survey.samples
    assert samples.columns.tolist() == [
        "sample", "subject", "visit", "day", "label", "case", "taxonomy", "grade_a", "num_photos",
    ]  # fmt: skip
    assert samples["sample"].tolist()[:3] == ["001/c0/1", "001/c0/2", "002/c1/1"]
    assert samples["sample"].tolist()[-1] == "006/2", "of no case"
    assert samples["label"].tolist() == [row["label"] for row in rows]
    assert samples["grade_a"].tolist() == [row["grade_a"] for row in rows]
    assert samples["day"].isna().all()
    assert (samples["num_photos"] == 1).all()


def test_photographs_keep_their_shape_and_are_kept(
    labelled: Trial, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = labelled()
    data = DataSpec(manifest=path, tile_pixels=T)
    dataset = open_dataset(data, cache, photographs="single")
    assert (dataset.grid, dataset.stratum) == (1, "label")
    assert dataset.mosaics_NHWC.shape == (12, T, T, 3)
    for index, row in enumerate(rows):
        tile = decode_tile(path.parent / row["photo"], T)
        assert np.array_equal(dataset.mosaics_NHWC[index], tile)
    # 48x32 photographs: black above and below.
    assert not dataset.mosaics_NHWC[:, 0].any()
    assert dataset.mosaics_NHWC[:, T // 2].any()
    monkeypatch.delattr(mosaics_module, "decode_tile")
    again = survey_of(path, cache)
    assert again.is_cached
    assert np.array_equal(load_mosaics(again).mosaics_NHWC, dataset.mosaics_NHWC)


def test_the_manifests_order_and_place_do_not_count(
    labelled: Trial, tmp_path: Path, cache: Path
) -> None:
    path, rows = labelled()
    before = survey_of(path, cache)
    moved = tmp_path / "elsewhere"
    shutil.copytree(path.parent, moved)
    random.Random(1).shuffle(rows)
    after = survey_of(rewrite(moved / "manifest.csv", rows), cache)
    assert after.fingerprint == before.fingerprint
    pd.testing.assert_frame_equal(after.samples, before.samples)
    pd.testing.assert_frame_equal(
        photo_table(after.table, after.photo_hashes), photo_table(before.table, before.photo_hashes)
    )
    pd.DataFrame(rows).to_parquet(moved / "manifest.parquet")
    assert survey_of(moved / "manifest.parquet", cache).fingerprint == before.fingerprint


def test_names_of_files_are_in_no_table_that_leaves_the_data_room(
    labelled: Trial, cache: Path
) -> None:
    path, rows = labelled()
    survey = survey_of(path, cache)
    tables = (survey.samples, photo_table(survey.table, survey.photo_hashes))
    text = "".join(table.to_csv() for table in tables)
    assert not any(row["photo"] in text for row in rows)


@pytest.mark.parametrize(
    ("column", "value"),
    [("case", "other"), ("grade_a", "unsure"), ("visit", "v2"), ("day", 3), ("subject", "009")],
)
def test_what_decides_an_outcome_counts(
    labelled: Trial, cache: Path, column: str, value: object
) -> None:
    path, rows = labelled()
    before = survey_of(path, cache).fingerprint
    for row in rows[-2:]:
        row[column] = value
    assert survey_of(rewrite(path, rows), cache).fingerprint != before


def test_labels_their_place_pictures_and_size_count(labelled: Trial, cache: Path) -> None:
    path, rows = labelled()
    seen = {survey_of(path, cache).fingerprint, survey_of(path, cache, 2 * T).fingerprint}
    for row in rows:
        row["taxonomy"] = f"skin/{row['taxonomy']}"
    seen.add(survey_of(rewrite(path, rows), cache).fingerprint)
    for row in rows[:2]:
        row |= {"label": "eczema", "taxonomy": "skin/ill/eczema"}
    seen.add(survey_of(rewrite(path, rows), cache).fingerprint)
    paint(99).save(path.parent / rows[0]["photo"])
    seen.add(survey_of(path, cache).fingerprint)
    assert len(seen) == 5


def test_a_study_is_made_once_and_read_as_any_other(cache: Path) -> None:
    settings = StudySettings(study="ssc_skin", num_subjects=6, photo_width=32, photo_height=32)
    data = DataSpec(tile_pixels=T, synthetic=settings)
    seen: list[int] = []
    survey = survey_data(data, cache, lambda done, _: seen.append(done), photographs="single")
    assert seen
    assert survey.is_synthetic
    assert set(survey.samples["label"]) == {"normal", "early", "late"}
    [folder] = (cache / "synthetic_studies").iterdir()
    written = (folder / "manifest.csv").stat().st_mtime_ns
    again = survey_data(data, cache, photographs="single")
    assert (folder / "manifest.csv").stat().st_mtime_ns == written
    assert again.fingerprint == survey.fingerprint
    assert load_mosaics(survey).manifest_path is None
    assert survey_of(survey.manifest.path, cache).fingerprint == survey.fingerprint


# The other kind.


def test_manifests_of_the_other_kind_are_refused(
    labelled: Trial, trial: Trial, cache: Path
) -> None:
    path, _ = labelled()
    with pytest.raises(InputError) as caught:
        survey_data(DataSpec(manifest=path), cache)
    message = str(caught.value)
    assert message.startswith(f"{path}: 1 problem\n")
    assert "found a manifest of labels, without regions and scores; this task needs" in message
    scored, _ = trial()
    with pytest.raises(InputError) as caught:
        survey_of(scored, cache)
    assert "found a manifest of regions and scores, without labels" in str(caught.value)
    assert "add the column label" in str(caught.value)


def test_a_manifest_with_both_serves_both(trial: Trial, cache: Path) -> None:
    path, rows = trial()
    for row in rows:
        row["label"] = "ill" if row["subject"] == "001" else "well"
    pd.DataFrame(rows).to_csv(path, index=False)
    assert survey_data(DataSpec(manifest=path, tile_pixels=T), cache).grid == 2
    assert survey_of(path, cache).shape == (len(rows), T, T, 3)


def test_a_manifest_of_neither_kind_names_the_columns_that_it_lacks(
    tmp_path: Path, cache: Path
) -> None:
    path = write_csv(tmp_path / "manifest.csv", [], ["photo", "subject"])
    with pytest.raises(InputError, match=r"label +this column is missing"):
        survey_of(path, cache)
    with pytest.raises(InputError, match=r"region +this column is missing"):
        survey_data(DataSpec(manifest=path), cache)


def test_simulated_studies_of_the_other_kind_are_refused_before_they_are_made(cache: Path) -> None:
    with pytest.raises(InputError, match="found the simulated PASI trial, which has scores"):
        survey_data(DataSpec(), cache, photographs="single")
    study = DataSpec(synthetic=StudySettings(study="aidda", num_subjects=6))
    with pytest.raises(InputError, match="found the simulated study aidda, which has labels"):
        survey_data(study, cache)
    assert not cache.exists()
