"""What a step descends on, how pictures are drawn and mixed, and from which views they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from timm.data import mixup as of_timm

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import VIEWS
from foldgrid.tasks.registry import make_scoring
from foldgrid.training.batches import training_batches
from foldgrid.training.mixing import Mix, draw_mix
from foldgrid.training.network_state import mean_output
from foldgrid.training.training_loss import TrainingLoss, balanced_weights
from tests.training.tiny_study import LABELS, make_config, make_data, make_fit, make_labelled_data

CPU = torch.device("cpu")
CLASSES_N = np.array([0] * 9 + [1] * 4 + [2])


def loss_of(**training: Any) -> TrainingLoss:
    recipe = TrainingRecipe(**training)
    targets_NT = CLASSES_N[:, None].astype(np.float32)
    return TrainingLoss(make_scoring(LABELS), recipe, targets_NT, CPU)


def a_batch(count: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and the classes' indices."""
    generator = torch.Generator().manual_seed(seed)
    outputs_BK = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return outputs_BK, torch.randint(3, (count, 1), generator=generator).double()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_cross_entropy_is_torch_s(smoothing: float, class_weights: str) -> None:
    loss = loss_of(label_smoothing=smoothing, class_weights=class_weights)
    outputs_BK, classes_B1 = a_batch()
    weight = None
    if class_weights == "balanced":
        weight = torch.from_numpy(balanced_weights(CLASSES_N, 3)).float().double()
    wanted = F.cross_entropy(
        outputs_BK,
        classes_B1[:, 0].long(),
        weight,
        label_smoothing=smoothing,
        reduction="sum",
    )
    found = loss(outputs_BK, loss.targets(classes_B1))
    torch.testing.assert_close(found, wanted / len(outputs_BK))


def test_class_weights_are_scikit_learn_s() -> None:
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=CLASSES_N)
    np.testing.assert_allclose(balanced_weights(CLASSES_N, 3), wanted)
    assert balanced_weights(np.array([0, 0, 2]), 4)[1] == 1


def test_focal_loss_is_its_formula_and_cross_entropy_where_gamma_is_0() -> None:
    outputs_BK, classes_B1 = a_batch()
    focal, plain = loss_of(loss="focal", focal_gamma=1.5), loss_of(loss="focal", focal_gamma=0)
    of_class_B = outputs_BK.softmax(dim=1).gather(1, classes_B1.long())[:, 0]
    wanted = (-((1 - of_class_B) ** 1.5) * of_class_B.log()).mean()
    torch.testing.assert_close(focal(outputs_BK, focal.targets(classes_B1)), wanted)
    wanted = F.cross_entropy(outputs_BK, classes_B1[:, 0].long())
    torch.testing.assert_close(plain(outputs_BK, plain.targets(classes_B1)), wanted)


def test_huber_is_torch_s_and_the_task_s_own_stays() -> None:
    outputs_BK, _ = a_batch()
    targets_BK = outputs_BK.flip(0) * 2
    task = make_scoring(make_config().task)
    outputs_B4, targets_B4 = (each.repeat(1, 2)[:, :4] for each in (outputs_BK, targets_BK))
    huber = TrainingLoss(task, TrainingRecipe(loss="huber"), np.zeros((2, 4), np.float32), CPU)
    assert huber(outputs_B4, huber.targets(targets_B4)) == F.huber_loss(outputs_B4, targets_B4)
    plain = TrainingLoss(task, TrainingRecipe(), np.zeros((2, 4), np.float32), CPU)
    assert plain(outputs_B4, plain.targets(targets_B4)) == task.loss(outputs_B4, targets_B4)


@given(st.integers(2, 9), st.integers(1, 8), st.integers(0, 99))
def test_the_mean_over_parts_is_the_mean_over_all(count: int, first: int, seed: int) -> None:
    loss = loss_of(label_smoothing=0.1, class_weights="balanced", loss="focal")
    outputs_BK, classes_B1 = a_batch(count, seed)
    targets_BK = loss.targets(classes_B1)
    cuts = [slice(0, min(first, count - 1)), slice(min(first, count - 1), count)]
    parts = [loss(outputs_BK[cut], targets_BK[cut]) * len(outputs_BK[cut]) for cut in cuts]
    torch.testing.assert_close(sum(parts) / count, loss(outputs_BK, targets_BK))


