"""Every mistake a labelled manifest can hold, what is said about it, and what is only odd."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.data.manifest.checks import manifest_kind
from foldgrid.data.manifest.labelled import read_labelled_manifest
from foldgrid.data.manifest.scored import read_manifest
from foldgrid.specs.errors import InputError
from tests.data.small_trials import Row, paint, write_csv

COLUMNS = ["photo", "subject", "case", "label", "taxonomy", "visit", "day", "grade_a", "grade_b"]
WAYS = {
    "eczema": "inflammatory/eczema",
    "psoriasis": "inflammatory/psoriasis",
    "healthy": "healthy",
}
Change = Callable[[list[Row]], None]


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Six subjects with a case of two photos each, two of every label."""
    made: list[Row] = []
    for number in range(12):
        name = f"{number}.png"
        paint(number).save(tmp_path / name)
        subject, label = number // 2, list(WAYS)[number // 4]
        made.append(
            {
                "photo": name,
                "subject": f"{subject:03d}",
                "case": f"c{subject}",
                "label": label,
                "taxonomy": WAYS[label],
                "visit": "v1",
                "day": 3 * subject,
                "grade_a": label,
                "grade_b": label if number % 3 else "",
            }
        )
    return made


def write(tmp_path: Path, rows: list[Row], columns: list[str] | None = None) -> Path:
    return write_csv(tmp_path / "manifest.csv", rows, columns or COLUMNS)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_labelled_manifest(path)
    return str(caught.value)


def set_cell(index: int, column: str, value: object) -> Change:
    return lambda rows: rows[index].__setitem__(column, value)


def set_cells(indices: range, column: str, value: object) -> Change:
    return lambda rows: [rows[index].__setitem__(column, value) for index in indices] and None


def test_a_good_manifest_reads(tmp_path: Path, rows: list[Row]) -> None:
    manifest = read_labelled_manifest(write(tmp_path, rows))
    assert manifest.warnings == ()
    assert manifest.num_subjects == 6
    assert manifest.labels == ("eczema", "healthy", "psoriasis")
    assert (manifest.photos["taxonomy"] != "").any()
    assert manifest.raters == ("grade_a", "grade_b")
    assert manifest.photos["subject"].iloc[2] == "001"
    assert manifest.photos["row"].tolist() == list(range(2, 14))
    assert manifest.photos["day"].iloc[4] == 6.0
    assert Path(manifest.photos["path"].iloc[0]) == tmp_path / "0.png"


def test_three_columns_are_enough(tmp_path: Path, rows: list[Row]) -> None:
    path = write(tmp_path, rows, ["photo", "subject", "label"])
    manifest = read_labelled_manifest(path)
    assert set(manifest.photos["case"]) == {""}
    assert (manifest.photos["taxonomy"] == "").all()
    assert np.isnan(manifest.photos["day"]).all()
    assert manifest.warnings == ()


def test_parquet_reads_the_same(tmp_path: Path, rows: list[Row]) -> None:
    from_csv = read_labelled_manifest(write(tmp_path, rows)).photos.drop(columns="row")
    pd.DataFrame(rows).to_parquet(tmp_path / "manifest.parquet")
    from_parquet = read_labelled_manifest(tmp_path / "manifest.parquet").photos
    pd.testing.assert_frame_equal(from_csv, from_parquet.drop(columns="row"))


