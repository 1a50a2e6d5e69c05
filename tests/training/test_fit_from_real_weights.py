"""Fits that start from weights that were really trained: frozen, fine-tuned, gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from foldgrid.models import WeightFile, find_weight_file
from foldgrid.models.backbones import build_network, head_parameters
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig
from tests.training.tiny_study import make_config, make_data, make_fit, outcome

NAME = "tf_efficientnet_lite0"
PHASES = [{"name": "head", "epochs": 1, "frozen": "backbone"}, {"name": "all", "epochs": 1}]


@pytest.fixture
def weights() -> WeightFile:
    file = find_weight_file(NAME)
    assert file is not None
    return file


def fine_tuned(weights: WeightFile) -> FitConfig:
    # The last weights predict, also where an earlier epoch was better.
    last = {"early_stopping": {"policy": "none"}, "schedule": "constant"}
    training: dict[str, Any] = {"normalization": "minus_one_to_one", "phases": PHASES, **last}
    return make_config(NAME, weights=weights.sha256(), learning_rate=0.001, **training)


def test_the_head_learns_on_frozen_weights_then_all_learn_and_a_break_changes_nothing(
    tmp_path: Path, weights: WeightFile
) -> None:
    data, config = make_data(), fine_tuned(weights)
    published = build_network(NAME, 3, weights.load()).state_dict()
    body = published.keys() - set(head_parameters(NAME))
    fit = make_fit(config, tmp_path / "broken", data, weights=weights)
    fit.run_epoch()
    frozen = fit.network.state_dict()
    # Running statistics of frozen norms stand still as well.
    assert all(torch.equal(frozen[key], published[key]) for key in body)
    fit.save_checkpoint()
    resumed = make_fit(config, tmp_path / "broken", data, weights=weights)
    assert resumed.epoch == 1
    resumed.run()
    whole = make_fit(config, tmp_path / "whole", data, weights=weights)
    record = whole.run()
    assert outcome(resumed.folder) == outcome(whole.folder)
    trained = safetensors.torch.load(whole.folder.read_weights())
    assert all(
        not torch.equal(trained[key], published[key]) for key in body if ".conv_dw.weight" in key
    )
    assert [phase.trained_parameters < 10_000 for phase in record.phases] == [True, False]
    assert record.weights == weights.record()
    assert record.weights.sha256 == record.config.weights


def test_another_file_than_the_planned_one_is_refused(tmp_path: Path, weights: WeightFile) -> None:
    other = find_weight_file("tf_efficientnet_lite1")
    with pytest.raises(SweepError, match="not the file that the sweep was planned with"):
        make_fit(fine_tuned(weights), tmp_path, weights=other)
