"""Every mistake a manifest can hold, and what is said about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.data.manifest.scored import read_manifest
from foldgrid.data.splits import check_enough_subjects
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import SplitSpec
from tests.data.small_trials import COLUMNS, Row, Trial, write_csv

Change = Callable[[list[Row]], None]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_manifest(path)
    return str(caught.value)


def set_cell(index: int, column: str, value: object) -> Change:
    return lambda rows: rows[index].__setitem__(column, value)


def test_a_good_manifest_keeps_identifiers_as_text(trial: Trial) -> None:
    path, rows = trial()
    manifest = read_manifest(path)
    assert manifest.photos["subject"].unique().tolist() == ["001", "002", "003"]
    assert manifest.photos["row"].tolist() == list(range(2, len(rows) + 2))
    assert manifest.photos["day"].tolist() == [float(row["day"]) for row in rows]
    assert manifest.num_subjects == 3
    assert manifest.folder == path.parent
    assert manifest.warnings == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            set_cell(3, "erythema", 7),
            'row 5   erythema   found "7". Whole numbers from 0 to 4 are allowed: correct it.',
        ),
        (set_cell(0, "scaling", "2.5"), 'row 2   scaling   found "2.5". Whole numbers from 0 to 4'),
        (set_cell(0, "induration", ""), "row 2   induration   empty. Whole numbers from 0 to 4"),
        (set_cell(0, "induration", "nan"), 'row 2   induration   found "nan". Whole numbers'),
        (
            set_cell(0, "involvement", -1),
            'row 2   involvement   found "-1". Whole numbers from 0 to 6',
        ),
        (set_cell(0, "subject", "  "), "row 2   subject   empty. Fill it in."),
        (set_cell(0, "visit", ""), "row 2   visit   empty. Fill it in."),
        (set_cell(0, "subject", "a/b"), 'row 2   subject   found "a/b". No slashes'),
        (
            set_cell(0, "region", "trnk"),
            'row 2   region   found "trnk", which is no region. Did you mean "trunk"?',
        ),
        (set_cell(0, "day", "monday"), 'row 2   day   found "monday". A number of days'),
        (set_cell(0, "day", "inf"), 'row 2   day   found "inf". A number of days'),
        (set_cell(0, "photo", ""), "row 2   photo   empty. Fill it in."),
        (
            set_cell(0, "photo", "../secret.jpg"),
            'row 2   photo   found "../secret.jpg", which leaves the photographs\' folder. Move',
        ),
        (set_cell(0, "photo", "/etc/hosts"), 'found "/etc/hosts", an absolute path.'),
        (set_cell(0, "photo", "C:\\p.jpg"), 'found "C:\\p.jpg", an absolute path.'),
        (
            set_cell(0, "photo", "lost.jpg"),
            'row 2   photo   found "lost.jpg", and there is no such file. Correct the path or',
        ),
        (
            set_cell(0, "photo", "S0-V0-TRUNK-0.JPG"),
            'and there is no such file. There is "s0-v0-trunk-0.jpg": mind the case.',
        ),
        (set_cell(0, "photo", "arm\\1.jpg"), 'no such file. Write "/" between folders.'),
        (set_cell(0, "photo", "."), 'found ".", which is not a file.'),
        (set_cell(0, "photo", "x" * 300), "which cannot be looked up"),
        (
            set_cell(1, "photo", "./s0-v0-trunk-0.jpg"),
            'rows 2, 3   photo   found "s0-v0-trunk-0.jpg" 2 times. A photo is listed once',
        ),
        (
            set_cell(1, "erythema", 4),
            "rows 2, 3   erythema   found 0 (row 2) and 4 (row 3) for 001/v1/trunk; a region has "
            "one score a visit: correct the wrong ones.",
        ),
        (
            set_cell(2, "day", 3.5),
            "rows 2, 3, 4   day   found 0 (rows 2, 3) and 3.5 (row 4) for 001/v1; a visit has one",
        ),
    ],
)
def test_a_mistake_in_a_row_is_named(trial: Trial, change: Change, expected: str) -> None:
    path, rows = trial()
    change(rows)
    message = refusal(write_csv(path, rows))
    assert message.startswith(f"{path}: 1 problem\n")
    assert expected in message


def test_all_mistakes_come_in_one_message_and_only_twenty_are_shown(trial: Trial) -> None:
    path, rows = trial(num_subjects=4, num_visits=3)
    for row in rows:
        row["erythema"] = 9
    message = refusal(write_csv(path, rows))
    assert message.startswith(f"{path}: 36 problems\n")
    assert "row 21   erythema" in message
    assert "row 22" not in message
    assert message.endswith("… and 16 more")


def test_a_symlink_that_leaves_the_folder_is_refused(trial: Trial, tmp_path: Path) -> None:
    path, rows = trial()
    outside = tmp_path / "outside.jpg"
    outside.write_bytes((path.parent / rows[0]["photo"]).read_bytes())
    (path.parent / "link.jpg").symlink_to(outside)
    rows[0]["photo"] = "link.jpg"
    assert 'found "link.jpg", which leaves the photographs\' folder' in refusal(
        write_csv(path, rows)
    )


def test_a_hard_link_is_the_same_photo_twice(trial: Trial) -> None:
    path, rows = trial()
    os.link(path.parent / rows[0]["photo"], path.parent / "again.jpg")
    rows[5]["photo"] = "again.jpg"
    assert f'rows 2, 7   photo   found "{rows[0]["photo"]}" 2 times' in refusal(
        write_csv(path, rows)
    )


def test_a_path_that_stays_inside_is_allowed(trial: Trial) -> None:
    path, rows = trial()
    (path.parent / "sub").mkdir()
    rows[0]["photo"] = f"sub/../{rows[0]['photo']}"
    assert read_manifest(write_csv(path, rows)).num_subjects == 3


def test_more_photos_than_tiles(trial: Trial) -> None:
    path, rows = trial()
    for row in rows[:6]:
        row.update(rows[0] | {"photo": row["photo"]})
    message = refusal(write_csv(path, rows))
    assert "rows 2, 3, 4, 5, 6, 7   photo   found 6 photos of 001/v1/trunk. A mosaic holds at" in (
        message
    )


def test_lookalike_subjects_and_visits(trial: Trial) -> None:
    path, rows = trial()
    for row in rows:
        row["subject"] = {"001": "Ann", "002": "Bob", "003": "ANN "}[row["subject"]]
    for row in rows[12:]:
        row["visit"] = f"late {row['visit']}"
    rows[0]["visit"] = "V 1"
    message = refusal(write_csv(path, rows))
    assert 'subject   found "Ann" and "ANN", which look the same. Write one of them' in message
    assert 'visit     found "V 1" and "v1" of subject "Ann", which look the same.' in message


SAME_NUMBER = [
    ("007", "7"), ("3", "3.0"), ("7", "+7"), ("1.98E+11", "198000000000"), ("0", "000"),
    ("P007", "P7"), ("sub-01-2", "SUB-1-02"), ("P-000", "p-0"), ("１２", "0012"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME_NUMBER)
@pytest.mark.parametrize("column", ["subject", "visit"])
def test_one_person_under_two_spellings_of_a_number_is_a_mistake(
    trial: Trial, column: str, one: str, other: str
) -> None:
    path, rows = trial(num_subjects=4, num_visits=3)
    for row in rows:
        names = {"001": one, "002": other, "v1": one, "v2": other}
        row[column] = names.get(row[column], f"other {row[column]}")
    message = refusal(write_csv(path, rows))
    of = "" if column == "subject" else ' of subject "001"'
    assert f'{column}   found "{one}" and "{other}"{of}, which are the same number.' in message
    assert 'by more than zeros or write "yes" in a column distinct_id.' in message
    # Said to be two in the rows of one of them, they are two.
    for row in rows:
        row["distinct_id"] = "yes" if row[column] == other else ""
    said = read_manifest(write_csv(path, rows, [*COLUMNS, "distinct_id"]))
    assert {one, other} <= set(said.photos[column])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7", "70"), ("7", "-7"), ("1.1", "1.11"), ("1-1", "1-10"), ("P10", "P1"), ("P7", "Q7"),
        ("10000000000000001", "10000000000000002"), ("1e5", "1e6"), ("0", "1"), ("7a", "7b"),
    ],
)  # fmt: skip
def test_different_numbers_are_different_people(trial: Trial, one: str, other: str) -> None:
    path, rows = trial()
    for row in rows:
        row["subject"] = {"001": one, "002": other}.get(row["subject"], f"other {row['subject']}")
    assert read_manifest(write_csv(path, rows)).num_subjects == 3


def test_of_three_spellings_two_must_be_said_to_be_distinct(trial: Trial) -> None:
    path, rows = trial()
    for row in rows:
        row["subject"] = {"001": "7", "002": "07", "003": "007"}[row["subject"]]
        row["distinct_id"] = "yes" if row["subject"] == "07" else "no"
    columns = [*COLUMNS, "distinct_id"]
    assert 'found "7" and "07" and "007", which are the same' in refusal(
        write_csv(path, rows, columns)
    )
    for row in rows:
        row["distinct_id"] = "yes" if row["subject"] != "007" else "perhaps"
    assert 'distinct_id   found "perhaps". Write "yes"' in refusal(write_csv(path, rows, columns))


def test_subjects_that_a_spreadsheet_rounded_are_a_warning(trial: Trial) -> None:
    path, rows = trial()
    for row in rows:
        row["subject"] = {"001": "1.98E+11", "002": "2.01E+11", "003": "12E4"}[row["subject"]]
    warnings = [each.message for each in read_manifest(write_csv(path, rows)).warnings]
    assert [each.split(" looks like")[0] for each in warnings] == ['"1.98E+11"', '"2.01E+11"']


def test_one_subject_is_not_enough(trial: Trial) -> None:
    path, _ = trial(num_subjects=1)
    assert 'all rows   subject   found only "001". At least 2 subjects are needed' in refusal(path)


def test_fewer_subjects_than_the_split_needs(trial: Trial) -> None:
    path, _ = trial(num_subjects=4)
    manifest = read_manifest(path)
    check_enough_subjects(manifest, SplitSpec(num_folds=3))
    with pytest.raises(InputError) as caught:
        check_enough_subjects(manifest, SplitSpec(num_folds=5))
    assert (
        "subjects   found 4. 5 folds and a test set, each of whole subjects, need at least 6. "
        "Add subjects, or lower split.num_folds to 3." in str(caught.value)
    )


def test_severity_without_involved_skin_is_a_warning(trial: Trial) -> None:
    path, rows = trial()
    rows[2]["involvement"], rows[2]["erythema"] = 0, 2
    (warning,) = read_manifest(write_csv(path, rows)).warnings
    assert warning.where == "row 4"
    assert "found 0 beside a severity above 0 for 001/v1/upper_extremities." in warning.message


def test_a_day_given_once_holds_for_the_visit(trial: Trial) -> None:
    path, rows = trial()
    rows[0]["day"] = 5
    rows[1]["day"] = rows[2]["day"] = ""
    assert read_manifest(write_csv(path, rows)).photos["day"].tolist()[:3] == [5.0, 5.0, 5.0]


def test_the_day_may_be_left_out_and_other_columns_may_be_there(trial: Trial) -> None:
    path, rows = trial()
    for row in rows:
        row["dya"] = row["label"] = "x"
    columns = [*(name for name in COLUMNS if name != "day"), "dya", "label", "camera"]
    manifest = read_manifest(write_csv(path, rows, columns))
    assert manifest.photos["day"].isna().all()
    (warning,) = manifest.warnings
    assert (warning.where, warning.what) == ("header", "dya")
    assert warning.message == 'this column is ignored. Did you mean "day"?'


def test_missing_columns_offer_the_nearest(trial: Trial) -> None:
    path, rows = trial()
    for row in rows:
        row["scalling"], row["Photo"] = row["scaling"], row["photo"]
    columns = ["Photo", "subject", "visit", "erythema", "induration", "scalling", "involvement"]
    message = refusal(write_csv(path, rows, columns))
    assert message.startswith(f"{path}: 3 problems\n")
    assert 'header   photo     this column is missing. Found "Photo": rename it.' in message
    assert 'header   scaling   this column is missing. Found "scalling": rename it.' in message
    assert "header   region    this column is missing. Add it." in message
    assert message.endswith("induration, scaling, involvement.")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "file   is empty. A manifest has a header"),
        (b" \n\n", "file   is empty."),
        (b"PK\x03\x04....", "file   is not a readable workbook (File is not a zip file). Save"),
        ("photo".encode("utf-16"), "header   subject       this column is missing. Add it."),
        (b"\xff\xfep\0h\0o\0\x00\xd8", "which is not UTF-16. Save the file as"),
        (b"\x1f\x8b\x08 not packed", "file   cannot be unpacked ("),
        (b"photo,subject\na,b\nc,\xe9\n", "row 3   found byte 0xe9, which is not UTF-8. Save the"),
        (b"photo,subject,photo\n", "header   photo   found twice. Each column is given once"),
        (b'photo,subject\n"a,b\n', "row 2   not readable as CSV (unexpected end of data)."),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "row 1   found byte 0x89, which is not UTF-8."),
    ],
)
def test_files_that_are_no_manifest(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    assert expected in refusal(path)


def test_a_missing_file_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("x")
    message = refusal(tmp_path / "manifst.csv")
    assert f'file   not found. Did you mean "{tmp_path / "manifest.csv"}"?' in message
    assert "file   cannot be read (Is a directory)" in refusal(tmp_path)


def test_rows_with_too_few_or_no_cells(trial: Trial) -> None:
    path, rows = trial()
    write_csv(path, rows)
    path.write_text(path.read_text() + "\nonly,three,cells\n")
    message = refusal(path)
    # Empty cells at the end of a row are left out by spreadsheets.
    assert f"row {len(rows) + 3}   region        empty, which is no region." in message
    path.write_text(path.read_text() + "a," * 11 + "a\n")
    found = " ".join(refusal(path).split())
    assert f"row {len(rows) + 4} found 12 cells, the header has 9. Put quotes" in found


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert "file   found no rows." in refusal(write_csv(tmp_path / "manifest.csv", []))


def test_rows_are_counted_as_lines_of_the_file(trial: Trial) -> None:
    path, rows = trial()
    rows[0]["day"] = "0\n"
    rows[1]["erythema"] = 9
    assert "row 4   erythema" in refusal(write_csv(path, rows))


def test_a_byte_order_mark_is_passed_over(trial: Trial) -> None:
    path, _ = trial()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_manifest(path).num_subjects == 3


def test_parquet_reads_the_same(trial: Trial) -> None:
    path, rows = trial()
    frame = pd.DataFrame(rows)
    frame["erythema"] = frame["erythema"].astype(float)
    frame.to_parquet(path.with_suffix(".parquet"))
    from_csv, from_parquet = read_manifest(path), read_manifest(path.with_suffix(".parquet"))
    pd.testing.assert_frame_equal(
        from_csv.photos.drop(columns="row"), from_parquet.photos.drop(columns="row")
    )
    frame.loc[3, "erythema"] = 2.5
    frame.loc[4, "subject"] = None
    frame.to_parquet(path.with_suffix(".parquet"))
    message = refusal(path.with_suffix(".parquet"))
    assert 'row 3   erythema   found "2.5"' in message
    assert "row 4   subject    empty." in message


def test_parquet_numbers_become_plain_identifiers(trial: Trial) -> None:
    path, rows = trial()
    frame = pd.DataFrame(rows).assign(subject=lambda each: each["subject"].astype(float))
    frame.to_parquet(path.with_suffix(".parquet"))
    photos = read_manifest(path.with_suffix(".parquet")).photos
    assert photos["subject"].unique().tolist() == ["1", "2", "3"]


def test_corrupt_parquet(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    path.write_bytes(b"PAR1 and no more")
    assert "file   is a corrupt Parquet file (" in refusal(path)
    path.write_text("photo,subject\n")
    assert "file   is not a Parquet file, whatever its name says." in refusal(path)


def test_reading_writes_nothing(trial: Trial, tmp_path: Path) -> None:
    path, rows = trial()
    rows[0]["erythema"] = 9
    write_csv(path, rows)
    before = sorted(tmp_path.rglob("*"))
    refusal(path)
    assert sorted(tmp_path.rglob("*")) == before
