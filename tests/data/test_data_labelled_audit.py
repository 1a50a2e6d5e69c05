"""Copies, blurred and far-away shots of a labelled study, and the flow table."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from foldgrid.data.audit import image_quality
from foldgrid.data.audit.case_records import case_records, write_kept, write_records
from foldgrid.data.audit.exclusions import ExclusionRules
from foldgrid.data.audit.flow import COMING_IN, FLOW_FORMATS, study_flow, uneven_exclusions
from foldgrid.data.audit.group_comparison import LEFT, find_subgroups
from foldgrid.data.audit.image_quality import could_be_skin, examine_photo, examine_photos
from foldgrid.data.audit.labelled import LabelledAudit, audit_labelled, describe_labelled_audit
from foldgrid.data.manifest.labelled import read_labelled_manifest
from foldgrid.data.photographs import read_photo
from foldgrid.specs.errors import InputError
from tests.data.skin_pictures import make_flaws, make_study, skin_picture

RULES = ExclusionRules()


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelledAudit, dict[str, str]]:
    folder = tmp_path_factory.mktemp("study")
    path, _ = make_study(folder)
    flaws = make_flaws(folder)
    return audit_labelled(read_labelled_manifest(path), RULES), flaws


def test_a_sound_study_loses_nothing(tmp_path: Path) -> None:
    audit = audit_labelled(read_labelled_manifest(make_study(tmp_path)[0]), RULES)
    assert set(audit.reasons) == {""}
    assert audit.copies == ()
    assert audit.flow[0].num_photos == audit.flow[-1].num_photos == 24


def test_every_flaw_is_found_and_nothing_else(
    spoilt: tuple[LabelledAudit, dict[str, str]],
) -> None:
    audit, flaws = spoilt
    found = dict(zip(audit.manifest.photos["photo"], audit.reasons, strict=True))
    assert {photo: reason for photo, reason in found.items() if reason} == flaws


def test_the_flow_table_adds_up(spoilt: tuple[LabelledAudit, dict[str, str]]) -> None:
    audit, flaws = spoilt
    first, *between, last = audit.flow
    assert (first.step, last.step) == (COMING_IN, LEFT)
    assert first.num_photos - sum(step.num_photos for step in between) == last.num_photos
    assert last.num_photos == 24 - len(flaws)
    for label, number in first.photos_by_label.items():
        lost = sum(step.photos_by_label[label] for step in between)
        assert last.photos_by_label[label] == number - lost
    assert last.num_subjects == last.num_cases == 6


def test_a_case_goes_with_its_last_photograph(tmp_path: Path) -> None:
    path, rows = make_study(tmp_path)
    make_flaws(tmp_path)
    rows[20]["case"] = "alone"
    table = pd.DataFrame(rows)
    table.to_csv(path, index=False)
    audit = audit_labelled(read_labelled_manifest(path), RULES)
    steps = {step.step: step for step in audit.flow}
    assert steps["far away"].num_cases == 1
    assert steps["far away"].num_subjects == 0
    assert steps[COMING_IN].num_cases == 7
    assert steps[LEFT].num_cases == 6


def test_the_description_names_copies_and_thresholds(
    spoilt: tuple[LabelledAudit, dict[str, str]],
) -> None:
    said = describe_labelled_audit(spoilt[0])
    assert "6 subjects, 6 cases, 24 photos" in said
    assert "rows 2, 3  equal files within a case: 00.jpg = 01.jpg" in said
    assert "rows 6, 7  near copies within a case: 04.jpg = 05.jpg" in said
    assert "rows 10, 14  equal files across the labels eczema, psoriasis" in said
    assert "rows 12, 18  equal files across the subjects s2, s4" in said
    assert "blurred: focus under " in said
    assert "far away: under 40% of the picture" in said


def test_the_rules_can_be_turned_off(tmp_path: Path) -> None:
    path, _ = make_study(tmp_path)
    make_flaws(tmp_path)
    manifest = read_labelled_manifest(path)
    audit = audit_labelled(manifest, ExclusionRules(blur_deviations=0, far_fraction=0))
    assert not {"blurred", "far away"} & set(audit.reasons)
    assert audit.thresholds.focus is None
    assert audit.thresholds.skin_fraction is None


def test_few_photographs_or_none_of_skin_are_not_evaluated(tmp_path: Path) -> None:
    path, rows = make_study(tmp_path)
    pd.DataFrame(rows[:8]).to_csv(path, index=False)
    audit = audit_labelled(read_labelled_manifest(path), RULES)
    assert "8 photographs are too few to compare" in describe_labelled_audit(audit)
    pd.DataFrame(rows).to_csv(path, index=False)
    for row in rows:
        with Image.open(tmp_path / row["photo"]) as photo:
            photo.convert("L").save(tmp_path / row["photo"], quality=92)
    audit = audit_labelled(read_labelled_manifest(path), RULES)
    assert (
        "distance is not evaluated: the usual photograph has 0% of skin"
        in describe_labelled_audit(audit)
    )


def test_an_exam_tells_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:03:04 05:06:07"
    skin_picture(1).save(path, exif=exif)
    exam = examine_photo(path, 128)
    assert exam.taken == datetime(2019, 3, 4, 5, 6, 7)
    assert exam.sha1 == hashlib.sha1(path.read_bytes()).hexdigest()
    assert (exam.facts.width, exam.facts.height) == (160, 120)
    assert exam.facts.num_bytes == path.stat().st_size
    assert exam.skin_fraction > 0.9


@pytest.mark.parametrize("written", ["", "0000:00:00 00:00:00", "yesterday"])
def test_a_time_that_is_none(tmp_path: Path, written: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = written
    skin_picture(1).save(tmp_path / "a.jpg", exif=exif)
    skin_picture(1).save(tmp_path / "b.png")
    assert read_photo(tmp_path / "a.jpg", 32).taken is None
    assert read_photo(tmp_path / "b.png", 32).taken is None


def test_skin_of_any_tone_could_be_skin_and_cloth_is_not() -> None:
    fair, brown, dark = (236, 200, 178), (160, 110, 84), (84, 58, 48)
    blue, grey, green, black = (40, 70, 140), (128, 128, 128), (40, 110, 70), (5, 5, 5)
    colours = np.array([[fair, brown, dark, blue, grey, green, black]], dtype=np.uint8)
    assert could_be_skin(colours)[0].tolist() == [True] * 3 + [False] * 4


def test_photographs_that_cannot_be_used_are_all_named(tmp_path: Path) -> None:
    path, _ = make_study(tmp_path)
    (tmp_path / "03.jpg").write_bytes(b"no picture")
    (tmp_path / "07.jpg").write_bytes((tmp_path / "07.jpg").read_bytes()[:400])
    with pytest.raises(InputError, match="2 problems") as caught:
        audit_labelled(read_labelled_manifest(path), RULES)
    assert "row 5   03.jpg   is not an image" in str(caught.value)
    assert "row 9   07.jpg   cannot be decoded" in str(caught.value)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_records_read_back(
    spoilt: tuple[LabelledAudit, dict[str, str]], tmp_path: Path, ending: str
) -> None:
    audit, flaws = spoilt
    records = case_records(audit.manifest, audit.exams, audit.copies, audit.reasons)
    path = tmp_path / f"records{ending}"
    write_records(path, records)
    if ending == ".json":
        read = pd.DataFrame(json.loads(path.read_text()))
    elif ending == ".csv":
        read = pd.read_csv(path, keep_default_na=False)
    else:
        read = pd.read_parquet(path)
    assert path.stat().st_mode & 0o077 == 0
    assert list(read.columns) == list(records.columns)
    assert read["sha1"].tolist() == [exam.sha1 for exam in audit.exams]
    assert read.set_index("photo")["excluded"].loc["13.jpg"] == "blurred"
    assert read.set_index("photo")["copy_of"].loc["05.jpg"] == "04.jpg"
    assert set(read["uploaded_by"]) == {"clinic"}
    assert set(read["reviewed_by"]) == {""}
    assert (read["excluded"] != "").sum() == len(flaws)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_kept_manifest_reads_and_has_no_flaws(
    spoilt: tuple[LabelledAudit, dict[str, str]], ending: str
) -> None:
    audit, _ = spoilt
    path = audit.manifest.path.with_name(f"kept{ending}")
    write_kept(path, audit.manifest, audit.reasons == "")
    kept = read_labelled_manifest(path)
    assert len(kept.photos) == audit.flow[-1].num_photos
    assert kept.raters == ("grade_a",)
    again = audit_labelled(kept, ExclusionRules(blur_deviations=0, far_fraction=0))
    assert set(again.reasons) == {""}


def test_the_flow_table_in_every_format(spoilt: tuple[LabelledAudit, dict[str, str]]) -> None:
    flow = spoilt[0].flow
    said = {name: render(flow) for name, render in FLOW_FORMATS.items()}
    assert said["csv"].splitlines()[0] == "step,subjects,cases,photographs,eczema,psoriasis"
    assert said["csv"].splitlines()[-1] == "left,6,6,16,8,8"
    assert "| excluded: blurred | 0 | 0 | -1 | 0 | -1 |" in said["md"]
    assert r"excluded: far away & 0 & 0 & -1 & 0 & -1 \\" in said["latex"]
    assert json.loads(said["json"])[0]["photos_by_label"] == {"eczema": 12, "psoriasis": 12}
    assert said["terminal"].splitlines()[1].endswith("6      6           24      12         12")


def rates(
    num_subjects: int, blurred: dict[str, float], seed: int = 0
) -> tuple[pd.DataFrame, NDArray[np.str_]]:
    """Four photographs a subject, each blurred by the rate of its subject's label."""
    random = np.random.default_rng(seed)
    label = np.repeat([*blurred] * num_subjects, 4)[: 4 * num_subjects]
    photos = pd.DataFrame({"label": label, "case": "", "sex": random.permutation(label)})
    photos["subject"] = [f"s{place // 4}" for place in range(len(photos))]
    photos["sex"] = photos.groupby("subject")["sex"].transform("first").map({"normal": "f"})
    is_out = random.random(len(photos)) < photos["label"].map(blurred)
    return photos.fillna({"sex": "m"}), np.where(is_out, "blurred", "")


