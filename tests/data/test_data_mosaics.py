"""Rows become samples, photos become tiles, in an order that is always the same."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foldgrid.data import mosaics as mosaics_module
from foldgrid.data.manifest.scored import read_manifest
from foldgrid.data.mosaics import fill_mosaics, group_photos, mosaics_shape
from foldgrid.data.photographs import decode_tile
from foldgrid.specs.errors import InputError
from tests.data.small_trials import Trial, write_csv

T = 16


def test_a_sample_is_a_region_at_a_visit(trial: Trial) -> None:
    path, rows = trial()
    table = group_photos(read_manifest(path))
    assert list(table.samples.columns) == [
        "sample",
        "subject",
        "visit",
        "day",
        "region",
        "erythema",
        "induration",
        "scaling",
        "involvement",
        "num_photos",
    ]
    assert table.samples["sample"].tolist()[:4] == [
        "001/v1/upper_extremities",
        "001/v1/trunk",
        "001/v2/upper_extremities",
        "001/v2/trunk",
    ]
    assert table.samples["num_photos"].tolist() == [1, 2] * 6
    assert len(table.tiles) == len(rows)
    for tile in table.tiles:
        sample = table.samples.iloc[tile.sample_index]
        row = rows[tile.row - 2]
        assert row["photo"] == tile.photo == tile.path.name
        assert sample["sample"] == f"{row['subject']}/{row['visit']}/{row['region']}"
        assert sample["scaling"] == row["scaling"]


def test_the_order_of_rows_does_not_matter_where_days_are_known(trial: Trial) -> None:
    path, rows = trial(num_visits=3)
    before = group_photos(read_manifest(path))
    after = group_photos(read_manifest(write_csv(path, rows[::-1])))
    pd.testing.assert_frame_equal(before.samples, after.samples)


def test_visits_come_by_day_else_as_they_first_appear(trial: Trial) -> None:
    path, rows = trial(num_visits=3)
    for row in rows:
        row["visit"] = {"v1": "screening", "v2": "baseline", "v3": "end"}[row["visit"]]
        row["day"] = {"screening": -7, "baseline": 0, "end": 84}[row["visit"]]
    rows.reverse()
    visits = group_photos(read_manifest(write_csv(path, rows))).samples["visit"]
    assert list(dict.fromkeys(visits)) == ["screening", "baseline", "end"]
    for row in rows:
        if row["visit"] == "end":
            row["day"] = ""
    visits = group_photos(read_manifest(write_csv(path, rows))).samples["visit"]
    assert list(dict.fromkeys(visits)) == ["end", "baseline", "screening"]


def test_tiles_lie_in_the_order_of_the_manifest_and_missing_ones_are_black(trial: Trial) -> None:
    path, rows = trial()
    table = group_photos(read_manifest(path))
    mosaics = np.zeros(mosaics_shape(len(table.samples), T, 2), np.uint8)
    seen: list[tuple[int, int]] = []
    fill_mosaics(mosaics, table.tiles, 2, "m.csv", lambda done, total: seen.append((done, total)))
    trunk = mosaics[1]
    assert np.array_equal(trunk[:T, :T], decode_tile(path.parent / rows[0]["photo"], T))
    assert np.array_equal(trunk[:T, T:], decode_tile(path.parent / rows[1]["photo"], T))
    assert not trunk[T:].any()
    assert seen == [(n, len(rows)) for n in range(1, len(rows) + 1)]


def test_four_photos_fill_the_grid_row_by_row(trial: Trial) -> None:
    path, rows = trial()
    chosen = rows[:4]
    for row in chosen:
        row.update({**rows[0], "photo": row["photo"]})
    write_csv(path, [*chosen, *rows[6:]])
    table = group_photos(read_manifest(path))
    assert [(tile.position, tile.photo) for tile in table.tiles[:4]] == list(
        enumerate(row["photo"] for row in chosen)
    )
    mosaics = np.zeros(mosaics_shape(len(table.samples), T, 2), np.uint8)
    fill_mosaics(mosaics, table.tiles, 2, "m.csv")
    assert np.array_equal(mosaics[0, T:, :T], decode_tile(path.parent / chosen[2]["photo"], T))


def test_all_photos_that_cannot_be_decoded_are_named(trial: Trial, tmp_path: Path) -> None:
    path, rows = trial()
    table = group_photos(read_manifest(path))
    for index in (7, 2):
        photo = path.parent / rows[index]["photo"]
        photo.write_bytes(photo.read_bytes()[:-200])
    mosaics = np.zeros(mosaics_shape(len(table.samples), T, 2), np.uint8)
    with pytest.raises(InputError) as caught:
        fill_mosaics(mosaics, table.tiles, 2, "m.csv")
    first, second = caught.value.problems
    assert (first.where, first.what) == ("row 4", rows[2]["photo"])
    assert (second.where, second.what) == ("row 9", rows[7]["photo"])
    assert "cannot be decoded (image file is truncated" in first.message


def test_an_interrupt_drops_the_photos_in_line(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = trial(num_subjects=20, num_visits=5)
    table = group_photos(read_manifest(path))
    decoded: list[Path] = []

    def slow(photo: Path, tile_pixels: int, *_: object) -> np.ndarray:
        time.sleep(0.002)
        decoded.append(photo)
        return np.zeros((tile_pixels, tile_pixels, 3), np.uint8)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mosaics_module, "decode_tile", slow)
    mosaics = np.zeros(mosaics_shape(len(table.samples), T, 2), np.uint8)
    with pytest.raises(KeyboardInterrupt):
        fill_mosaics(mosaics, table.tiles, 2, "m.csv", interrupt)
    assert len(decoded) < len(table.tiles)
