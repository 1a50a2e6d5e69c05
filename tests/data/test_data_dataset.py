"""From a manifest to arrays: the fingerprint, the cache, and the two steps that use them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from foldgrid.data import fingerprint as fingerprint_module
from foldgrid.data import mosaics as mosaics_module
from foldgrid.data.cache import cache_root, load_or_build
from foldgrid.data.dataset import Dataset, load_mosaics
from foldgrid.data.fingerprint import data_fingerprint, hash_photos
from foldgrid.data.sample_table import SampleTable, Tile
from foldgrid.simulation.source import open_dataset, survey_data
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import TrialSettings
from tests.data.small_trials import Trial, paint, write_csv

T = 16


def spec(path: Path, tile_pixels: int = T) -> DataSpec:
    return DataSpec(manifest=path, tile_pixels=tile_pixels)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a photo was decoded")

    monkeypatch.setattr(mosaics_module, "decode_tile", refuse)


def test_a_survey_decodes_nothing(trial: Trial, cache: Path, no_decoding: None) -> None:
    path, rows = trial()
    survey = survey_data(spec(path), cache)
    assert survey.num_photos == len(rows)
    assert survey.shape == (12, 2 * T, 2 * T, 3)
    assert survey.mosaics_bytes == 12 * 4 * T * T * 3
    assert not survey.is_cached
    assert not survey.is_synthetic


def test_the_second_load_decodes_nothing(
    trial: Trial, cache: Path, request: pytest.FixtureRequest
) -> None:
    path, _ = trial()
    first = open_dataset(spec(path), cache)
    request.getfixturevalue("no_decoding")
    survey = survey_data(spec(path), cache)
    assert survey.is_cached
    second = load_mosaics(survey)
    assert np.array_equal(first.mosaics_NHWC, second.mosaics_NHWC)
    assert first.mosaics_NHWC.any()
    pd.testing.assert_frame_equal(first.samples, second.samples)


def test_mosaics_are_mapped_and_read_only(trial: Trial, cache: Path) -> None:
    path, _ = trial()
    dataset = open_dataset(spec(path), cache)
    assert isinstance(dataset.mosaics_NHWC, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        dataset.mosaics_NHWC[0] = 0
    assert dataset.manifest_path == path
    assert dataset.mosaics_path is not None
    assert np.array_equal(np.load(dataset.mosaics_path), dataset.mosaics_NHWC)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def lose_the_label(path: Path) -> None:
    path.with_suffix(".json").unlink()


def garble_the_label(path: Path) -> None:
    path.with_suffix(".json").write_text("[1")


def claim_another_shape(path: Path) -> None:
    label_path = path.with_suffix(".json")
    label = json.loads(label_path.read_text())
    label_path.write_text(json.dumps(label | {"shape": [1, 2, 3, 4]}))


@pytest.mark.parametrize(
    "corruption",
    [truncate, flip_a_bit, Path.unlink, lose_the_label, garble_the_label, claim_another_shape],
)
def test_a_corrupt_cache_is_made_again(
    trial: Trial, cache: Path, corruption: Callable[[Path], None]
) -> None:
    path, _ = trial()
    whole = np.array(open_dataset(spec(path), cache).mosaics_NHWC)
    kept = survey_data(spec(path), cache).mosaics_path
    corruption(kept)
    survey = survey_data(spec(path), cache)
    assert survey.is_cached is (corruption is flip_a_bit)
    assert np.array_equal(load_mosaics(survey).mosaics_NHWC, whole)
    assert survey.is_cached


def test_unreadable_photos_leave_nothing_behind(trial: Trial, cache: Path) -> None:
    path, rows = trial()
    for index in (4, 1):
        photo = path.parent / rows[index]["photo"]
        photo.write_bytes(photo.read_bytes()[:-200])
    with pytest.raises(InputError) as caught:
        open_dataset(spec(path), cache)
    assert str(caught.value).startswith(f"{path}: 2 problems\n  row 3")
    assert list((cache / "composites").iterdir()) == []


def test_unusable_headers_are_all_named_before_anything_is_written(
    trial: Trial, cache: Path
) -> None:
    path, rows = trial()
    paint(0, 8, 8).save(path.parent / rows[3]["photo"])
    (path.parent / rows[0]["photo"]).write_text("not a photo")
    with pytest.raises(InputError) as caught:
        survey_data(spec(path), cache)
    assert [problem.where for problem in caught.value.problems] == ["row 2", "row 5"]
    assert "found 8x8 pixels" in caught.value.problems[1].message
    assert not cache.exists()


def test_several_processes_or_threads_may_build_at_once(tmp_path: Path) -> None:
    target = tmp_path / "composites" / "x.npy"
    shape = (4, 8, 8, 3)

    def build(array: np.ndarray) -> None:
        array[:] = 7

    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda _: load_or_build(target, shape, build), range(24)))
    assert all((array == 7).all() for array in arrays)
    assert sorted(each.name for each in target.parent.iterdir()) == ["x.json", "x.npy"]


def test_folders_are_private_and_kept_out_of_repositories(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FOLDGRID_CACHE", raising=False)
    path, _ = trial()
    open_dataset(spec(path), cache_root())
    root = tmp_path / ".foldgrid-cache"
    for folder in (root, root / "composites", root / "photo_hashes"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (root / ".gitignore").read_text() == "*\n"
    monkeypatch.setenv("FOLDGRID_CACHE", str(tmp_path / "other"))
    assert cache_root() == tmp_path / "other"


def test_a_cache_that_cannot_be_used_says_so(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = trial()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be made \(.*\)\. Set FOLDGRID_CACHE to another"):
        open_dataset(spec(path), tmp_path / "file" / "cache")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"0\.0 GB free and 0\.0 GB are needed"):
        open_dataset(spec(path), tmp_path / "cache")


def test_without_a_manifest_the_synthetic_trial_is_made_once_and_read_as_any_other(
    cache: Path,
) -> None:
    settings = TrialSettings(num_subjects=2, num_visits=10, photo_width=48, photo_height=32)
    data = DataSpec(tile_pixels=T, synthetic=settings)
    seen: list[int] = []
    survey = survey_data(data, cache, lambda done, _: seen.append(done))
    assert seen
    assert survey.is_synthetic
    assert survey.manifest.num_subjects == 2
    assert load_mosaics(survey).manifest_path is None
    for photo in survey.manifest.folder.rglob("*.jpg"):
        os.utime(photo, (1e9, 1e9))
    survey_data(data, cache)
    seen.clear()
    again = survey_data(data, cache, lambda done, _: seen.append(done))
    assert again.fingerprint == survey.fingerprint
    assert seen == []
    as_a_user = open_dataset(spec(survey.manifest.path), cache)
    assert as_a_user.fingerprint == survey.fingerprint


# The fingerprint.


def fingerprint(path: Path, cache: Path, tile_pixels: int = T) -> str:
    return survey_data(spec(path, tile_pixels), cache).fingerprint


def test_the_folder_file_names_and_row_order_do_not_count(
    trial: Trial, tmp_path: Path, cache: Path
) -> None:
    path, rows = trial()
    before = fingerprint(path, cache)
    moved = tmp_path / "elsewhere"
    shutil.copytree(path.parent, moved)
    for number, row in enumerate(rows):
        (moved / row["photo"]).rename(moved / f"{number}.jpg")
        row["photo"] = f"{number}.jpg"
    # By region first: the two photos of a trunk keep their order.
    rows.sort(key=lambda row: row["region"])
    assert fingerprint(write_csv(moved / "manifest.csv", rows), cache) == before
    pd.DataFrame(rows).to_parquet(moved / "manifest.parquet")
    assert fingerprint(moved / "manifest.parquet", cache) == before


def test_what_models_see_counts(trial: Trial, cache: Path) -> None:
    path, rows = trial()
    seen = {fingerprint(path, cache), fingerprint(path, cache, 2 * T)}
    rows[2]["scaling"] += 1
    seen.add(fingerprint(write_csv(path, rows), cache))
    rows[0], rows[1] = rows[1], rows[0]
    seen.add(fingerprint(write_csv(path, rows), cache))
    for row in rows:
        row["day"] += 1
    seen.add(fingerprint(write_csv(path, rows), cache))
    seen.add(fingerprint(write_csv(path, rows[:-1]), cache))
    paint(999).save(path.parent / rows[0]["photo"])
    seen.add(fingerprint(path, cache))
    assert len(seen) == 7


def test_fingerprints_of_scored_data_stay_what_they_were() -> None:
    """Fits are found again by it: were it to change, every finished sweep would train anew."""
    samples = pd.DataFrame(
        {
            "sample": ["001/v1/trunk", "001/v2/trunk"],
            "subject": ["001", "001"],
            "visit": ["v1", "v2"],
            "day": [0.0, float("nan")],
            "region": ["trunk", "trunk"],
            "erythema": [1, 2],
            "induration": [0, 3],
            "scaling": [4, 0],
            "involvement": [6, 1],
            "num_photos": [2, 1],
        }
    )
    places = ((0, 0), (0, 1), (1, 0))
    tiles = tuple(Tile(*place, row, "", Path()) for row, place in enumerate(places))
    table = SampleTable(samples, tiles)
    assert data_fingerprint(table, [digit * 64 for digit in "012"], 16) == "627029756c7fe1c0"


def test_photos_are_read_once(trial: Trial, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rows = trial()
    photos = [path.parent / row["photo"] for row in rows]
    for photo in photos:
        os.utime(photo, (1e9, 1e9))
    seen: list[int] = []
    first = hash_photos(photos, cache, lambda done, _: seen.append(done))
    assert seen == list(range(1, len(photos) + 1))
    # Another manifest of the same folder forgets nothing.
    extra = path.parent / "extra.jpg"
    paint(77).save(extra)
    hash_photos([extra, photos[0]], cache)
    read: list[Path] = []
    original = fingerprint_module._file_hash

    def spy(photo: Path) -> str:
        read.append(photo)
        return original(photo)

    monkeypatch.setattr(fingerprint_module, "_file_hash", spy)
    assert hash_photos(photos, cache) == first
    assert read == []
    paint(78).save(photos[3])
    changed = hash_photos(photos, cache)
    assert read == [photos[3]]
    assert [a == b for a, b in zip(first, changed, strict=True)].count(False) == 1


def test_a_corrupt_memory_of_hashes_only_costs_time(trial: Trial, cache: Path) -> None:
    path, _ = trial()
    before = fingerprint(path, cache)
    (memory,) = (cache / "photo_hashes").iterdir()
    for content in ("{", "[]"):
        memory.write_text(content)
        assert fingerprint(path, cache) == before


def test_a_dataset_can_be_made_of_arrays(trial: Trial, cache: Path) -> None:
    path, _ = trial()
    opened = open_dataset(spec(path), cache)
    made = Dataset(opened.samples, np.array(opened.mosaics_NHWC), opened.fingerprint, T)
    assert made.manifest_path is None


def test_the_room_starts_without_torch_and_the_painter() -> None:
    code = (
        "import sys, foldgrid.data.dataset, foldgrid.data.audit.scored\n"
        "heavy = {'torch', 'ray', 'wandb', 'foldgrid.simulation.pasi'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
