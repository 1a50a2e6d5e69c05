"""Manifests of new patients: the scores are unknown, one subject will do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foldgrid.data.manifest.rows import PHOTO_COLUMNS, SCORES
from foldgrid.data.manifest.scored import read_manifest
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import DataSpec
from tests.data.small_trials import Trial, write_csv


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_manifest(path, for_training=False)
    return str(caught.value)


def test_one_subject_without_scores_is_read_for_prediction_only(trial: Trial) -> None:
    path, rows = trial(num_subjects=1)
    write_csv(path, rows, [*PHOTO_COLUMNS, "day"])
    photos = read_manifest(path, for_training=False).photos
    assert photos[list(SCORES)].isna().all(axis=None)
    assert photos["day"].tolist() == [float(row["day"]) for row in rows]
    with pytest.raises(InputError, match="this column is missing"):
        read_manifest(path)


def test_scores_that_are_given_are_kept_and_checked(trial: Trial) -> None:
    path, rows = trial()
    assert read_manifest(path, for_training=False).photos.equals(read_manifest(path).photos)
    rows[0]["scaling"] = 9
    rows[1]["scaling"] = ""
    message = refusal(write_csv(path, rows))
    assert "2 problems" in message
    assert "For prediction the four score columns may be left out, all of them." in message


def test_some_score_columns_without_the_others_are_a_mistake(trial: Trial) -> None:
    path, rows = trial()
    message = refusal(write_csv(path, rows, [*PHOTO_COLUMNS, "erythema", "scaling"]))
    assert "induration    this column is missing" in message
    assert "involvement   this column is missing" in message


def test_every_other_check_stays(trial: Trial) -> None:
    path, rows = trial()
    rows[0]["region"] = "trnk"
    rows[1]["photo"] = "lost.jpg"
    message = refusal(write_csv(path, rows, list(PHOTO_COLUMNS)))
    assert 'Did you mean "trunk"?' in message
    assert "there is no such file" in message
    assert "score columns" not in message


def test_unscored_mosaics_are_the_scored_ones(trial: Trial, tmp_path: Path) -> None:
    path, rows = trial()
    scored = open_dataset(DataSpec(manifest=path, tile_pixels=16), tmp_path / "cache")
    write_csv(path, rows, [*PHOTO_COLUMNS, "day"])
    data = DataSpec(manifest=path, tile_pixels=16)
    unscored = open_dataset(data, tmp_path / "cache", for_training=False)
    assert unscored.samples["sample"].tolist() == scored.samples["sample"].tolist()
    np.testing.assert_array_equal(unscored.mosaics_NHWC, scored.mosaics_NHWC)
    assert unscored.fingerprint != scored.fingerprint
