"""What augmentation may change, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from foldgrid.specs.recipe import Augmentation
from foldgrid.training.augmentation import augment

OFF = Augmentation(rotate_tiles=False, shuffle_tiles=False, brightness=0, contrast=0)

settings = st.builds(
    Augmentation,
    rotate_tiles=st.booleans(),
    rotation_degrees=st.floats(0, 180),
    shuffle_tiles=st.booleans(),
    brightness=st.floats(0, 0.99),
    contrast=st.floats(0, 0.99),
)
seeds = st.integers(0, 2**31)


def only(**changes: Any) -> Augmentation:
    """Nothing varies but what is named."""
    return OFF.model_copy(update=changes)


def pictures(batch: int = 3, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, side, side, generator=generator(seed))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiles(image_CHW: Tensor) -> list[Tensor]:
    return [part for row in image_CHW.chunk(2, dim=1) for part in row.chunk(2, dim=2)]


@given(settings, seeds, st.integers(1, 4), st.sampled_from([2, 10, 16]))
def test_shape_type_and_range_stay(how: Augmentation, seed: int, batch: int, side: int) -> None:
    before = pictures(batch, side)
    after = augment(before, how, generator(seed))
    assert (after.shape, after.dtype, after.device) == (before.shape, before.dtype, before.device)
    assert after.min() >= 0
    assert after.max() <= 1


@given(settings, seeds)
def test_the_generator_alone_decides(how: Augmentation, seed: int) -> None:
    before = pictures()
    kept = before.clone()
    state = torch.get_rng_state()
    first = augment(before, how, generator(seed))
    torch.rand(1)
    second = augment(before, how, generator(seed))
    torch.set_rng_state(state)
    assert torch.equal(first, second)
    assert torch.equal(before, kept), "the given composites were changed"


def test_another_draw_gives_another_picture() -> None:
    draws = generator(0)
    before = pictures()
    first, second = (augment(before, Augmentation(), draws) for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first[0] - before[0], first[1] - before[1])


@given(settings, seeds, st.integers(0, 3))
def test_a_composite_is_none_of_the_others_business(
    how: Augmentation, seed: int, changed: int
) -> None:
    before = pictures(4)
    other = before.clone()
    other[changed] = 1 - other[changed]
    first, second = (augment(images, how, generator(seed)) for images in (before, other))
    same = torch.arange(4) != changed
    assert torch.equal(first[same], second[same])


@given(seeds)
def test_where_nothing_varies_nothing_changes(seed: int) -> None:
    before = pictures()
    assert torch.equal(augment(before, OFF, generator(seed)), before)


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
def test_brightness_is_one_factor_a_composite_within_its_half_width(
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
