"""The laws of a recipe's keys, kept by every one of optimiser, schedule and weights.

1. *It changes the fit*, its id and its weights; at its default it changes neither.
2. *The same bits* come of it after a kill in the middle as without one.
3. *Parts of a batch* give what the whole batch gives, where no layer looks at the whole batch.
4. *A fit that takes over another's state*, where one of the two has the key, goes on by its own
   recipe, each parameter from what the optimiser kept of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.training import Fit, TrainingData, checkpoint
from foldgrid.training.checkpoint_interval import CheckpointInterval
from foldgrid.training.network_state import MovingAverage
from tests.training.tiny_study import (
    LABELS,
    folder_of,
    make_config,
    make_data,
    make_fit,
    make_labelled_data,
    outcome,
)

PLAIN: dict[str, Any] = {"max_epochs": 3, "max_batches_per_epoch": 2, "learning_rate": 0.001}
NETWORK = "timm:test_vit"
"""A third of what `plain_cnn` takes."""
BY_PARTS = "plain_cnn"
"""No layer looks at the whole batch, and no gradient is nothing but rounding."""

KEYS: dict[str, dict[str, Any]] = {
    **{f"optimizer={name}": {"optimizer": name} for name in OPTIMIZERS if name != "sgd"},
    "decay_norms_and_biases": {"weight_decay": 0.1, "decay_norms_and_biases": False},
    "cosine": {"schedule": "cosine", "cosine": {"final_fraction": 0.1}},
    "warmup": {"warmup": {"epochs": 2}},
    "clip_gradients": {"clip_gradients": 0.5},
    "ema_decay": {"ema_decay": 0.8},
    "layer_decay": {"layer_decay": 0.5},
    "drop_path": {"drop_path": 0.5},
    "huber": {"loss": "huber"},
    "focal": {"loss": "focal"},
    "label_smoothing": {"label_smoothing": 0.1},
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "mixup or cutmix": {"mixup": 0.2, "cutmix": 1.0},
    "class_weights": {"class_weights": "balanced"},
    "sampler": {"sampler": "balanced"},
}
OF_LABELS = [*KEYS][-7:]
"""Keys that only classes have."""
WITHOUT = {"decay_norms_and_biases": {"weight_decay": 0.1}}
"""What a key is compared with, where that is not the plain recipe."""


@pytest.fixture(scope="module")
def small() -> TrainingData:
    return make_data(num_visits=1, pixels=32)


@pytest.fixture(scope="module")
def labelled() -> TrainingData:
    return make_labelled_data()


Data = dict[bool, TrainingData]


@pytest.fixture(scope="module")
def studies(small: TrainingData, labelled: TrainingData) -> Data:
    """By whether it is of labels."""
    return {False: small, True: labelled}


def fit_of(key: str, run: Path, studies: Data, network: str = NETWORK, **training: Any) -> Fit:
    of_labels = key in OF_LABELS
    task = LABELS if of_labels else None
    return make_fit(make_config(network, task=task, **training), run, studies[of_labels])


@pytest.fixture(scope="module")
def plain_weights(
    studies: Data, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[str, bytes]]:
    """The id and the weights of what a key is compared with, by the key."""

    @cache
    def trained(of: str) -> tuple[str, bytes]:
        run = tmp_path_factory.mktemp("plain")
        fit = fit_of(of, run, studies, **PLAIN, **WITHOUT.get(of, {}))
        fit.run()
        return fit.config.fit_id, fit.folder.read_weights()

    def weights(key: str) -> tuple[str, bytes]:
        alike = (of for of in KEYS if kind_of(of) == kind_of(key))
        return trained(next(alike))

    def kind_of(key: str) -> object:
        return key in OF_LABELS, WITHOUT.get(key)

    return weights


def weights_of(fit: Fit) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in fit.network.state_dict().items()}


@pytest.mark.parametrize("key", KEYS)
def test_it_changes_the_fit_and_a_kill_does_not(
    key: str,
    studies: Data,
    plain_weights: Callable[[str], tuple[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a slow machine a fit would also write checkpoints by itself.
    monkeypatch.setattr(CheckpointInterval, "is_due", lambda pace: False)
    whole = fit_of(key, tmp_path / "whole", studies, **PLAIN, **KEYS[key])
    whole.run()
    stopped = fit_of(key, tmp_path / "parts", studies, **PLAIN, **KEYS[key])
    stopped.run_epoch()
    stopped.save_checkpoint()
    # What came after the checkpoint is lost.
    stopped.run_epoch()
    later = fit_of(key, tmp_path / "parts", studies, **PLAIN, **KEYS[key])
    assert later.epoch == 1
    later.run()
    one, two = outcome(whole.folder), outcome(later.folder)
    # Whole weights in a message help nobody.
    assert {part: one[part] == two[part] for part in one} == dict.fromkeys(one, True)
    plain_id, plain = plain_weights(key)
    assert plain_id != whole.config.fit_id
    is_same = plain == whole.folder.read_weights()
    assert not is_same


# Which pictures leave out a block is drawn for one part after the other, as dropout is.
@pytest.mark.parametrize("key", [key for key in KEYS if key != "drop_path"])
def test_parts_of_a_batch_give_what_the_whole_gives(
    key: str, studies: Data, tmp_path: Path
) -> None:
    whole = fit_of(key, tmp_path / "whole", studies, BY_PARTS, **PLAIN, **KEYS[key])
    parts = Fit(
        whole.config,
        whole.data,
        folder_of(whole.config, tmp_path / "parts"),
        micro_batch_size=3,
        device=torch.device("cpu"),
    )
    for fit in (whole, parts):
        # In float64 nothing but the mathematics is left.
        fit.network.double()
        if fit.average is not None:
            fit.average = MovingAverage(fit.network, 0.8)
        fit.targets_NK = fit.targets_NK.astype("float64")
        normalise = fit.source.normalise
        fit.source.normalise = lambda images, own=normalise: own(images).double()  # type: ignore[method-assign]
        fit.run_epoch()
    mine, others = weights_of(whole), weights_of(parts)
    for name, value in mine.items():
        torch.testing.assert_close(others[name], value, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("has_it", [True, False])
def test_a_fit_that_takes_over_another_s_state_goes_on_by_its_own(
    key: str, has_it: bool, studies: Data, tmp_path: Path
) -> None:
    """As a trial of population based training does."""
    optimizer = KEYS[key].get("optimizer", "sgd")
    with_key = fit_of(key, tmp_path / "with", studies, **PLAIN, **KEYS[key])
    without = fit_of(key, tmp_path / "without", studies, **PLAIN, momentum=0.5, optimizer=optimizer)
    mine, theirs = (with_key, without) if has_it else (without, with_key)
    theirs.run_epoch()
    fresh = [
        {name: value for name, value in group.items() if name not in ("params", "lr", "step")}
        for group in mine.optimizer.param_groups
    ]
    checkpoint.restore(mine, checkpoint.state_of(theirs))
    mine.adopt_recipe()
    held = [
        {name: value for name, value in group.items() if name in own}
        for group, own in zip(mine.optimizer.param_groups, fresh, strict=True)
    ]
    assert held == fresh
    for one, two in zip(mine.network.parameters(), theirs.network.parameters(), strict=True):
        own, other = mine.optimizer.state[one], theirs.optimizer.state[two]
        assert own.keys() == other.keys() != set()
        for name, value in own.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(other[name]))
    record = mine.run_epoch()
    assert record.epoch == 2
