"""The laws of `models.sources.source`, kept by every source, one from outside among them.

Of a source with many networks its representatives are looked at; `tests/models` has the others.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import torch
from torch import nn

from foldgrid.models.backbones import build_network, build_on_meta, forward_all, head_parameters
from foldgrid.models.sources import NETWORK_SOURCES, NetworkSource, find_source, known_backbones
from foldgrid.models.weights import promised_hash
from foldgrid.specs.errors import SweepError
from tests.models.representatives import REPRESENTATIVES
from tests.outside.site.pocket import POCKET, Pocket

ALL: dict[str, NetworkSource] = {**NETWORK_SOURCES, "pocket": POCKET}
SMALL = ("shufflenet_v2_x0_5", "googlenet")


def looked_at(source: NetworkSource) -> tuple[str, ...]:
    names = source.names()
    return tuple(name for name in names if name in SMALL) or names[-1:]


NETWORKS = [(source, name) for source in ALL for name in looked_at(ALL[source])]


@pytest.fixture(autouse=True)
def _one_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORK_SOURCES, "pocket", POCKET)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ALL)
def test_a_source_has_names_that_no_other_has(source: str) -> None:
    names = ALL[source].names()
    # Files of weights are named by their users.
    assert names or source == "file"
    assert len(set(names)) == len(names)
    assert all(find_source(name) is ALL[source] for name in names)
    assert set(names) <= set(known_backbones())
    assert ALL[source].title
    library = ALL[source].library
    assert library in ALL[source].install_command() or library == "timm"


@pytest.mark.parametrize(("source", "name"), NETWORKS)
def test_the_same_seed_gives_the_same_weights_and_nothing_else_is_drawn(
    source: str, name: str
) -> None:
    def drawn() -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        torch.manual_seed(4)
        return ALL[source].construct(name, 3).state_dict(), torch.get_rng_state()

    (first, after), (second, again) = drawn(), drawn()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(after, again)
    build_on_meta(name, 3)
    ALL[source].native_pixels(name)
    ALL[source].published_weights(name)
    ALL[source].published_top5(name)
    assert torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize(("source", "name"), NETWORKS)
def test_its_last_layer_has_the_size_that_is_asked_for(source: str, name: str) -> None:
    pixels = min(ALL[source].native_pixels(name), 96)
    network = build_network(name, 5).train()
    images_BCHW = torch.rand(2, 3, pixels, pixels)
    outputs_BK, further = forward_all(network, images_BCHW)
    assert outputs_BK.shape == (2, 5)
    assert bool(further) == ALL[source].has_auxiliary_heads(name)
    assert network.eval()(images_BCHW).shape == (2, 5)
    heads = head_parameters(name)
    assert 0 < len(heads) < len(network.state_dict())


@pytest.mark.parametrize("source", ALL)
def test_what_is_published_is_a_file_and_accuracies_in_percent(source: str) -> None:
    for name in [each for each in ALL[source].names() if each in REPRESENTATIVES] or looked_at(
        ALL[source]
    ):
        published, top5 = ALL[source].published_weights(name), ALL[source].published_top5(name)
        assert 16 <= ALL[source].native_pixels(name) <= 1024
        assert top5 is None or 50 < top5 < 100
        if published is not None:
            assert published.name
            assert published.package or urlsplit(published.url).scheme == "https"
            assert published.sha256 or promised_hash(urlsplit(published.url).path)


def test_two_sources_of_one_name_are_refused_with_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Copycat(Pocket):
        def names(self) -> tuple[str, ...]:
            return ("resnet18",)

        def construct(self, name: str, num_outputs: int) -> nn.Module:
            return nn.Linear(3, num_outputs)

    monkeypatch.setitem(NETWORK_SOURCES, "copycat", Copycat())  # type: ignore[arg-type]
    with pytest.raises(SweepError, match="resnet18 is a network of torchvision already") as refused:
        known_backbones()
    assert __file__ in str(refused.value)
