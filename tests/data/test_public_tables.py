"""Tables as archives publish them, and the manifests that they become."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.cli.main import main
from foldgrid.data.manifest.labelled import read_labelled_manifest
from foldgrid.data.manifest.measured import read_measured_manifest
from tests.data.small_trials import paint

HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization\n" + "".join(
    f"HAM_{number // 2},ISIC_{number},{('nv', 'mel')[number // 2 % 2]},histo,{40 + number},male,x\n"
    for number in range(8)
)
SIIM = "image_name,patient_id,sex,age_approx,diagnosis,benign_malignant,target\n" + "".join(
    f"ISIC_{number},IP_{number // 2},male,45,{('nevus', 'melanoma')[number % 2]},benign,0\n"
    for number in range(8)
)
APTOS = "id_code,diagnosis\n" + "".join(f"ISIC_{number},{number % 4}\n" for number in range(8))
ONE_HOT = "image,MEL,NV,BCC\n" + "".join(
    f"ISIC_{number},{','.join('1.0' if place == number % 3 else '0.0' for place in range(3))}\n"
    for number in range(8)
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(8):
        folder = tmp_path / "photos" / f"part_{number % 2 + 1}"
        folder.mkdir(parents=True, exist_ok=True)
        paint(number).save(folder / f"ISIC_{number}.jpg")
    return tmp_path / "photos"


def run(table: str, photos: Path, *more: str) -> int:
    path = photos.parent / "table.csv"
    path.write_text(table)
    return main(["data", "import", str(path), "--photos", str(photos), *more])


def test_ham10000_holds_out_lesions_and_says_what_that_means(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(HAM, photos) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "photo from image_id, case from lesion_id, label from dx" in said
    assert "8 photos without a patient: lesions are held out instead" in said
    assert f"foldgrid data check {photos}/manifest.csv" in said
    manifest = read_labelled_manifest(photos / "manifest.csv")
    assert manifest.labels == ("mel", "nv")
    assert manifest.num_subjects == 4
    assert manifest.unknown_person == "patient"
    assert manifest.photos["photo"][1] == "part_2/ISIC_1.jpg"
    # What only describes stays: subgroups are found by it.
    assert {"age", "sex", "localization"} <= set(manifest.described)


def test_a_table_that_tells_patients_needs_no_warning(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SIIM, photos) == 0
    assert "without a patient" not in capsys.readouterr().out
    manifest = read_labelled_manifest(photos / "manifest.csv")
    assert (manifest.num_subjects, manifest.unknown_person) == (4, "")
    assert manifest.labels == ("melanoma", "nevus")


@pytest.mark.parametrize(
    ("table", "labels"), [(APTOS, ("0", "1", "2", "3")), (ONE_HOT, ("BCC", "MEL", "NV"))]
)
def test_without_patients_and_lesions_each_photograph_is_held_out(
    photos: Path, table: str, labels: tuple[str, ...]
) -> None:
    assert run(table, photos) == 0
    manifest = read_labelled_manifest(photos / "manifest.csv")
    assert manifest.labels == labels
    assert manifest.num_subjects == 8
    assert manifest.unknown_person == "patient"


def test_columns_are_named_where_they_are_not_guessed(photos: Path, tmp_path: Path) -> None:
    table = HAM.replace("dx,", "befund,", 1).replace("image_id", "bild")
    assert run(table, photos) == 2
    more = ("--columns", "photo=bild,value=age", "--output", str(tmp_path / "m.csv"))
    assert run(table, photos, *more) == 0
    manifest = read_measured_manifest(tmp_path / "m.csv", photos)
    assert manifest.photos["value"].tolist() == [40.0 + number for number in range(8)]


@pytest.mark.parametrize(
    ("table", "more", "expected"),
    [
        (HAM.replace("image_id", "bild"), (), "photo   no column of the table is called so"),
        (HAM.replace("image_id", "bild"), (), "--columns photo=…,label=…,subject=…"),
        (HAM.replace("dx,", "befund,", 1), (), "label   no column of the table is called so"),
        (HAM, ("--columns", "label=dy"), 'label found "dy". '),
        (HAM, ("--columns", "label"), 'found "label". Pairs are needed'),
        (HAM.replace("ISIC_3", "ISIC_33"), (), 'row 5   photo   "ISIC_33": no such file below'),
        (ONE_HOT.replace("1.0", "0.0", 1), (), "row 2   label   found none of the labels MEL, NV"),
        (ONE_HOT.replace("0.0", "1.0", 1), (), "row 2   label   found several labels MEL, NV, BCC"),
    ],
)
def test_what_is_unclear_is_named(
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    table: str,
    more: tuple[str, ...],
    expected: str,
) -> None:
    assert run(table, photos, *more) == 2
    assert " ".join(expected.split()) in " ".join(capsys.readouterr().err.split())
    assert not (photos / "manifest.csv").exists()


def test_nothing_is_written_over(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "manifest.csv").write_text("mine")
    assert run(HAM, photos) == 2
    assert "is there already" in capsys.readouterr().err
    assert (photos / "manifest.csv").read_text() == "mine"
