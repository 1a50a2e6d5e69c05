"""One network of each of timm's families: all that is asked of a network, at a tiny size.

What timm says of itself (`get_classifier`, `forward_features`, `forward_head`,
`head_hidden_size`) is held against what is found by asking the network.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from foldgrid.describe.structure import describe
from foldgrid.models import (
    build_network,
    check_backbones,
    forward_all,
    freeze,
    last_hidden,
    load_state,
    weight_layers,
)
from foldgrid.models.backbones import build_on_meta, check_weights, head_parameters
from foldgrid.models.footprint import footprint
from foldgrid.models.sources import source_of

REPRESENTATIVES = {
    "convnext": ("test_convnext", 32),
    "crossvit": ("crossvit_tiny_240", 240),  # Two branches, each with a head.
    "efficientnet": ("test_efficientnet", 32),
    "eva": ("vit_tiny_patch16_dinov3_qkvb", 32),  # Weights of modules that are not called.
    "levit": ("levit_128s", 64),  # Two heads, and norms in them.
    "maxxvit": ("test_coatnet", 64),
    "resnet": ("test_resnet", 32),
    "vision_transformer": ("test_vit", 32),
}
"""A convolution, an attention, heads of every kind: these stand for all others in ``make test``."""

OTHERS = {
    "beit": ("beit_base_patch16_224", 32),
    "byobnet": ("test_byobnet", 32),
    "cait": ("cait_xxs24_224", 32),
    "coat": ("coat_tiny", 64),
    "convit": ("convit_tiny", 32),
    "convmixer": ("convmixer_768_32", 32),
    "cspnet": ("cs3darknet_focus_s", 64),
    "davit": ("davit_tiny", 64),
    "deit": ("deit_tiny_patch16_224", 32),
    "densenet": ("densenet121", 32),
    "dla": ("dla46x_c", 64),
    "dpn": ("dpn48b", 64),
    "edgenext": ("edgenext_xx_small", 64),
    "efficientformer": ("efficientformer_l1", 224),
    "efficientformer_v2": ("efficientformerv2_s0", 224),
    "efficientvit_mit": ("efficientvit_b0", 64),
    "efficientvit_msra": ("efficientvit_m0", 224),
    "fasternet": ("fasternet_t0", 64),
    "fastvit": ("fastvit_t8", 64),
    "focalnet": ("focalnet_tiny_srf", 64),
    "gcvit": ("gcvit_xxtiny", 224),
    "ghostnet": ("ghostnet_050", 64),
    "hgnet": ("hgnetv2_b0", 64),
    "hrnet": ("hrnet_w18_small", 64),
    "inception_next": ("inception_next_atto", 64),
    "mambaout": ("test_mambaout", 32),
    "metaformer": ("poolformerv2_s12", 64),
    "mlp_mixer": ("gmlp_ti16_224", 32),
    "mobilenetv3": ("lcnet_035", 32),  # A hidden layer wider than the features.
    "mobilevit": ("mobilevit_xxs", 64),
    "mvitv2": ("mvitv2_tiny", 64),
    "nest": ("nest_tiny", 224),
    "nfnet": ("test_nfnet", 32),
    "pit": ("pit_ti_224", 64),
    "pvt_v2": ("pvt_v2_b0", 64),
    "rdnet": ("rdnet_tiny", 64),
    "regnet": ("regnetx_002", 32),
    "repvit": ("repvit_m1", 64),
    "res2net": ("res2next50", 64),
    "resnest": ("resnest14d", 64),
    "resnetv2": ("resnetv2_18", 64),
    "rexnet": ("rexnet_100", 64),
    "selecsls": ("selecsls42", 64),
    "senet": ("legacy_seresnet18", 64),
    "shvit": ("shvit_s1", 64),
    "sknet": ("skresnet18", 64),
    "starnet": ("starnet_s050", 64),
    "swiftformer": ("swiftformer_xs", 64),
    "swin_transformer": ("swin_tiny_patch4_window7_224", 64),
    "swin_transformer_v2": ("swinv2_tiny_window16_256", 64),
    "tiny_vit": ("tiny_vit_5m_224", 64),
    "twins": ("twins_svt_small", 64),
    "vgg": ("vgg11", 32),  # A hidden layer wider than the features.
    "vision_transformer_hybrid": ("vit_tiny_r_s16_p8_224", 64),
    "vision_transformer_relpos": ("test_vit_relpos", 32),
    "visformer": ("visformer_tiny", 64),
    "volo": ("volo_d1_224", 64),
    "vovnet": ("ese_vovnet19b_slim_dw", 64),
    "xcit": ("xcit_nano_12_p8_224", 32),
}

NETWORKS = [
    *(pytest.param(*member, id=family) for family, member in REPRESENTATIVES.items()),
    *(
        pytest.param(*member, id=family, marks=pytest.mark.exhaustive)
        for family, member in OTHERS.items()
    ),
]
NOT_RESIZED = ("levit_128s", "gmlp_ti16_224")
"""Tables of positions that timm does not resize: pre-trained, they take their own size alone."""


def test_there_are_at_least_forty_families() -> None:
    assert len(REPRESENTATIVES | OTHERS) >= 40
    assert len({member for member, _ in (REPRESENTATIVES | OTHERS).values()}) == len(NETWORKS)


@pytest.mark.parametrize(("architecture", "pixels"), NETWORKS)
def test_it_has_a_head_a_hidden_layer_a_size_and_layers_to_freeze(
    architecture: str, pixels: int
) -> None:
    name = f"timm:{architecture}"
    check_backbones([name], "mine.yaml", {})
    torch.manual_seed(1)
    network: Any = build_network(name, 3, pixels=pixels)
    images_BCHW = torch.rand(2, 3, pixels, pixels)
    outputs_BK = _train_one_step(network, images_BCHW, name)
    assert outputs_BK.shape == (2, 3)
    network.eval()
    with torch.no_grad():
        predicted_BK = network(images_BCHW)
        hidden_BD = last_hidden(network, images_BCHW)
        own = network.forward_head(network.forward_features(images_BCHW), pre_logits=True)
    assert predicted_BK.shape == (2, 3)
    assert hidden_BD.dim() == 2
    assert hidden_BD.isfinite().all()
    if not isinstance(own, (list, tuple)):
        assert hidden_BD.shape == own.shape == (2, network.head_hidden_size)

    # A checkpoint is the same network.
    torch.manual_seed(2)
    again = build_network(name, 3, pixels=pixels).eval()
    load_state(again, network.state_dict())
    with torch.no_grad():
        assert torch.equal(again(images_BCHW), predicted_BK)

    # Every parameter belongs to one layer; frozen, only the head's are left.
    layers = [each for layer in weight_layers(name) for each in layer.parameters]
    parameters = dict(network.named_parameters())
    assert sorted(layers) == sorted(parameters)
    heads = head_parameters(name)
    freeze(network, name, "backbone")
    trained = {key for key, each in parameters.items() if each.requires_grad}
    assert trained == set(heads) & set(parameters)
    assert 0 < len(trained) < len(parameters)

    size, structure = footprint(name, 3, pixels), describe(name, 3, pixels)
    assert size.num_parameters == sum(each.numel() for each in parameters.values())
    assert size.num_parameters == structure.num_parameters
    assert size.multiply_adds == structure.multiply_adds > 0


def _train_one_step(network: Any, images_BCHW: Tensor, name: str) -> Tensor:
    """Outputs in training; each parameter that is trained gets a gradient."""
    outputs_BK, further = forward_all(network.train(), images_BCHW)
    (outputs_BK.square().sum() + sum(each.square().sum() for each in further)).backward()
    for key in head_parameters(name):
        parameter = dict(network.named_parameters()).get(key)
        if parameter is not None and not key.startswith("aux_head"):
            assert parameter.grad is not None, key
    return outputs_BK.detach()


@pytest.mark.parametrize(("architecture", "pixels"), NETWORKS)
def test_weights_of_its_own_size_go_into_a_network_of_another(
    architecture: str, pixels: int
) -> None:
    """Position embeddings and the like are resized; all else is taken over bit for bit."""
    name = f"timm:{architecture}"
    torch.manual_seed(3)
    published = build_network(name, 7).state_dict()
    if architecture in NOT_RESIZED:
        with pytest.raises(ValueError, match=r"these weights are not .*: .* in the network"):
            check_weights(name, 3, published, pixels)
        return
    check_weights(name, 3, published, pixels)
    torch.manual_seed(4)
    network = build_network(name, 3, published, pixels=pixels)
    found, heads = network.state_dict(), set(head_parameters(name))
    for key, value in found.items():
        if key in heads:
            assert value.shape[0] == 3
        elif key in published and published[key].shape == value.shape:
            assert torch.equal(value, published[key]), key
    assert network.eval()(torch.rand(1, 3, pixels, pixels)).shape == (1, 3)


@pytest.mark.parametrize(("architecture", "pixels"), NETWORKS)
def test_at_its_own_size_it_is_the_same_network(architecture: str, pixels: int) -> None:
    name = f"timm:{architecture}"
    source = source_of(name)
    native = source.native_pixels(name)
    plain, sized = build_on_meta(name, 3), build_on_meta(name, 3, pixels=native)
    assert {key: each.shape for key, each in plain.state_dict().items()} == {
        key: each.shape for key, each in sized.state_dict().items()
    }
    assert set(build_on_meta(name, 3, pixels=pixels).state_dict()) >= set(head_parameters(name))