def test_an_exclusion_that_takes_more_of_one_class_is_said() -> None:
    photos, reasons = rates(60, {"early": 0.004, "late": 0.004, "normal": 0.36})
    flow = study_flow(photos, reasons, ["sex"])
    steps = {step.step: step for step in flow}
    by_label, by_sex = steps["blurred"].comparisons
    assert (by_label.column, by_sex.column) == ("label", "sex")
    assert by_label.is_uneven
    assert not by_sex.is_uneven
    assert by_label.photos["normal"] == (steps["blurred"].photos_by_label["normal"], 80)
    assert steps["far away"].comparisons == steps[COMING_IN].comparisons == ()
    (of_blur, of_all) = uneven_exclusions(flow)
    assert of_blur.startswith("excluded: blurred: ")
    assert " of normal (" in of_blur
    assert of_all.startswith("excluded in all: ")
    said = {name: render(flow) for name, render in FLOW_FORMATS.items()}
    assert f"! {of_blur}" in said["terminal"]
    assert f"- {of_blur}" in said["md"]
    found = json.loads(said["json"])[-1]["comparisons"][0]
    assert (found["column"], found["is_uneven"]) == ("label", True)
    assert len(said["csv"].splitlines()) == len(flow) + 1


def test_exclusions_that_hit_subjects_at_random_are_not_called_uneven() -> None:
    """Some people's photographs are blurred more often than others'; which class is chance."""
    num_called = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        photos, _ = rates(40, {"early": 0.1, "late": 0.1, "normal": 0.1}, seed)
        of_subject = dict(zip(photos["subject"].unique(), random.beta(0.3, 2, 40), strict=True))
        is_out = random.random(len(photos)) < photos["subject"].map(of_subject)
        num_called += bool(uneven_exclusions(study_flow(photos, np.where(is_out, "blurred", ""))))
    assert num_called <= 3


