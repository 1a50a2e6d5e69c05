"""Where networks come from: one table, timm only where it is asked for, weights by their files."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from foldgrid.describe.comparison import compare_networks
from foldgrid.describe.structure import describe
from foldgrid.models import (
    build_network,
    check_backbones,
    find_weight_file,
    known_backbones,
    resolve_weights,
)
from foldgrid.models.backbones import build_on_meta
from foldgrid.models.footprint import footprint
from foldgrid.models.published import native_pixels, published_top5
from foldgrid.models.sources import missing_library, source_of, timm_networks
from foldgrid.models.weights import promised_hash
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import WeightsPolicy

SE_RESNETS = (
    "legacy_seresnet101",
    "legacy_seresnext101_32x4d",
    "seresnet101",
    "seresnext101_32x4d",
)


pytestmark = pytest.mark.usefixtures("checkpoints")


def test_each_network_has_one_source() -> None:
    names = known_backbones()
    assert not [name for name, count in Counter(names).items() if count > 1]
    libraries = Counter(source_of(name).library for name in names)
    # The three EfficientNet-Lites are built by timm, too.
    assert libraries["timm"] == len(SE_RESNETS) + 3
    assert libraries["torch"] == 1
    assert libraries["torchvision"] == len(names) - len(SE_RESNETS) - 4
    with pytest.raises(ValueError, match="there is no network resnet35"):
        source_of("resnet35")


@pytest.mark.parametrize("name", SE_RESNETS)
def test_the_squeeze_and_excitation_networks_are_what_they_are_called(name: str) -> None:
    structure = describe(name, 1000, 224)
    convolutions = [layer for layer in structure.layers if layer.kind == "conv"]
    # 3 + 4 + 23 + 3 blocks of three convolutions and two of the gate, a stem, 4 shortcuts.
    assert len(convolutions) == 33 * 5 + 1 + 4
    assert ({layer.groups for layer in convolutions} == {1, 32}) == ("seresnext" in name)
    expected = 48_955_416 if "seresnext" in name else 49_326_872
    size = footprint(name, 1000, 224)
    assert structure.num_parameters == size.num_parameters == expected
    assert structure.multiply_adds == size.multiply_adds
    assert native_pixels(name) == 224
    (compared,) = compare_networks([name], 1000)
    assert compared.architecture is not None
    assert compared.architecture.name == "SE-ResNet"
    assert published_top5(name) is None


def test_their_weights_are_files_whose_names_carry_their_hash(checkpoints: Path) -> None:
    files = {name: find_weight_file(name) for name in SE_RESNETS}
    assert files.pop("seresnet101") is None
    found = {
        name: (file.source, promised_hash(file.path.name)) for name, file in files.items() if file
    }
    assert found == {
        "legacy_seresnet101": ("in1k", "7e38fcc6"),
        "legacy_seresnext101_32x4d": ("in1k", "37725eac"),
        "seresnext101_32x4d": ("gluon_in1k", "cf52900d"),
    }
    for file in files.values():
        assert file is not None
        assert (file.path.parent, file.is_here) == (checkpoints, False)
        assert file.url.startswith("https://")
        assert file.url.endswith(file.path.name)


def test_weights_of_timm_s_networks_go_into_the_body(checkpoints: Path) -> None:
    file = find_weight_file("legacy_seresnet101")
    assert file is not None
    torch.manual_seed(1)
    published = build_network("legacy_seresnet101", 1000).state_dict()
    torch.save(published, file.path)
    torch.manual_seed(2)
    found = build_network("legacy_seresnet101", 3, file.load()).state_dict()
    fresh = {key for key in found if key.startswith("last_linear.")}
    assert {tuple(found[key].shape) for key in fresh} == {(3, 2048), (3,)}
    assert all(torch.equal(found[key], published[key]) for key in found if key not in fresh)
    with pytest.raises(ValueError, match="these weights are not seresnet101's"):
        build_network("seresnet101", 3, file.load())


@pytest.mark.parametrize("policy", ["required", "auto", "none"])
def test_a_network_without_published_weights_never_blocks_a_sweep(policy: WeightsPolicy) -> None:
    names = ["plain_cnn", "seresnet101"]
    assert resolve_weights(names, policy, "fetch") == dict.fromkeys(names)


def test_missing_files_of_others_are_still_asked_for() -> None:
    with pytest.raises(InputError) as caught:
        resolve_weights(["plain_cnn", "legacy_seresnet101"], "required", "fetch them")
    assert [problem.where for problem in caught.value.problems] == ["legacy_seresnet101"]


def test_without_timm_only_its_networks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert missing_library("resnet18") is None
    build_on_meta("resnet18", 3)
    build_on_meta("plain_cnn", 3)
    with pytest.raises(InputError) as caught:
        check_backbones(["resnet18", "seresnet101", "resnet35"], "mine.yaml", {"seresnet101": 4})
    first, second = caught.value.problems
    assert (first.where, first.what) == ("line 4", "seresnet101")
    assert "needs timm, which is not installed here" in first.message
    assert "requirements.txt" in first.message
    assert second.what == "resnet35"
    # Another test may have asked while timm was here.
    timm_networks._published.cache_clear()
    with pytest.raises(Exception, match="legacy_seresnet101: needs timm"):
        find_weight_file("legacy_seresnet101")


def test_nothing_imports_timm_before_one_of_its_networks_is_asked_for() -> None:
    script = (
        "import sys\n"
        "import foldgrid.training.fit\n"
        "from foldgrid.models import build_network, check_backbones, find_weight_file\n"
        "check_backbones(['resnet18', 'seresnet101'], '', {})\n"
        "build_network('squeezenet1_1', 2); find_weight_file('resnet18')\n"
        "assert 'timm' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_the_same_seed_gives_the_same_timm_network() -> None:
    def build() -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        return build_network("seresnext101_32x4d", 3).state_dict()

    first, second = build(), build()
    assert all(torch.equal(first[key], second[key]) for key in first)
