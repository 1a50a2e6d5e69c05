"""Tables as spreadsheets of all countries write them, and photographs where tables do not say."""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from foldgrid.cli.main import main
from foldgrid.data.manifest import photo_paths
from foldgrid.data.manifest.labelled import read_labelled_manifest
from foldgrid.data.manifest.measured import read_measured_manifest
from foldgrid.data.manifest.scored import read_manifest
from foldgrid.specs.errors import InputError
from tests.data.small_trials import LABELLED_COLUMNS, Row, Trial, paint, write_csv

COLUMNS = ["photo", "subject", "label", "day"]
Study = Callable[..., tuple[Path, list[Row]]]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Four photographs of four people, and what a table says of them."""

    def make(photos: Path = tmp_path) -> tuple[Path, list[Row]]:
        rows = []
        for number in range(4):
            name = f"p{number}.png"
            photos.mkdir(parents=True, exist_ok=True)
            paint(number).save(photos / name)
            label = ("mild", "severe")[number % 2]
            rows.append({"photo": name, "subject": f"00{number}", "label": label, "day": number})
        return write_csv(tmp_path / "manifest.csv", rows, COLUMNS), rows

    return make


def refusal(path: Path, root: Path | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_labelled_manifest(path, root)
    return str(caught.value)


def as_text(rows: list[Row], separator: str = ",", end: str = "\r\n") -> str:
    lines = [separator.join(COLUMNS)]
    lines += [separator.join(str(row[name]) for name in COLUMNS) for row in rows]
    return end.join([*lines, ""])


WRITTEN: dict[str, Callable[[list[Row]], bytes]] = {
    "semicolons of a German Excel": lambda rows: as_text(rows, ";").encode("utf-8-sig"),
    "tabs": lambda rows: as_text(rows, "\t").encode(),
    "a line sep=": lambda rows: f"sep=;\r\n{as_text(rows, ';')}".encode("utf-8-sig"),
    "a line sep= in quotes": lambda rows: f'"sep=,"\r\n{as_text(rows)}'.encode(),
    "UTF-16 with its mark": lambda rows: as_text(rows, "\t").encode("utf-16"),
    "UTF-16 without": lambda rows: as_text(rows, "\t").encode("utf-16-le"),
    "UTF-16, big end first": lambda rows: as_text(rows, ";").encode("utf-16-be"),
    "packed": lambda rows: gzip.compress(as_text(rows).encode()),
    "cells too many": lambda rows: as_text(rows).replace("\r\n", ",,\r\n").encode(),
    "cells too few": lambda rows: as_text(rows).replace(",0\r\n", "\r\n").encode(),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_spreadsheet_s_table_is_read(study: Study, how: str) -> None:
    path, rows = study()
    path.write_bytes(WRITTEN[how](rows))
    photos = read_labelled_manifest(path).photos
    for name in ("photo", "subject", "label"):
        assert photos[name].tolist() == [row[name] for row in rows]
    assert photos["day"].tolist()[1:] == [1.0, 2.0, 3.0]


def test_a_line_sep_keeps_the_numbers_of_the_lines(study: Study) -> None:
    path, rows = study()
    rows[1]["photo"] = "lost.png"
    path.write_text(f"sep=,\n{as_text(rows, end=chr(10))}")
    assert 'row 4   photo   found "lost.png"' in refusal(path)


def test_a_workbook_is_read_where_one_sheet_is_filled(study: Study) -> None:
    path, rows = study()
    book = openpyxl.Workbook()
    sheet = book.active
    for line in (COLUMNS, *([row[name] for name in COLUMNS] for row in rows)):
        sheet.append(line)
    sheet["B2"] = "000"
    book.create_sheet("notes")
    book.save(path.with_suffix(".xlsx"))
    photos = read_labelled_manifest(path.with_suffix(".xlsx")).photos
    assert photos["subject"].tolist() == ["000", "001", "002", "003"]
    assert photos["day"].tolist() == [0.0, 1.0, 2.0, 3.0]
    book["notes"]["A1"] = "seen twice"
    book.save(path.with_suffix(".xlsx"))
    assert "found the sheets Sheet, notes. Give a workbook with one filled sheet" in refusal(
        path.with_suffix(".xlsx")
    )


@pytest.mark.parametrize(("separator", "is_number"), [(";", True), (",", False)])
def test_commas_are_decimal_where_they_separate_nothing(
    study: Study, separator: str, is_number: bool
) -> None:
    path, rows = study()
    lines = [separator.join(["photo", "subject", "value"])]
    lines += [separator.join([row["photo"], row["subject"], f'"{row["day"]},5"']) for row in rows]
    path.write_text("\n".join(lines))
    if is_number:
        assert read_measured_manifest(path).photos["value"].tolist() == [0.5, 1.5, 2.5, 3.5]
    else:
        with pytest.raises(InputError, match=r'found "0,5"\. A number is needed'):
            read_measured_manifest(path)


def test_an_underscore_is_no_number(study: Study) -> None:
    path, rows = study()
    rows[0]["day"] = "1_0"
    assert 'day   found "1_0". A number of days' in refusal(write_csv(path, rows, COLUMNS))


@pytest.mark.parametrize(
    ("labels", "is_refused"),
    [(("-1", "1"), False), (("HER2-", "HER2"), False), (("HER2-", "HER2+"), False),
     (("0", "0.0"), True), (("acral-lentiginous", "acral lentiginous"), True)],
)  # fmt: skip
def test_labels_that_differ_by_a_sign_differ(
    study: Study, labels: tuple[str, str], is_refused: bool
) -> None:
    path, rows = study()
    for number, row in enumerate(rows):
        row["label"] = labels[number % 2]
    write_csv(path, rows, COLUMNS)
    if is_refused:
        assert "label   found" in refusal(path)
    else:
        assert read_labelled_manifest(path).labels == tuple(sorted(labels))


def test_columns_of_parquet_that_differ_by_a_blank_are_found_twice(study: Study) -> None:
    path, rows = study()
    table = pd.DataFrame(rows).assign(**{"label ": "other"})
    table.to_parquet(path.with_suffix(".parquet"))
    assert "header   label   found twice" in refusal(path.with_suffix(".parquet"))


def test_one_subject_with_most_photographs_is_a_warning(labelled: Trial) -> None:
    path, rows = labelled(num_subjects=12)
    for row in rows[:16]:
        row["subject"], row["case"], row["label"], row["taxonomy"] = "unknown", "", "healthy", ""
    (warning,) = [
        each
        for each in read_labelled_manifest(write_csv(path, rows, LABELLED_COLUMNS)).warnings
        if each.what == "subject"
    ]
    assert '"unknown" has 16 of 24 photographs' in warning.message
    assert "people whose names are not known" in warning.message


# --- where photographs lie


def test_photographs_on_a_share_have_a_manifest_elsewhere(study: Study, tmp_path: Path) -> None:
    share = tmp_path / "share"
    path, _ = study(share)
    assert "and there is no such file" in refusal(path)
    manifest = read_labelled_manifest(path, share)
    assert manifest.photos["path"].tolist()[0] == str((share / "p0.png").resolve())
    assert manifest.folder == share
    assert "photos   is not there. Name the folder" in refusal(path, tmp_path / "nowhere")
    assert "photos   is not a folder" in refusal(path, path)


@pytest.mark.parametrize("kind", ["scored", "labelled", "measured"])
def test_every_kind_of_manifest_has_a_root(
    trial: Trial, study: Study, tmp_path: Path, kind: str
) -> None:
    path, rows = trial() if kind == "scored" else study(tmp_path / "photos")
    if kind == "measured":
        values = [{**row, "value": row["day"]} for row in rows]
        write_csv(path, values, ["photo", "subject", "value"])
    root = path.parent if kind == "scored" else tmp_path / "photos"
    moved = tmp_path / "tables" / "m.csv"
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    read = {
        "scored": read_manifest, "labelled": read_labelled_manifest,
        "measured": read_measured_manifest,
    }[kind]  # fmt: skip
    assert len(read(moved, root).photos) == len(rows)


@pytest.mark.parametrize(
    ("on_disk", "written", "hint"),
    [
        ("p0.JPG", "p0.jpg", 'There is "p0.JPG": mind the case.'),
        ("p0.jpeg", "p0.jpg", 'There is "p0.jpeg": mind the ending.'),
        ("p0.jpg", "p0", 'There is "p0.jpg": mind the ending.'),
        ("below/p0.jpg", "p0.jpg", 'There is "below/p0.jpg": correct the folder.'),
        ("image_00017.jpg", "image_0017.jpg", 'Did you mean "image_00017.jpg"?'),
    ],
)
def test_a_wrong_name_gets_the_right_hint(
    study: Study, tmp_path: Path, on_disk: str, written: str, hint: str
) -> None:
    path, rows = study(tmp_path / "photos")
    (tmp_path / "photos" / on_disk).parent.mkdir(exist_ok=True)
    (tmp_path / "photos" / "p0.png").rename(tmp_path / "photos" / on_disk)
    rows[0]["photo"] = written
    assert hint in refusal(write_csv(path, rows, COLUMNS), tmp_path / "photos")


def test_names_unpacked_by_a_mac_are_found(study: Study, tmp_path: Path) -> None:
    path, rows = study()
    composed, unpacked = (unicodedata.normalize(form, "José/né.png") for form in ("NFC", "NFD"))
    (tmp_path / unpacked).parent.mkdir()
    (tmp_path / "p0.png").rename(tmp_path / unpacked)
    rows[0]["photo"] = composed
    photos = read_labelled_manifest(write_csv(path, rows, COLUMNS)).photos
    assert photos["path"][0] == str((tmp_path / unpacked).resolve())


def test_thousands_of_wrong_names_cost_one_listing(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = study()
    listed: list[Path] = []

    def names_in(folder: Path) -> dict[str, list[str]]:
        listed.append(folder)
        return {"p0.png": ["p0.png"]}

    monkeypatch.setattr(photo_paths, "_names_in", names_in)
    write_csv(path, [{**rows[0], "photo": f"q{number}.png"} for number in range(2000)], COLUMNS)
    assert "2000 problems" in refusal(path).replace(",", "")
    assert len(listed) == 1


def test_headers_alone_are_read_where_that_is_asked_for(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    path, rows = study()
    photo = path.parent / rows[0]["photo"]
    photo.write_bytes(photo.read_bytes()[:-40])
    assert main(["data", "check", str(path), "--folds", "2"]) == 2
    assert "p0.png   cannot be decoded" in capsys.readouterr().err
    assert main(["data", "check", str(path), "--folds", "2", "--headers-only"]) == 0
    said = capsys.readouterr().out
    assert "no mistakes in the table and the headers" in said
    assert "4 PNG, from" in said
    more = ["--headers-only", "--records", str(path.parent / "r.csv")]
    assert main(["data", "check", str(path), *more]) == 2
    assert "looks at no pixel: leave out --records" in capsys.readouterr().err


def test_what_a_terminal_would_obey_is_written_out(study: Study) -> None:
    path, rows = study()
    rows[0]["photo"] = "p\x1b]0;gotcha\x07.png"
    rows[1]["subject"] = "a\u202eb"
    message = refusal(write_csv(path, rows, COLUMNS))
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert r"p\x1b]0;gotcha\x07.png" in message
