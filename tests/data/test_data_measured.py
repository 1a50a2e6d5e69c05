"""Manifests of photographs with a value: what reads, what is refused, what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foldgrid.cli.main import main as cli
from foldgrid.data.manifest.checks import manifest_kind
from foldgrid.data.manifest.measured import read_measured_manifest
from foldgrid.data.manifest.source import check_kind, read_samples
from foldgrid.data.single_photos import NUM_BANDS, value_bands
from foldgrid.specs.errors import InputError

VALUES = ["12", "40.5", "61", "88", "133", "150", "171", "199", "207", "228"]


def manifest(folder: Path, values: list[str], header: str = "photo,subject,value") -> Path:
    """A manifest of as many photographs, two of each subject, and the photographs."""
    rows = [header]
    for place, value in enumerate(values):
        picture = Image.new("RGB", (40, 36), (3 * place, 90, 200 - place))
        picture.save(folder / f"hand{place}.png")
        rows.append(f"hand{place}.png,s{place // 2},{value}")
    path = folder / "manifest.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_values_are_numbers_and_samples_are_photographs(tmp_path: Path) -> None:
    path = manifest(tmp_path, VALUES)
    read, table = read_samples(path, "measured", for_training=True)
    assert read.num_subjects == 5
    assert table.samples["value"].tolist() == [float(value) for value in VALUES]
    assert table.samples["sample"].tolist()[:3] == ["s0/1", "s0/2", "s1/1"]
    assert table.layout.stratum == "band"
    assert table.samples["band"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    unseen, _ = read_samples(path, "measured", for_training=False)
    assert unseen.num_subjects == 5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_bands_rise_with_the_values(values: list[float]) -> None:
    bands = value_bands(pd.Series(values)).to_numpy()
    assert bands.min() >= 0
    assert bands.max() < NUM_BANDS
    order = np.argsort(values, kind="stable")
    assert (np.diff(bands[order]) >= 0).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["", *VALUES[1:]], "row 2  value  empty. A number is needed"),
        (["12 months", *VALUES[1:]], 'found "12 months". A number is needed, without its unit'),
        (["12,5".replace(",", ";"), *VALUES[1:]], 'found "12;5"'),
        (["inf", *VALUES[1:]], 'found "inf"'),
        (["7"] * 10, "found only 7. At least 2 values are needed"),
    ],
)
def test_mistakes_are_reported_with_their_row(
    tmp_path: Path, values: list[str], words: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_measured_manifest(manifest(tmp_path, values))
    assert " ".join(words.split()) in " ".join(str(refused.value).split())


def test_a_column_that_is_lacking_is_named(tmp_path: Path) -> None:
    path = manifest(tmp_path, VALUES, "photo,subject,values")
    with pytest.raises(InputError, match=r'Found "values": rename it') as refused:
        read_measured_manifest(path)
    assert "A measured manifest has the columns photo, subject, value." in str(refused.value)


def test_a_value_in_another_unit_is_a_warning(tmp_path: Path) -> None:
    path = manifest(tmp_path, [*VALUES[:-1], "19000"])
    (warning,) = read_measured_manifest(path).warnings
    assert "found 19000, far from the others (12 to 207)" in warning.message


def test_the_header_tells_which_kind_it_is() -> None:
    assert manifest_kind(["photo", "subject", "value"]) == "measured"
    assert manifest_kind(["photo", "subject", "value", "case"]) == "measured"
    assert manifest_kind(["photo", "subject", "value", "label"]) == "single"
    assert manifest_kind(["photo", "subject", "value", "region"]) == "mosaics"
    assert manifest_kind(["photo", "subject"]) == "mosaics"


def test_a_manifest_of_another_kind_is_refused_with_both_named(tmp_path: Path) -> None:
    path = manifest(tmp_path, VALUES)
    for kind, wanted in (("single", "labels"), ("mosaics", "regions and scores")):
        with pytest.raises(InputError, match=f"of values, without {wanted}") as refused:
            check_kind(path, kind)  # type: ignore[arg-type]
        assert "Take a sweep whose task is regression" in str(refused.value)
    labelled = manifest(tmp_path, ["a", "b"] * 5, "photo,subject,label")
    with pytest.raises(InputError, match=r"of labels, without values.*or add the column value"):
        check_kind(labelled, "measured")


def test_data_check_says_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest(tmp_path, VALUES)
    assert cli(["data", "check", str(path), "--folds", "3"]) == 0
    said = capsys.readouterr().out
    for words in ("no mistakes", "5 subjects", "12 to 228, median 141.5", "12 to 40.5", "enough"):
        assert words in said
    assert cli(["data", "check", str(path), "--folds", "9"]) == 2
    assert cli(["data", "check", str(path), "--blur-deviations", "2"]) == 2
    assert "has values" in capsys.readouterr().err
    assert cli(["data", "cache", str(path), "--tile-pixels", "8"]) == 0
    assert "10 single photographs of 8x8 pixels" in capsys.readouterr().out


def test_the_study_of_skin_thickness_is_such_a_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, sheet = tmp_path / "study", tmp_path / "sheet.png"
    options = ["--num-subjects", "12", "--photo-width", "32", "--photo-height", "32"]
    command = ["data", "synthesize", str(folder), "--study", "skin_thickness", *options]
    assert cli([*command, "--contact-sheet", str(sheet)]) == 0
    assert "values" in capsys.readouterr().out
    read = read_measured_manifest(folder / "manifest.csv")
    values = read.photos["value"]
    assert read.num_subjects == 12
    assert values.between(0, 51).all()
    assert (values == values.round()).all()
    assert (read.photos.groupby(["subject", "visit"])["value"].nunique() == 1).all()
    assert set(read.photos["day"]) == {0.0, 182.0}
    assert values.nunique() > 6
    assert Image.open(sheet).size[0] > 500
    assert cli(["data", "check", str(folder / "manifest.csv"), "--folds", "5"]) == 0
