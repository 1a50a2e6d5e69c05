"""The plain network that is trained from scratch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from foldgrid.describe.structure import describe
from foldgrid.models import build_network, forward_all
from foldgrid.models.backbones import build_on_meta, head_parameters


def test_it_is_blocks_of_a_convolution_relu_and_pooling_with_channels_doubling() -> None:
    layers = describe("plain_cnn", 3, 128).layers
    convolutions = [layer for layer in layers if layer.kind == "conv"]
    assert [layer.output[-1] for layer in convolutions] == [32, 64, 128, 256, 512]
    assert {layer.kernel for layer in convolutions} == {(3, 3)}
    pools = [layer for layer in layers if layer.kind == "max pool"]
    assert [layer.output[0] for layer in pools] == [64, 32, 16, 8, 4]
    assert {(layer.kernel, layer.stride) for layer in pools} == {((2, 2), (2, 2))}
    dense = [layer for layer in layers if layer.kind == "dense"]
    # At the study's 128 pixels the adaptive pooling changes nothing: 4x4x512 is flattened.
    assert [(layer.input, layer.output) for layer in dense] == [((8192,), (128,)), ((128,), (3,))]
    assert head_parameters("plain_cnn") == ("classifier.3.weight", "classifier.3.bias")


@pytest.mark.parametrize("pixels", [32, 64, 100, 128, 224])
def test_it_takes_pictures_of_any_size_from_32_pixels(pixels: int) -> None:
    images = torch.empty(2, 3, pixels, pixels, device="meta")
    assert forward_all(build_on_meta("plain_cnn", 3), images)[0].shape == (2, 3)


def test_smaller_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="plain_cnn cannot take 31x31 pixels"):
        describe("plain_cnn", 3, 31)


def test_the_signal_neither_fades_nor_grows_through_fresh_layers() -> None:
    torch.manual_seed(0)
    network = build_network("plain_cnn", 2).train()
    sizes: list[float] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda *found: sizes.append(found[-1].std().item()))
    outputs, _ = forward_all(network, torch.randn(8, 3, 64, 64))
    assert len(sizes) == 5
    assert all(0.5 < size < 10 for size in sizes)
    assert outputs.abs().max() < 10


def test_it_learns_from_scratch() -> None:
    torch.manual_seed(0)
    network = build_network("plain_cnn", 2).train()
    images = torch.randn(16, 3, 32, 32)
    labels = torch.arange(16) % 2
    images[labels == 1, 0] += 1
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(25):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
