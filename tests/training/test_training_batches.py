"""Every sample once an epoch, in batches that batch normalisation can bear; pictures as tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.training.batches import MosaicSource, training_batches
from tests.training.tiny_study import make_data

numbers = st.integers(1, 60)
batch_sizes = st.integers(2, 20)


def batches(count: int, batch_size: int, most: int | None = None, seed: int = 0) -> list[list[int]]:
    """The batches of samples 100, 101, …"""
    generator = torch.Generator().manual_seed(seed)
    found = training_batches(np.arange(100, 100 + count), batch_size, most, generator)
    return [batch.tolist() for batch in found]


@given(numbers, batch_sizes)
def test_an_epoch_holds_every_sample_once(count: int, batch_size: int) -> None:
    everything = [sample for batch in batches(count, batch_size) for sample in batch]
    assert sorted(everything) == list(range(100, 100 + count))


@given(numbers, batch_sizes)
def test_all_batches_are_full_but_the_last_which_is_never_one_sample(
    count: int, batch_size: int
) -> None:
    sizes = [len(batch) for batch in batches(count, batch_size)]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    if count > 1:
        assert 2 <= sizes[-1] <= batch_size + 1
    assert len(sizes) == max(1, count // batch_size + (count % batch_size > 1))


@given(numbers, batch_sizes, st.integers(1, 8))
def test_a_shortened_epoch_is_the_start_of_a_whole_one(
    count: int, batch_size: int, most: int
) -> None:
    whole = batches(count, batch_size)
    assert batches(count, batch_size, most) == whole[:most]


def test_the_generator_decides_the_order_and_every_epoch_has_its_own() -> None:
    assert batches(40, 8) == batches(40, 8)
    assert batches(40, 8) != batches(40, 8, seed=1)
    generator = torch.Generator().manual_seed(0)
    first, second = (
        np.concatenate(list(training_batches(np.arange(40), 8, None, generator))).tolist()
        for _ in range(2)
    )
    assert first != second


def test_pictures_come_in_the_order_asked_for_and_the_array_stays_as_it_was() -> None:
    data = make_data()
    kept = data.mosaics_NHWC.copy()
    source = MosaicSource(data.mosaics_NHWC, torch.device("cpu"))
    images = source.take(np.array([5, 0, 5]))
    assert images.shape == (3, 3, 32, 32)
    expected = data.mosaics_NHWC[[5, 0, 5]].transpose(0, 3, 1, 2).astype(np.float32) / 255
    np.testing.assert_array_equal(images.numpy(), expected)
    images.zero_()
    np.testing.assert_array_equal(data.mosaics_NHWC, kept)


def test_pictures_can_be_scaled_to_minus_one_to_one() -> None:
    values = np.array([0, 51, 255], np.uint8)
    pixels = np.broadcast_to(values[:, None, None, None], (3, 2, 2, 3))
    source = MosaicSource(np.array(pixels), torch.device("cpu"), "minus_one_to_one")
    scaled = source.normalise(source.take(np.arange(3)))
    np.testing.assert_allclose(scaled[:, 0, 0, 0].numpy(), [-1, -0.6, 1], atol=1e-6)
    assert scaled.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pictures_are_resized_last_and_stay_between_black_and_white(interpolation: str) -> None:
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    pixels[:, :, 4:] = 255
    source = MosaicSource(pixels, torch.device("cpu"), "zero_to_one", 20, interpolation)
    assert source.pixels == 20
    taken = source.take(np.array([0]))
    assert taken.shape[-1] == 8
    seen = source.normalise(taken)
    assert seen.shape == (1, 3, 20, 20)
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert (seen.min(), seen.max()) == (0, 1)
    same = MosaicSource(pixels, torch.device("cpu"), "zero_to_one", 8, interpolation)
    assert torch.equal(same.normalise(taken), taken)


def test_pictures_are_normalised_as_imagenet_s_were() -> None:
    grey = MosaicSource(np.full((1, 2, 2, 3), 128, np.uint8), torch.device("cpu"))
    normalised = grey.normalise(grey.take(np.array([0])))
    expected = (128 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(normalised[0, :, 0, 0].numpy(), expected, rtol=1e-5)
    assert normalised.is_contiguous(memory_format=torch.channels_last)
