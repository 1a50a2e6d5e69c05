"""The SSc study's parameter figures: each is a sum of parts of torchvision's own network."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from foldgrid.analysis.published.published_parameters import (
    PublishedParameters,
    compare_parameters,
    find_published_parameters,
)
from foldgrid.models import build_network, freeze, parameter_counts
from foldgrid.models.backbones import build_on_meta

LAYERS_OF_TEN_IN_KERAS = 4
"""Conv1, its norm and activation, the depthwise one with the same, the projection and its norm,
block_1's expansion and its norm: ten layers after the input, four of them with kernels."""


@dataclass(frozen=True)
class Counts:
    frozen_parameters: int
    trained_parameters: int
    running_statistics: int


def study() -> PublishedParameters:
    found = find_published_parameters("ssc_skin", "mobilenet_v2")
    assert found is not None
    return found


def counts(num_outputs: int, frozen: int | str) -> Counts:
    network = build_on_meta("mobilenet_v2", num_outputs)
    freeze(network, "mobilenet_v2", frozen)
    found = parameter_counts(network)
    return Counts(found.frozen, found.trained, found.running_statistics)


@pytest.mark.parametrize(
    ("num_classes", "num_outputs", "second_phase"),
    [(2, 1, "nothing"), (3, 4, LAYERS_OF_TEN_IN_KERAS)],
)
def test_the_study_s_numbers_are_those_of_our_network_frozen_as_explained(
    num_classes: int, num_outputs: int, second_phase: int | str
) -> None:
    phases = [counts(num_outputs, "backbone"), counts(num_outputs, second_phase)]
    for row in compare_parameters(study(), num_classes, phases):
        if row.count.published == 1280:
            # Of one output, without the bias.
            assert row.ours == num_outputs * (row.count.published + 1)
        else:
            assert row.ours == row.count.published, row.count


def test_the_sums_in_the_explanations_are_right() -> None:
    body = counts(1, "backbone")
    assert body == Counts(2_223_872, 1_281, 34_112)
    assert body.running_statistics == 2 * 17_056
    assert 2_223_872 + 34_112 + 1_281 == 2_259_265
    assert 2_223_872 + 1_281 == 2_225_153
    assert 2_223_872 + 34_112 + 4 * 1_281 == 2_263_108
    assert 34_112 + counts(1, LAYERS_OF_TEN_IN_KERAS).frozen_parameters == 37_664
    assert 2_223_872 - 3_552 + 4 * 1_281 == 2_225_444


def test_what_the_words_say_is_another_number() -> None:
    # "The weights of the first 10 layers", counted as layers with weights.
    rows = compare_parameters(study(), 2, [counts(2, "backbone"), counts(2, 10)])
    ours = [(row.count.published, row.ours) for row in rows]
    assert ours == [
        (2_259_265, 2_260_546),
        (1_280, 2_562),
        (34_112, 34_112 + 19_536),
        (2_225_153, 2_206_898),
    ]


def test_a_training_of_one_phase_has_no_number_beside_the_second() -> None:
    rows = compare_parameters(study(), 3, [counts(3, "nothing")])
    assert [row.ours is None for row in rows] == [False, False, True, True]


def test_other_sweeps_and_networks_have_none() -> None:
    assert find_published_parameters("ssc_skin_three", "mobilenet_v2") == study()
    assert find_published_parameters("ssc_skin", "plain_cnn") is None
    assert find_published_parameters("aidda", "mobilenet_v2") is None
    assert {row.num_classes for row in study().counts} == {2, 3}


def test_the_running_statistics_are_counted_in_a_real_network() -> None:
    network = build_network("mobilenet_v2", 1)
    buffers = [
        buffer.numel() for name, buffer in network.named_buffers() if "num_batches" not in name
    ]
    assert parameter_counts(network).running_statistics == sum(buffers) == 34_112
