"""Pooling by matrices is torch's adaptive average pooling, in values and in gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from foldgrid.models.pooling import (
    AdaptiveAverage,
    AuxiliaryHead,
    _pooling_matrix,
    adaptive_average,
    make_pooling_deterministic,
)

sizes = st.integers(1, 20)
cells = st.integers(1, 9)


def by_matrices(images_BCHW: Tensor, height: int, width: int) -> Tensor:
    """The path that CUDA takes, on the CPU."""
    rows, columns = (
        _pooling_matrix(num_in, num_out, images_BCHW.device, images_BCHW.dtype)
        for num_in, num_out in zip(images_BCHW.shape[-2:], (height, width), strict=True)
    )
    return rows @ images_BCHW @ columns.T


def images(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64)


@given(sizes, sizes, cells, cells)
def test_the_values_are_torch_s(height: int, width: int, rows: int, columns: int) -> None:
    pictures = images(height, width)
    expected = F.adaptive_avg_pool2d(pictures, (rows, columns))
    # The matrix holds float32 fractions.
    torch.testing.assert_close(by_matrices(pictures, rows, columns), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(adaptive_average(pictures, rows, columns), expected)


@given(sizes, sizes, cells, cells)
def test_the_gradients_are_torch_s(height: int, width: int, rows: int, columns: int) -> None:
    gradients = []
    for pool in (by_matrices, lambda x, *size: F.adaptive_avg_pool2d(x, size)):
        pictures = images(height, width).requires_grad_()
        weight = images(rows, columns)
        (pool(pictures, rows, columns) * weight).sum().backward()
        assert pictures.grad is not None
        gradients.append(pictures.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-6, atol=1e-12)


@given(sizes, cells)
def test_every_cell_is_a_mean(num_in: int, num_out: int) -> None:
    matrix = _pooling_matrix(num_in, num_out, torch.device("cpu"), torch.float32)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(num_out))
    assert (matrix >= 0).all()


@pytest.mark.parametrize(
    ("size", "is_replaced"),
    [((7, 7), True), ((6, 6), True), (4, True), ((1, 1), False), (1, False), ((None, 7), False)],
)
def test_only_pooling_to_several_cells_is_replaced(size: object, is_replaced: bool) -> None:
    network = nn.Sequential(nn.Sequential(nn.AdaptiveAvgPool2d(size)), nn.Flatten())  # type: ignore[arg-type]
    pictures = images(13, 11)
    expected = network(pictures)
    assert make_pooling_deterministic(network) is network
    assert isinstance(network[0][0], AdaptiveAverage) is is_replaced
    torch.testing.assert_close(network(pictures), expected)


def test_googlenet_s_auxiliary_heads_keep_their_names_and_their_outputs() -> None:
    from torchvision.models.googlenet import InceptionAux

    torch.manual_seed(0)
    head = InceptionAux(8, 4).eval()
    replaced = AuxiliaryHead(head)
    replaced.eval()
    assert list(replaced.state_dict()) == list(head.state_dict())
    features = torch.rand(2, 8, 9, 9)
    torch.testing.assert_close(replaced(features), head(features))