def test_subgroups_are_the_columns_that_divide_into_few(tmp_path: Path) -> None:
    path, rows = make_study(tmp_path)
    for number, row in enumerate(rows):
        row |= {"sex": "fm"[number % 2], "age": 20 + number, "site": "", "note": f"n{number}"}
    rows[0]["sex"] = ""
    pd.DataFrame(rows).to_csv(path, index=False)
    manifest = read_labelled_manifest(path)
    assert manifest.described == ("uploaded_by", "sex", "age", "site", "note")
    groups = find_subgroups(manifest.photos, manifest.described)
    assert list(groups) == ["sex", "age"]
    assert groups["sex"].unique().tolist() == ["not given", "m", "f"]
    assert groups["age"].unique()[0] == "20 to 24"
    make_flaws(tmp_path)
    said = FLOW_FORMATS["md"](audit_labelled(read_labelled_manifest(path), RULES).flow)
    assert "| sex | m | 12 |" in said
    assert "| label | eczema | 12 |" in said


def test_processes_find_what_threads_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = []
    for number in range(7):
        paths.append(tmp_path / f"{number}.png")
        skin_picture(number).save(paths[-1])
    paths[3].write_bytes(paths[3].read_bytes()[:-60])
    by_threads, refused, pixels = examine_photos(paths)
    monkeypatch.setattr(image_quality, "MANY_PHOTOS", 1)
    monkeypatch.setattr(image_quality, "PHOTOS_A_PART", 2)
    by_processes, also_refused, _ = examine_photos(paths)
    assert list(refused) == list(also_refused) == [3]
    assert [repr(exam) for exam in by_threads] == [repr(exam) for exam in by_processes]
    assert all(
        np.array_equal(one.picture_hash_VD, other.picture_hash_VD)
        for one, other in zip(by_threads, by_processes, strict=True)
    )
    assert pixels > 0
