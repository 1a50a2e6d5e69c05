"""What augmentation may change, and what it must not."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.training.augmentation import augment

OFF = Augmentation(rotate_tiles=False, shuffle_tiles=False, brightness=0, contrast=0)

settings = st.builds(
    Augmentation,
    rotate_tiles=st.booleans(),
    rotation_degrees=st.floats(0, 180),
    flip_horizontally=st.booleans(),
    flip_vertically=st.booleans(),
    smallest_crop=st.floats(0.05, 1),
    zoom=st.floats(0, 0.99),
    shuffle_tiles=st.booleans(),
    brightness=st.floats(0, 0.99),
    contrast=st.floats(0, 0.99),
)
seeds = st.integers(0, 2**31)
grids = st.sampled_from([1, 2])


def only(**changes: Any) -> Augmentation:
    """Nothing varies but what is named."""
    return OFF.model_copy(update=changes)


def pictures(batch: int = 3, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, side, side, generator=generator(seed))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiles(image_CHW: Tensor) -> list[Tensor]:
    return [part for row in image_CHW.chunk(2, dim=1) for part in row.chunk(2, dim=2)]


@given(settings, seeds, st.integers(1, 4), st.sampled_from([2, 10, 16]), grids)
def test_shape_type_and_range_stay(
    how: Augmentation, seed: int, batch: int, side: int, grid: int
) -> None:
    before = pictures(batch, side)
    after = augment(before, how, generator(seed), grid)
    assert (after.shape, after.dtype, after.device) == (before.shape, before.dtype, before.device)
    assert after.min() >= 0
    assert after.max() <= 1


@given(settings, seeds, grids)
def test_the_generator_alone_decides(how: Augmentation, seed: int, grid: int) -> None:
    before = pictures()
    kept = before.clone()
    state = torch.get_rng_state()
    first = augment(before, how, generator(seed), grid)
    torch.rand(1)
    second = augment(before, how, generator(seed), grid)
    torch.set_rng_state(state)
    assert torch.equal(first, second)
    assert torch.equal(before, kept), "the given mosaics were changed"


def test_another_draw_gives_another_picture() -> None:
    draws = generator(0)
    before = pictures()
    first, second = (augment(before, Augmentation(), draws) for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first[0] - before[0], first[1] - before[1])


@given(settings, seeds, st.integers(0, 3), grids)
def test_a_mosaic_is_none_of_the_others_business(
    how: Augmentation, seed: int, changed: int, grid: int
) -> None:
    before = pictures(4)
    other = before.clone()
    other[changed] = 1 - other[changed]
    first, second = (augment(images, how, generator(seed), grid) for images in (before, other))
    same = torch.arange(4) != changed
    assert torch.equal(first[same], second[same])


@given(seeds, grids)
def test_where_nothing_varies_nothing_changes(seed: int, grid: int) -> None:
    before = pictures()
    draws = generator(seed)
    assert torch.equal(augment(before, OFF, draws, grid), before)
    assert torch.equal(draws.get_state(), generator(seed).get_state())


@given(seeds)
def test_turning_by_no_degrees_changes_nothing(seed: int) -> None:
    before = pictures()
    after = augment(before, only(rotate_tiles=True, rotation_degrees=0.0), generator(seed))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)


@given(seeds)
def test_shuffling_permutes_exactly_the_four_tiles(seed: int) -> None:
    before = pictures()
    after = augment(before, only(shuffle_tiles=True), generator(seed))
    for old, new in zip(before, after, strict=True):
        places = [
            [n for n, tile in enumerate(tiles(old)) if torch.equal(tile, moved)]
            for moved in tiles(new)
        ]
        assert sorted(places) == [[0], [1], [2], [3]]


def test_every_order_of_the_tiles_comes_up() -> None:
    before = torch.arange(4.0).div(4).reshape(1, 1, 2, 2).expand(2000, 3, 2, 2)
    after = augment(before, only(shuffle_tiles=True), generator(0))
    orders, counts = after[:, 0].flatten(1).unique(dim=0, return_counts=True)
    assert len(orders) == 24
    # 2000 / 24 = 83; five standard deviations to each side.
    assert counts.min() > 40
    assert counts.max() < 130


@pytest.mark.parametrize(("draw", "quarters"), [(1.0, 2), (0.0, 2), (0.5, 0), (0.75, 1)])
def test_a_tile_is_turned_in_its_place(
    monkeypatch: pytest.MonkeyPatch, draw: float, quarters: int
) -> None:
    # Right angles lose nothing to interpolation, so the angle is forced: 0 and 1 are -180 and 180
    # degrees, the middle is none.
    before = pictures()
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.full(size, draw))
    after = augment(before, only(rotate_tiles=True), generator(0))
    directions = {quarters, -quarters}
    for old, new in zip(before, after, strict=True):
        for tile, turned in zip(tiles(old), tiles(new), strict=True):
            errors = [
                float((torch.rot90(tile, direction, (1, 2)) - turned).abs().max())
                for direction in directions
            ]
            assert min(errors) < 1e-4


@given(seeds, st.floats(0, 180))
def test_turning_keeps_what_a_disc_holds_and_never_looks_past_its_tile(
    seed: int, degrees: float
) -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    disc = ((rows - 15.5) ** 2 + (columns - 15.5) ** 2 < 12**2).float()
    black = torch.zeros(32, 32)
    before = torch.cat([torch.cat([disc, black], 1), torch.cat([black, disc], 1)], 0)
    images = before.expand(2, 3, 64, 64)
    how = only(rotate_tiles=True, rotation_degrees=degrees)
    after = augment(images, how, generator(seed))
    assert (after - images).abs().mean() < 0.02
    for image in after:
        _, right_of, below, _ = tiles(image)
        assert right_of.count_nonzero() == below.count_nonzero() == 0


@given(seeds, st.floats(0, 0.99), st.booleans())
def test_a_missing_photograph_stays_black_whatever_the_light(
    seed: int, brightness: float, turns: bool
) -> None:
    images = pictures()
    images[:, :, :8, :8] = 0
    how = only(brightness=brightness, rotate_tiles=turns)
    after = augment(images, how, generator(seed))
    assert after[:, :, :8, :8].count_nonzero() == 0


@given(seeds, st.floats(0.01, 0.5))
def test_brightness_is_one_factor_a_mosaic_within_its_half_width(
    seed: int, half_width: float
) -> None:
    images = pictures() / 2 + 1e-3
    factors = augment(images, only(brightness=half_width), generator(seed)) / images
    for image in factors:
        assert image.max() - image.min() < 1e-5
        assert 1 - half_width - 1e-5 <= image.mean() <= 1 + half_width + 1e-5


@given(seeds, st.floats(0.01, 0.5))
def test_contrast_keeps_the_mean(seed: int, half_width: float) -> None:
    images = pictures() / 4 + 0.375
    after = augment(images, only(contrast=half_width), generator(seed))
    torch.testing.assert_close(after.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)))
    spread = after.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    assert ((spread > 1 - half_width - 1e-4) & (spread < 1 + half_width + 1e-4)).all()


def test_the_corners_that_turning_uncovers_are_black_as_padding_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    white = torch.ones(1, 3, 32, 32)
    # Three eighths of the way from -180 to 180 degrees: an odd multiple of 45.
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.full(size, 0.375))
    after = augment(white, only(rotate_tiles=True), generator(0))
    for tile in tiles(after[0]):
        assert tile[:, 0, 0].count_nonzero() == 0
        assert tile[:, 8, 8].min() > 0.99


BEFORE_FLIPS = {
    # Pixels in steps of 1/4096 and the generator afterwards, as they were when a mosaic could
    # only be turned, shuffled and lit otherwise.
    "all": ({}, "e023b2fa407edd51", "135cba38cda4e16d"),
    "little turns": ({"rotation_degrees": 30.0}, "0301fbb55e23cd98", "135cba38cda4e16d"),
    "no shuffling": ({"shuffle_tiles": False}, "a4b6c102bdb77dec", "50fe8b2c5c3edb21"),
    "no turns": ({"rotate_tiles": False}, "260bc1f314337ba5", "50fe8b2c5c3edb21"),
    "no brightness": ({"brightness": 0.0}, "c2f312c7b388c981", "89db19a7dcea3cf0"),
}


@pytest.mark.parametrize("name", BEFORE_FLIPS)
def test_what_does_not_vary_leaves_every_draw_and_pixel_as_it_was(name: str) -> None:
    changes, pixels, state = BEFORE_FLIPS[name]
    draws = generator(7)
    images = torch.rand(5, 3, 16, 16, generator=draws)
    after = augment(images, Augmentation(**changes), draws)
    assert digest((after * 4096).round().int()) == pixels
    assert digest(draws.get_state()) == state


def digest(values: Tensor) -> str:
    return hashlib.sha256(values.numpy().tobytes()).hexdigest()[:16]


@given(seeds, st.booleans(), st.booleans(), grids)
def test_the_same_flips_again_give_the_picture_back(
    seed: int, horizontally: bool, vertically: bool, grid: int
) -> None:
    before = pictures()
    how = only(flip_horizontally=horizontally, flip_vertically=vertically)
    once = augment(before, how, generator(seed), grid)
    assert torch.equal(augment(once, how, generator(seed), grid), before)


@pytest.mark.parametrize(("key", "axis"), [("flip_horizontally", 2), ("flip_vertically", 1)])
def test_half_of_the_pictures_are_mirrored_and_the_others_are_not(key: str, axis: int) -> None:
    before = pictures(1000, 4)
    after = augment(before, only(**{key: True}), generator(0), 1)
    is_same = (after == before).flatten(1).all(dim=1)
    is_mirrored = (after == before.flip(axis + 1)).flatten(1).all(dim=1)
    assert (is_same ^ is_mirrored).all()
    # Five standard deviations of 1000 tosses to each side.
    assert 420 < int(is_mirrored.sum()) < 580


@given(seeds, st.floats(0.3, 0.95))
def test_a_crop_shows_a_part_of_the_picture_and_nothing_from_beyond(
    seed: int, smallest: float
) -> None:
    ramp = (torch.arange(32.0) + 1) / 34
    # The red of a pixel says its column, the green its row.
    images = torch.stack([ramp.expand(32, 32), ramp[:, None].expand(32, 32), torch.ones(32, 32)])
    after = augment(images.expand(4, 3, 32, 32), only(smallest_crop=smallest), generator(seed), 1)
    for image in after:
        # Half a pixel at the border is interpolated with the black beyond.
        inside = image[:, 1:-1, 1:-1]
        torch.testing.assert_close(inside[2], torch.ones(30, 30), rtol=0, atol=1e-4)
        step = inside[0].diff(dim=1) * 34
        assert (step > smallest - 1e-3).all()
        assert (step < 1 + 1e-3).all()
        torch.testing.assert_close(inside[1].diff(dim=0) * 34, step.T, rtol=0, atol=1e-3)
        assert inside[:2].min() > 0


def test_crops_are_of_all_sizes_and_places() -> None:
    ramp = (torch.arange(32.0) + 1) / 34
    images = ramp.expand(500, 3, 32, 32)
    after = augment(images, only(smallest_crop=0.5), generator(0), 1)
    sizes = (after[:, 0, 16, 20] - after[:, 0, 16, 12]) * 34 / 8
    assert sizes.min() < 0.52
    assert sizes.max() > 0.98
    middles = after[:, 0, 16, 15:17].mean(dim=1) * 34 - 1
    assert middles.min() < 9
    assert middles.max() > 22


@given(seeds, st.floats(0.05, 0.6))
def test_a_zoom_is_about_the_middle_and_black_comes_in_from_beyond(
    seed: int, half_width: float
) -> None:
    image = torch.zeros(3, 64, 64)
    image[:, 16:48, 16:48] = 1
    after = augment(image.expand(4, 3, 64, 64), only(zoom=half_width), generator(seed), 1)
    for zoomed in after:
        torch.testing.assert_close(zoomed, zoomed.flip(1), rtol=0, atol=1e-4)
        torch.testing.assert_close(zoomed, zoomed.flip(2), rtol=0, atol=1e-4)
        side = float(zoomed[0, 32].sum())
        assert 32 * (1 - half_width) - 1 <= side <= 32 * (1 + half_width) + 1
    white = augment(torch.ones(1, 3, 32, 32), only(zoom=0.9), generator(3), 1)
    assert white[0, :, 16, 16].min() > 0.99


def test_zooming_out_leaves_a_black_border() -> None:
    white = torch.ones(50, 3, 32, 32)
    after = augment(white, only(zoom=0.5), generator(0), 1)
    corners = after[:, 0, 0, 0]
    assert 0 < int((corners == 0).sum()) < 50


def test_a_single_picture_is_turned_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pictures()
    # Three quarters of the way from -180 to 180 degrees: a right angle.
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.full(size, 0.75))
    after = augment(before, only(rotate_tiles=True), generator(0), 1)
    errors = [(torch.rot90(before, turn, (2, 3)) - after).abs().max() for turn in (1, -1)]
    assert min(errors) < 1e-4


@given(seeds)
def test_a_single_picture_has_nothing_to_shuffle_and_draws_nothing_for_it(seed: int) -> None:
    before = pictures()
    draws = generator(seed)
    assert torch.equal(augment(before, only(shuffle_tiles=True), draws, 1), before)
    assert torch.equal(draws.get_state(), generator(seed).get_state())