def test_what_one_row_says_holds_for_its_visit_and_its_label(
    tmp_path: Path, rows: list[Row]
) -> None:
    rows[3]["day"] = ""
    for row in rows[5:8]:
        row["taxonomy"] = ""
    photos = read_labelled_manifest(write(tmp_path, rows)).photos
    assert photos["day"].tolist()[2:4] == [3.0, 3.0]
    assert set(photos["taxonomy"][4:8]) == {"inflammatory/psoriasis"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (set_cell(0, "label", " "), "row 2   label   empty. Fill it in."),
        (set_cell(0, "label", "a/b"), 'row 2   label   found "a/b". No slashes'),
        (set_cell(0, "case", "c/1"), 'row 2   case   found "c/1". No slashes'),
        (set_cell(0, "subject", ""), "row 2   subject   empty. Fill it in."),
        (set_cell(0, "day", "monday"), 'row 2   day   found "monday". A number of days'),
        (set_cell(0, "photo", "../x.png"), "which leaves the photographs' folder. Move"),
        (set_cell(0, "photo", "lost.png"), "and there is no such file. Correct the path or"),
        (set_cell(0, "taxonomy", "a//eczema"), 'found "a//eczema". Names from the root to the'),
        (
            set_cell(1, "photo", "0.png"),
            'rows 2, 3   photo   found "0.png" 2 times. A photo is listed once: keep one row.',
        ),
        (
            set_cell(4, "photo", "0.png"),
            'rows 2, 6   label   found "0.png" under the labels "eczema" (row 2) and "psoriasis" '
            "(row 6). A photo has one: keep that row.",
        ),
        (
            set_cells(range(4, 6), "case", "c0"),
            'rows 2, 3, 6, 7   label     found "eczema" (rows 2, 3) and "psoriasis" (rows 6, 7) '
            "for c0; a case has one label: correct the wrong ones.",
        ),
        (
            set_cells(range(2, 4), "case", "c0"),
            'found "000" (rows 2, 3) and "001" (rows 4, 5) for c0; a case belongs to one subject',
        ),
        (set_cell(1, "day", 9), "found 0 (row 2) and 9 (row 3) for 000/v1; a visit has one day"),
        (
            set_cells(range(2, 4), "case", "C0"),
            'found "c0" and "C0", which look the same.',
        ),
        (
            set_cells(range(4, 6), "taxonomy", "Inflammatory/psoriasis"),
            'found "inflammatory" and "Inflammatory", which look the same.',
        ),
        (
            set_cells(range(4, 6), "taxonomy", "inflammatory/psoriasi"),
            'row 6   taxonomy   found "inflammatory/psoriasi", which ends in "psoriasi", beside '
            'the label "psoriasis". The last name is the label: correct one of them.',
        ),
        (
            set_cells(range(4, 6), "taxonomy", "other/psoriasis"),
            'found "inflammatory/psoriasis" (rows 8, 9) and "other/psoriasis" (rows 6, 7) for '
            "psoriasis; a label has one place in the hierarchy",
        ),
        (
            set_cells(range(8, 12), "taxonomy", ""),
            'taxonomy   empty for the label "healthy", which has no place in the hierarchy. Write',
        ),
        (set_cell(0, "grade_a", "Eczema "), 'found "Eczema" and "eczema", which look the same.'),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, rows: list[Row], change: Change, expected: str) -> None:
    change(rows)
    path = write(tmp_path, rows)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert expected in message


@pytest.mark.parametrize("spelling", ["Psoriasis", "psor iasis", "PSORIASIS", "pso-riasis"])
def test_labels_that_look_the_same_are_a_mistake(
    tmp_path: Path, rows: list[Row], spelling: str
) -> None:
    rows[4]["label"] = spelling
    rows[4]["case"] = ""
    path = write(tmp_path, rows, ["photo", "subject", "case", "label"])
    assert f'found "{spelling}" and "psoriasis", which look the same.' in refusal(path)


@pytest.mark.parametrize(("one", "other"), [("0", "0.0"), ("1", "01"), ("stage 1", "Stage 01")])
def test_labels_that_are_the_same_number_are_a_mistake(
    tmp_path: Path, rows: list[Row], one: str, other: str
) -> None:
    rows[4]["label"], rows[5]["label"] = one, other
    for row in rows[4:6]:
        row["case"] = ""
    path = write(tmp_path, rows, ["photo", "subject", "case", "label"])
    assert f'found "{one}" and "{other}", which are the same number.' in refusal(path)


