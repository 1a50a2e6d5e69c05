"""Manifests of photographs whose class is to be predicted: no label, one subject will do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foldgrid.data.manifest.labelled import read_labelled_manifest, read_single_photos
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import DataSpec
from tests.data.small_trials import LABELLED_COLUMNS, Trial, write_csv


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_single_photos(path)
    return str(caught.value)


def test_photographs_of_one_subject_are_read_for_prediction_only(labelled: Trial) -> None:
    path, rows = labelled(num_subjects=1)
    write_csv(path, rows, ["photo", "subject"])
    manifest = read_single_photos(path)
    assert manifest.photos["photo"].tolist() == [row["photo"] for row in rows]
    assert (manifest.photos[["label", "taxonomy", "case"]] == "").all(axis=None)
    assert manifest.warnings == ()
    with pytest.raises(InputError, match="this column is missing"):
        read_labelled_manifest(path)


def test_labels_hierarchies_and_annotations_are_passed_over_whatever_they_say(
    labelled: Trial,
) -> None:
    path, rows = labelled()
    rows[0]["label"], rows[1]["label"] = "", "no such class"
    rows[2]["taxonomy"], rows[3]["grade_a"] = "//", "?"
    manifest = read_single_photos(write_csv(path, rows, LABELLED_COLUMNS))
    assert (manifest.photos["label"] == "").all()
    assert (manifest.raters, manifest.warnings) == ((), ())
    assert manifest.photos["case"].tolist() == [row["case"] for row in rows]


def test_every_other_check_stays(labelled: Trial) -> None:
    path, rows = labelled()
    rows[0]["photo"] = "lost.png"
    rows[3]["photo"] = rows[2]["photo"]
    rows[5]["case"] = rows[6]["case"]
    rows[8]["subject"] = ""
    message = refusal(write_csv(path, rows, LABELLED_COLUMNS))
    assert "there is no such file" in message
    assert "2 times. A photo is listed once" in message
    assert "a case belongs to one subject" in message
    assert "taxonomy" not in message
    missing = refusal(write_csv(path, rows, ["photo", "case"]))
    assert "subject   this column is missing" in missing
    assert "A manifest has the columns photo, subject." in missing


def test_unlabelled_pictures_are_the_labelled_ones(labelled: Trial, tmp_path: Path) -> None:
    path, rows = labelled()
    data, cache = DataSpec(manifest=path, tile_pixels=16), tmp_path / "cache"
    known = open_dataset(data, cache, photographs="single")
    write_csv(path, rows, ["photo", "subject", "case", "visit", "day"])
    new = open_dataset(data, cache, photographs="single", for_training=False)
    assert new.samples["sample"].tolist() == known.samples["sample"].tolist()
    np.testing.assert_array_equal(new.mosaics_NHWC, known.mosaics_NHWC)
    assert new.fingerprint != known.fingerprint


def test_photographs_of_regions_will_do_for_labels_but_not_the_other_way(
    trial: Trial, labelled: Trial, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    scored, _ = trial()
    data = DataSpec(manifest=scored, tile_pixels=16)
    found = open_dataset(data, cache, photographs="single", for_training=False)
    assert len(found.samples) == 18
    with pytest.raises(InputError, match="without labels"):
        open_dataset(data, cache, photographs="single")
    path, _ = labelled()
    data = DataSpec(manifest=path, tile_pixels=16)
    with pytest.raises(InputError, match="without regions and scores"):
        open_dataset(data, cache, photographs="mosaics", for_training=False)
