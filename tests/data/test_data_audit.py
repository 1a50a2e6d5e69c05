"""The facts of a manifest, and how they read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foldgrid.data.audit.scored import RegionFacts, audit_survey, describe_audit
from foldgrid.simulation.source import survey_data
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import DataSpec
from tests.data.small_trials import Trial, paint, write_csv


def test_what_is_there_is_counted(trial: Trial, tmp_path: Path) -> None:
    path, rows = trial()
    paint(50, 60, 40).save(path.parent / "large.png")
    rows[0]["photo"] = "large.png"
    del rows[4]
    audit = audit_survey(survey_data(DataSpec(manifest=write_csv(path, rows)), tmp_path / "cache"))
    assert (audit.num_subjects, audit.num_visits) == (3, 6)
    assert (audit.num_photos, audit.num_samples) == (17, 12)
    assert audit.regions == {
        "upper_extremities": RegionFacts(6, 6, 1, 0),
        "trunk": RegionFacts(6, 11, 2, 1),
    }
    assert audit.files == ("photos     16 JPEG, 1 PNG, from 48x32 to 60x40 pixels",)
    assert sum(audit.score_counts["scaling"]) == 12
    assert [len(counts) for counts in audit.score_counts.values()] == [5, 5, 5, 7]
    assert audit.photo_bytes == sum((path.parent / row["photo"]).stat().st_size for row in rows)
    assert audit.warnings == ()
    text = describe_audit(audit)
    assert text.startswith(f"{path}: no mistakes\n  3 subjects, 6 visits, 17 photos (")
    assert "6 visits, 11 photos (up to 2 a visit, 1 missing)" in text
    assert "16 JPEG, 1 PNG, from 48x32 to 60x40 pixels" in text


def test_equal_photos_are_warned_of_and_those_of_two_subjects_first(
    trial: Trial, tmp_path: Path
) -> None:
    path, rows = trial()
    photos = [path.parent / row["photo"] for row in rows]
    shutil.copy(photos[0], photos[1])
    shutil.copy(photos[2], photos[8])
    audit = audit_survey(survey_data(DataSpec(manifest=path), tmp_path / "cache"))
    across, within = audit.warnings
    assert across.where == "rows 4, 10"
    assert across.message == (
        f'"{photos[2].name}" and "{photos[8].name}" are the same picture under the subjects 001, '
        "002. Keep it where it belongs: a split cannot tell them apart."
    )
    assert within.where == "rows 2, 3"
    assert within.message.endswith("are the same picture. Keep one of them.")
    assert "\n2 warnings\n  rows 4, 10  photo  " in describe_audit(audit)


def test_mistakes_are_raised(trial: Trial, tmp_path: Path) -> None:
    path, rows = trial()
    rows[0]["scaling"] = 8
    with pytest.raises(InputError, match='found "8"'):
        audit_survey(survey_data(DataSpec(manifest=write_csv(path, rows)), tmp_path / "cache"))
