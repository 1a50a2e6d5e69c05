"""Pre-trained weights: found, checked, loaded into the body and never into the head."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torchvision

from foldgrid.models import (
    WeightFile,
    build_network,
    fetch_weight_file,
    find_weight_file,
    resolve_weights,
)
from foldgrid.models.backbones import head_parameters
from foldgrid.models.weights import promised_hash, weights_folder
from foldgrid.specs.errors import InputError, SweepError
from foldgrid.specs.sweep import WeightsPolicy

State = dict[str, Any]


pytestmark = pytest.mark.usefixtures("checkpoints")


def weight_file(name: str) -> WeightFile:
    file = find_weight_file(name)
    assert file is not None
    return file


def imagenet_state(name: str) -> State:
    """Random weights in the shape of torchvision's own."""
    torch.manual_seed(1)
    options = {"aux_logits": True, "init_weights": False} if name == "googlenet" else {}
    state = torchvision.models.get_model(name, weights=None, num_classes=1000, **options)
    return state.state_dict()


def save(state: State, name: str) -> WeightFile:
    """Publishes ``state`` as the ImageNet weights of ``name``."""
    file = weight_file(name)
    torch.save(state, file.path)
    return file


def as_published_in_2017(state: State) -> State:
    """Old names inside DenseNet's layers, no counts of batches, no version marks."""
    renamed = OrderedDict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            renamed[re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", key)] = value
    return renamed


@pytest.mark.parametrize(
    ("name", "publish"),
    [
        ("shufflenet_v2_x0_5", dict),
        ("squeezenet1_1", lambda state: state),
        ("googlenet", lambda state: state),
        # MNASNet refuses a state without torch's version marks.
        ("mnasnet0_5", lambda state: state),
        ("densenet121", lambda state: state),
        ("densenet121", as_published_in_2017),
        ("resnet18", as_published_in_2017),
    ],
)
def test_the_body_is_imagenet_s_and_the_head_is_new(
    name: str, publish: Callable[[State], State]
) -> None:
    published = imagenet_state(name)
    file = save(publish(published), name)
    network = build_network(name, 4, file.load())
    found = network.state_dict()
    head = set(head_parameters(name))
    for key, value in found.items():
        if key in head:
            assert value.shape[0] == 4
            assert torch.isfinite(value).all()
        else:
            assert torch.equal(value, published[key]), key
    torch.manual_seed(7)
    fresh = build_network(name, 4).state_dict()
    torch.manual_seed(7)
    loaded = build_network(name, 4, file.load()).state_dict()
    assert all(torch.equal(fresh[key], loaded[key]) for key in head)


def test_loading_leaves_the_given_state_as_it_was() -> None:
    state = imagenet_state("squeezenet1_1")
    before = {key: value.clone() for key, value in state.items()}
    build_network("squeezenet1_1", 4, state)
    assert list(state) == list(before)
    assert all(torch.equal(state[key], before[key]) for key in before)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_trained_on_another_scale_of_pixels_get_their_own(name: str) -> None:
    with torch.device("meta"):
        random = build_network(name, 4)
        pretrained = build_network(name, 4, random.state_dict())
    assert not random.transform_input
    assert pretrained.transform_input


@pytest.mark.parametrize("other", ["squeezenet1_0", "shufflenet_v2_x1_0", "alexnet"])
def test_another_network_s_weights_are_refused(other: str) -> None:
    with torch.device("meta"):
        state = build_network(other, 1000).state_dict()
        with pytest.raises((ValueError, RuntimeError), match=r"ShuffleNet|shufflenet_v2_x0_5"):
            build_network("shufflenet_v2_x0_5", 4, state)


def test_weights_that_lack_a_layer_are_refused() -> None:
    state = imagenet_state("squeezenet1_1")
    del state["features.0.weight"]
    with pytest.raises(ValueError, match=r"not squeezenet1_1's: features\.0\.weight"):
        build_network("squeezenet1_1", 4, state)


def test_a_file_that_runs_code_is_not_opened(checkpoints: Path) -> None:
    file = weight_file("squeezenet1_1")
    torch.save({"a": Path("/")}, file.path)
    with pytest.raises(Exception, match=r"(?i)weights_only|unsupported"):
        file.load()


def test_the_weights_are_those_that_the_paper_had(checkpoints: Path) -> None:
    file = weight_file("resnet50")
    assert (file.source, file.backbone) == ("IMAGENET1K_V1", "resnet50")
    assert file.path.parent == checkpoints
    assert file.url.endswith(file.path.name)
    assert not file.is_here
    assert find_weight_file("no_such_network") is None


def test_a_weight_file_knows_its_hash_also_after_it_changed(checkpoints: Path) -> None:
    file = weight_file("resnet18")
    for content in (b"one", b"three"):
        file.path.write_bytes(content)
        assert file.sha256() == hashlib.sha256(content).hexdigest()
    record = file.record()
    assert (record.source, record.file) == ("IMAGENET1K_V1", file.path.name)
    assert record.sha256 == file.sha256()


@pytest.fixture
def any_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes weight files of any content for whole: the published ones cannot be made here."""
    monkeypatch.setattr("foldgrid.models.weights.promised_hash", lambda _name: None)


@pytest.mark.usefixtures("any_content")
def test_required_weights_are_all_asked_for_in_one_message(checkpoints: Path) -> None:
    here = weight_file("resnet18")
    here.path.write_bytes(b"weights")
    with pytest.raises(InputError) as caught:
        resolve_weights(["vgg11", "resnet18", "alexnet"], "required", "fetch them all")
    assert str(caught.value) == (
        "pre-trained weights (weights: required): 2 problems\n"
        f"  vgg11     {weight_file('vgg11').path} is missing\n"
        f"  alexnet   {weight_file('alexnet').path} is missing\n"
        "Fetch them with `fetch them all`, or start from random weights with "
        "`--set weights=auto`."
    )
    assert resolve_weights(["resnet18"], "required", "") == {"resnet18": here}


@pytest.mark.usefixtures("any_content")
def test_auto_takes_what_is_there_and_none_takes_nothing(checkpoints: Path) -> None:
    here = weight_file("resnet18")
    here.path.write_bytes(b"weights")
    names = ["vgg11", "resnet18"]
    assert resolve_weights(names, "auto", "") == {"vgg11": None, "resnet18": here}
    assert resolve_weights(names, "none", "") == {"vgg11": None, "resnet18": None}


@pytest.mark.parametrize("policy", ["auto", "required"])
def test_a_corrupt_file_is_refused_before_any_fit(checkpoints: Path, policy: WeightsPolicy) -> None:
    weight_file("resnet18").path.write_bytes(b"half of the weights")
    with pytest.raises(InputError) as caught:
        resolve_weights(["resnet18"], policy, "fetch them all")
    message = str(caught.value)
    assert "resnet18" in message
    assert "its name promises f37072fd" in message
    assert "fetch them all" in message


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


def published(content: bytes, checkpoints: Path, promised: str | None = None) -> WeightFile:
    """A weight file whose name carries the hash of ``content``, or another one."""
    digest = promised or hashlib.sha256(content).hexdigest()[:8]
    path = checkpoints / f"network-{digest}.pth"
    return WeightFile("network", "IMAGENET1K_V1", "http://nowhere.invalid/a.pth", path)


def test_a_file_is_fetched_once(mirror: Path, checkpoints: Path) -> None:
    content = b"weights" * 1000
    file = published(content, checkpoints)
    (mirror / file.path.name).write_bytes(content)
    assert fetch_weight_file(file, mirror.as_uri() + "/")
    assert file.path.read_bytes() == content
    (mirror / file.path.name).unlink()
    assert not fetch_weight_file(file, mirror.as_uri())
    assert [path.name for path in checkpoints.iterdir()] == [file.path.name]


def test_a_file_that_is_not_what_its_name_promises_is_not_kept(
    mirror: Path, checkpoints: Path
) -> None:
    file = published(b"weights", checkpoints, promised="deadbeef")
    (mirror / file.path.name).write_bytes(b"something else")
    with pytest.raises(SweepError, match="promises deadbeef") as caught:
        fetch_weight_file(file, mirror.as_uri())
    assert mirror.as_uri() in str(caught.value)
    assert list(checkpoints.iterdir()) == []


def test_what_cannot_be_fetched_is_reported_with_a_way_out(mirror: Path, checkpoints: Path) -> None:
    file = published(b"weights", checkpoints)
    with pytest.raises(SweepError, match="cannot be fetched") as caught:
        fetch_weight_file(file, mirror.as_uri())
    assert str(file.path) in str(caught.value)
    assert list(checkpoints.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("resnet34-b627a593.pth", "b627a593"),
        ("mnasnet0.5_top1_67.823-3ffadce67e.pth", "3ffadce67e"),
        ("shufflenetv2_x1-5666bf0f80.pth", "5666bf0f80"),
        ("weights.pth", None),
        ("resnet34.pth", None),
    ],
)
def test_a_name_promises_the_start_of_a_hash(name: str, digest: str | None) -> None:
    assert promised_hash(name) == digest


def test_every_weight_file_of_the_paper_s_networks_promises_its_hash() -> None:
    for name in ("googlenet", "mnasnet1_0", "densenet169", "shufflenet_v2_x0_5", "mobilenet_v2"):
        assert promised_hash(weight_file(name).path.name)


@pytest.mark.parametrize(
    "variables", [{}, {"XDG_CACHE_HOME": "/x/cache"}, {"TORCH_HOME": "~/torch"}, {"TORCH_HOME": ""}]
)
def test_where_files_go_is_torch_s_own_rule_without_torch(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with_torch = weights_folder()
    monkeypatch.setattr("foldgrid.models.weights.sys", SimpleNamespace(modules={}))
    assert weights_folder() == with_torch == Path(torch.hub.get_dir()) / "checkpoints"