def test_labels_that_are_different_numbers_are_different(tmp_path: Path, rows: list[Row]) -> None:
    for number, row in enumerate(rows):
        row["label"], row["case"] = ("1.5", "15", "-15", "0.15")[number // 2 % 4], ""
    path = write(tmp_path, rows, ["photo", "subject", "case", "label"])
    assert len(read_labelled_manifest(path).labels) == 4


def test_blanks_around_a_label_are_nothing(tmp_path: Path, rows: list[Row]) -> None:
    rows[4]["label"] = " psoriasis  "
    assert len(read_labelled_manifest(write(tmp_path, rows)).labels) == 3


def test_all_mistakes_come_in_one_message(tmp_path: Path, rows: list[Row]) -> None:
    rows[0]["label"] = ""
    rows[5]["photo"] = "lost.png"
    rows[7]["day"] = "x"
    message = refusal(write(tmp_path, rows))
    assert "3 problems" in message
    assert "row 2 " in message
    assert "row 7 " in message
    assert "row 9 " in message


def test_one_label_or_one_subject_is_too_little(tmp_path: Path, rows: list[Row]) -> None:
    path = write(tmp_path, rows[:4])
    assert 'all rows   label   found only "eczema". At least 2 labels' in refusal(path)
    for row in rows:
        row |= {"subject": "x", "case": "", "visit": ""}
    assert 'all rows   subject   found only "x"' in refusal(write(tmp_path, rows))


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path, rows: list[Row]) -> None:
    renamed = [{("lable" if key == "label" else key): row[key] for key in row} for row in rows]
    path = write(tmp_path, renamed, ["photo", "subject", "lable"])
    message = refusal(path)
    assert 'header   label   this column is missing. Found "lable": rename it.' in message
    assert "A labelled manifest has the columns photo, subject, label." in message


def test_a_rater_without_a_name(tmp_path: Path, rows: list[Row]) -> None:
    named = [row | {"grade_": "1"} for row in rows]
    assert "found a column without a rater" in refusal(write(tmp_path, named, [*COLUMNS, "grade_"]))


def test_what_is_odd_is_a_warning(tmp_path: Path, rows: list[Row]) -> None:
    rows[10] |= {"label": "eczemas", "case": "", "taxonomy": "eczema/eczemas"}
    for row in rows[:4]:
        row["taxonomy"] = "eczema"
    rows[1] |= {"grade_a": "psoriasiss"}
    rows[3] |= {"grade_a": "", "grade_b": ""}
    for row in rows:
        row |= {"grade_c": "", "remark": "dry"}
    rows[8]["taxonomy"] = rows[9]["taxonomy"] = rows[11]["taxonomy"] = "healthy"
    path = write(tmp_path, rows, [*COLUMNS, "grade_c", "remark"])
    said = [f"{each.where} {each.what}: {each.message}" for each in (
        read_labelled_manifest(path).warnings
    )]  # fmt: skip
    assert said == [
        'header remark: this column is ignored. Did you mean "remarks"?',
        'row 12 label: "eczemas": found once. It cannot be both learned and tested. '
        'Did you mean "eczema"?',
        'rows 2, 3, 4, 5 taxonomy: "eczema" is a label and also holds others, such as '
        '"eczema/eczemas".',
        "all rows grade_c: empty. This rater annotated nothing: drop the column.",
        "row 5 grade_…: nobody annotated these photos; their label stands alone.",
        'row 3 grade_a: "psoriasiss": found once. Did you mean "psoriasis"?',
    ]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (["photo", "subject", "label"], "single"),
        (["photo", "subject", "lable"], "single"),
        (["photo", "subject", "taxonomy"], "single"),
        (["photo", "subject", "grade_a"], "single"),
        (["photo", "subject", "visit"], "mosaics"),
        (["photo", "subject", "visit", "region", "label"], "mosaics"),
        (["photo", "subject", "label", "scaling"], "mosaics"),
    ],
)
def test_the_header_tells_the_kind(columns: list[str], kind: str) -> None:
    assert manifest_kind(columns) == kind


def test_the_scored_reader_says_what_a_labelled_manifest_lacks(
    tmp_path: Path, rows: list[Row]
) -> None:
    with pytest.raises(InputError, match="region"):
        read_manifest(write(tmp_path, rows))