@pytest.mark.parametrize(
    "training", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}]
)
def test_a_mixed_batch_is_timm_s(training: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same draws, pictures and smoothed classes alike."""
    recipe = TrainingRecipe(label_smoothing=0.1, **training)
    images_BCHW = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    classes_B = torch.tensor([0, 2, 1, 1])
    for seed in range(6):
        mix = draw_mix(recipe, 16, torch.Generator().manual_seed(seed))
        assert mix is not None
        theirs = of_timm.Mixup(
            recipe.mixup, recipe.cutmix, label_smoothing=recipe.label_smoothing, num_classes=3
        )
        params = mix.fraction, mix.box is not None
        monkeypatch.setattr(theirs, "_params_per_batch", lambda params=params: params)
        drawn = mix.box, mix.fraction
        monkeypatch.setattr(of_timm, "cutmix_bbox_and_lam", lambda *_, drawn=drawn, **__: drawn)
        monkeypatch.setattr(of_timm, "one_hot", one_hot_here)
        wanted, their_targets = of_timm.Mixup.__call__(theirs, images_BCHW.clone(), classes_B)
        torch.testing.assert_close(mix.images(images_BCHW), wanted)
        loss = loss_of(label_smoothing=0.1, **training)
        mixed = mix.targets(loss.targets(classes_B[:, None].float()))
        torch.testing.assert_close(mixed * 0.9 + 0.1 / 3, their_targets.float())


def one_hot_here(
    classes_B: torch.Tensor, num_classes: int, on_value: float = 1.0, off_value: float = 0.0
) -> torch.Tensor:
    """timm's, which takes a card for granted."""
    found = torch.full((len(classes_B), num_classes), off_value)
    return found.scatter_(1, classes_B.view(-1, 1).long(), on_value)


def test_fractions_are_drawn_as_they_should_be_and_the_same_again() -> None:
    def drawn(**training: Any) -> list[Mix]:
        generator = torch.Generator().manual_seed(0)
        found = [draw_mix(TrainingRecipe(**training), 64, generator) for _ in range(3000)]
        return [each for each in found if each is not None]

    fractions = np.array([each.fraction for each in drawn(mixup=0.4)])
    assert fractions.mean() == pytest.approx(0.5, abs=0.02)
    assert fractions.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)
    cut = drawn(cutmix=1.0)
    for each in cut:
        assert each.box is not None
        top, bottom, left, right = each.box
        assert 0 <= top <= bottom <= 64
        assert each.fraction == 1 - (bottom - top) * (right - left) / 64**2
    both = drawn(mixup=0.2, cutmix=1.0)
    assert np.mean([each.box is not None for each in both]) == pytest.approx(0.5, abs=0.05)
    assert drawn(cutmix=1.0) == cut
    generator = torch.Generator().manual_seed(3)
    state = generator.get_state()
    assert draw_mix(TrainingRecipe(), 64, generator) is None
    assert torch.equal(generator.get_state(), state)


def test_a_balanced_sampler_draws_each_class_equally_often() -> None:
    weights_N = balanced_weights(CLASSES_N, 3)[CLASSES_N]
    generator = torch.Generator().manual_seed(0)
    counts = np.zeros(3)
    for _ in range(300):
        batches = training_batches(np.arange(14), 4, None, generator, weights_N)
        drawn = np.concatenate(batches)
        assert len(drawn) == 14
        counts += np.bincount(CLASSES_N[drawn], minlength=3)
    np.testing.assert_allclose(counts / counts.sum(), 1 / 3, atol=0.03)


def turned(pictures_NHWC: NDArray[np.uint8], turns: int, flips: bool) -> NDArray[np.uint8]:
    mirrored = pictures_NHWC[:, :, ::-1] if flips else pictures_NHWC
    return np.ascontiguousarray(np.rot90(mirrored, turns, (1, 2)))


@pytest.mark.parametrize("kind", [*VIEWS][1:])
@pytest.mark.parametrize("is_labelled", [False, True])
def test_test_time_augmentation_is_the_mean_over_views(
    kind: str, is_labelled: bool, tmp_path: Path
) -> None:
    data = make_labelled_data() if is_labelled else make_data(num_visits=1, pixels=32)
    task = LABELS if is_labelled else None
    config = make_config("plain_cnn", task=task, test_time_augmentation=kind, learning_rate=0.0005)
    fit = make_fit(config, tmp_path, data)
    fit.run()
    rows = fit.roles.test
    seen = []
    for turns, flips in VIEWS[kind]:
        pictures = turned(data.mosaics_NHWC, turns, flips)
        fit.source = type(fit.source)(
            pictures, CPU, config.training.normalization, "data", "bilinear"
        )
        seen.append(fit.predict(rows))
    outputs_VNK = torch.from_numpy(np.stack(seen))
    wanted = mean_output(outputs_VNK, "classes" if is_labelled else "numbers").numpy()
    names = list(fit.task.prediction_names)
    table = fit.folder.read_predictions().query("partition == 'test'")
    found = table[names].to_numpy(np.float64)
    columns = fit.task.prediction_columns(wanted)
    np.testing.assert_allclose(found, np.stack([columns[name] for name in names], 1), atol=1e-5)
    if is_labelled:
        probabilities_VNK = outputs_VNK.double().softmax(-1).numpy()
        np.testing.assert_allclose(found, probabilities_VNK.mean(axis=0), atol=1e-5)
