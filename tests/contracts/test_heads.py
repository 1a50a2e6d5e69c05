"""The laws of `specs.heads`, kept by every head, one from outside among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as RidgeRegression
from torch import Tensor, nn

from foldgrid.heads import solving
from foldgrid.heads.solving import INNER_FOLDS, Standardised, inner_folds
from foldgrid.specs.heads import (
    HEADS,
    Head,
    OutputKind,
    Solution,
    SolvedHead,
    TrainedHead,
    TrainingFeatures,
)
from foldgrid.tasks import losses
from tests.outside.site.prototype import PROTOTYPE

ALL: dict[str, Head] = {**HEADS, "prototype": PROTOTYPE}
SOLVED: dict[str, SolvedHead] = {
    name: head for name, head in ALL.items() if isinstance(head, SolvedHead)
}
TRAINED: dict[str, TrainedHead] = {
    name: head for name, head in ALL.items() if isinstance(head, TrainedHead)
}
NUM_OUTPUTS: dict[OutputKind, int] = {"numbers": 4, "classes": 3, "thresholds": 3}
LOSSES: dict[OutputKind, Callable[[Tensor, Tensor], Tensor]] = {
    "numbers": losses.squared_error,
    "classes": losses.cross_entropy,
    "thresholds": losses.threshold_cross_entropy,
}


def features(
    kind: OutputKind,
    num_samples: int = 60,
    num_features: int = 90,
    num_outputs: int | None = None,
    seed: int = 0,
) -> TrainingFeatures:
    """Samples whose first features tell of their targets, five a subject, in no order."""
    rng = np.random.default_rng(seed)
    num_outputs = num_outputs or NUM_OUTPUTS[kind]
    values_ND = rng.normal(2, 1, (num_samples, num_features)).astype(np.float32)
    if kind == "numbers":
        targets_NT = values_ND[:, :num_outputs] * 2 + rng.normal(0, 0.5, (num_samples, num_outputs))
    else:
        num_classes = num_outputs + (kind == "thresholds")
        signal_N = values_ND[:, 0] + values_ND[:, 1] + rng.normal(0, 0.5, num_samples)
        targets_NT = (signal_N.argsort().argsort() * num_classes // num_samples)[:, None]
    subjects_N = np.array([f"{each // 5:03d}" for each in rng.permutation(num_samples)], object)
    targets_NT = targets_NT.astype(np.float32)
    return TrainingFeatures(values_ND, targets_NT, subjects_N, kind, num_outputs, seed)


@pytest.fixture(params=[(name, kind) for name, head in SOLVED.items() for kind in head.suits])
def case(request: pytest.FixtureRequest) -> tuple[SolvedHead, TrainingFeatures]:
    name, kind = request.param
    return SOLVED[name], features(kind)


def solved(head: SolvedHead, training: TrainingFeatures, **own: Any) -> Solution:
    return head.solve(training, head.settings.model_validate(own))


def outputs(solution: Solution, features_ND: NDArray[np.float32]) -> NDArray[np.float64]:
    return features_ND @ solution.weight_KD.T + solution.bias_K


def same_bits(one: Solution, other: Solution) -> bool:
    return (
        one.weight_KD.tobytes() == other.weight_KD.tobytes()
        and one.bias_K.tobytes() == other.bias_K.tobytes()
        and one.chosen == other.chosen
    )


def test_the_outputs_are_what_the_task_s_loss_asks_for(
    case: tuple[SolvedHead, TrainingFeatures],
) -> None:
    head, training = case
    solution = solved(head, training)
    num_features = training.features_ND.shape[1]
    assert solution.weight_KD.shape == (training.num_outputs, num_features)
    assert solution.bias_K.shape == (training.num_outputs,)
    assert solution.weight_KD.dtype == solution.bias_K.dtype == np.float64
    loss, targets = LOSSES[training.output_kind], torch.from_numpy(training.targets_NT)
    said = torch.from_numpy(outputs(solution, training.features_ND)).float()
    nothing = Solution(np.zeros_like(solution.weight_KD), solution.bias_K * 0, {})
    of_nothing = torch.from_numpy(outputs(nothing, training.features_ND)).float()
    assert loss(said, targets) < 0.8 * loss(of_nothing, targets)


def test_the_same_samples_and_seed_give_the_same_bits(
    case: tuple[SolvedHead, TrainingFeatures],
) -> None:
    head, training = case
    first = solved(head, training)
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002 - somebody else draws
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1][3]  # noqa: NPY002
    assert same_bits(solved(head, training), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1][3] == numpy_before  # noqa: NPY002


def test_of_many_samples_the_solution_is_the_same(
    case: tuple[SolvedHead, TrainingFeatures], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the features' inner products, not by those of the samples."""
    head, _ = case
    training = features(case[1].output_kind, num_samples=200, num_features=30)
    one = solved(head, training)
    solving._spaces.clear()
    monkeypatch.setattr(solving, "MANY_SAMPLES", 100)
    other = solved(head, training)
    assert other.chosen.get("strength") == one.chosen.get("strength")
    np.testing.assert_allclose(other.weight_KD, one.weight_KD, atol=1e-5)
    np.testing.assert_allclose(other.bias_K, one.bias_K, atol=1e-5)
    solving._spaces.clear()


def test_units_do_not_matter_and_constant_columns_weigh_nothing(
    case: tuple[SolvedHead, TrainingFeatures],
) -> None:
    head, training = case
    constant_ND = training.features_ND.copy()
    constant_ND[:, [3, 8]] = (0.1, 7.0)
    plain = replace(training, features_ND=constant_ND)
    # Powers of two change no digit.
    units_D = np.float32(2.0) ** (np.arange(constant_ND.shape[1]) % 5 - 2)
    other = replace(training, features_ND=constant_ND * units_D)
    first, second = solved(head, plain), solved(head, other)
    assert (first.weight_KD[:, [3, 8]] == 0).all()
    np.testing.assert_allclose(
        outputs(second, other.features_ND), outputs(first, plain.features_ND), atol=1e-5
    )


def test_what_is_written_into_a_layer_is_what_was_solved(
    case: tuple[SolvedHead, TrainingFeatures],
) -> None:
    head, training = case
    solution = solved(head, training)
    layer = nn.Linear(training.features_ND.shape[1], training.num_outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(solution.weight_KD))
        layer.bias.copy_(torch.from_numpy(solution.bias_K))
        said = layer(torch.from_numpy(training.features_ND)).numpy()
    np.testing.assert_allclose(said, outputs(solution, training.features_ND), atol=1e-4)


@pytest.mark.parametrize("num_features", [30, 200])
def test_ridge_is_scikit_learn_s(num_features: int) -> None:
    training = features("numbers", num_features=num_features)
    solution = solved(SOLVED["ridge"], training)
    values = Standardised.of(training.features_ND).values_ND
    theirs = RidgeRegression(alpha=solution.chosen["strength"]).fit(values, training.targets_NT)
    np.testing.assert_allclose(
        outputs(solution, training.features_ND), theirs.predict(values), atol=1e-6
    )


@pytest.mark.parametrize("num_features", [30, 200])
@pytest.mark.parametrize(
    ("kind", "num_outputs"), [("classes", 2), ("classes", 4), ("thresholds", 2)]
)
def test_logistic_is_scikit_learn_s(kind: OutputKind, num_outputs: int, num_features: int) -> None:
    training = features(kind, num_features=num_features, num_outputs=num_outputs)
    solution = solved(SOLVED["logistic"], training)
    values, index = Standardised.of(training.features_ND).values_ND, training.targets_NT[:, 0]
    said = outputs(solution, training.features_ND)
    model = LogisticRegression(C=1 / solution.chosen["strength"], tol=1e-10, max_iter=10_000)
    if kind == "classes":
        odds = np.exp(said - said.max(axis=1, keepdims=True))
        ours = odds / odds.sum(axis=1, keepdims=True)
        theirs = model.fit(values, index).predict_proba(values)
    else:
        ours = 1 / (1 + np.exp(-said))
        theirs = np.stack(
            [model.fit(values, index > k).predict_proba(values)[:, 1] for k in range(num_outputs)],
            axis=1,
        )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "num_outputs"),
    [("ridge", "numbers", 2), ("logistic", "classes", 3), ("logistic", "thresholds", 2)],
)
def test_the_strength_is_the_one_that_a_search_by_hand_finds(
    name: str, kind: OutputKind, num_outputs: int
) -> None:
    """Each inner fold fitted by scikit-learn, on columns as the whole training part has them."""
    training = features(kind, 80, 120, num_outputs, seed=3)
    head, strengths = SOLVED[name], (1.0, 30.0, 1000.0)
    values = Standardised.of(training.features_ND).values_ND
    found = dict.fromkeys(strengths, 0.0)
    targets = torch.from_numpy(training.targets_NT)
    for fitted, seen in inner_folds(training):
        for each in strengths:
            said = _by_scikit_learn(kind, num_outputs, values, training.targets_NT, fitted, each)
            loss = LOSSES[kind](torch.from_numpy(said[seen]), targets[seen].double())
            found[each] += float(loss) * len(seen) / len(values)
    solution = solved(head, training, strengths=strengths)
    assert solution.chosen["strength"] == min(found, key=lambda each: found[each])
    assert solution.chosen["inner_loss"] == pytest.approx(min(found.values()), rel=1e-3)


def _by_scikit_learn(
    kind: OutputKind,
    num_outputs: int,
    values: NDArray[np.float64],
    targets_NT: NDArray[np.float32],
    fitted: NDArray[np.intp],
    strength: float,
) -> NDArray[np.float64]:
    if kind == "numbers":
        ridge = RidgeRegression(alpha=strength).fit(values[fitted], targets_NT[fitted])
        return np.asarray(ridge.predict(values), np.float64)
    model = LogisticRegression(C=1 / strength, tol=1e-9, max_iter=10_000)
    if kind == "classes":
        model.fit(values[fitted], targets_NT[fitted, 0])
        return np.asarray(model.decision_function(values))
    above = [targets_NT[:, 0] > k for k in range(num_outputs)]
    return np.stack(
        [model.fit(values[fitted], each[fitted]).decision_function(values) for each in above],
        axis=1,
    )


@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=12), seed=st.integers(0, 2**48 - 1))
def test_no_subject_is_on_both_sides_of_an_inner_fold(sizes: list[int], seed: int) -> None:
    subjects_N = np.repeat(np.array([f"s{n}" for n in range(len(sizes))], object), sizes)
    training = replace(features("numbers", len(subjects_N), 3, 1), subjects_N=subjects_N, seed=seed)
    folds = inner_folds(training)
    assert len(folds) == min(INNER_FOLDS, len(sizes))
    for fitted, seen in folds:
        assert not set(subjects_N[fitted]) & set(subjects_N[seen])
    every = np.concatenate([seen for _, seen in folds])
    assert sorted(every) == list(range(len(subjects_N)))
    again = inner_folds(training)
    assert all(
        np.array_equal(a, b)
        for one, two in zip(folds, again, strict=True)
        for a, b in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("name", ["ridge", "logistic"])
def test_a_strength_that_is_given_is_taken_and_nothing_is_chosen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = SOLVED[name]
    training = features(head.suits[0])
    monkeypatch.setattr(solving, "inner_folds", lambda _: pytest.fail("nothing to choose"))
    assert solved(head, training, strength=17.0).chosen == {"strength": 17.0}


@pytest.mark.parametrize("name", ["ridge", "logistic"])
def test_a_single_subject_has_no_inner_folds_and_takes_the_strongest(name: str) -> None:
    head = SOLVED[name]
    training = features(head.suits[0])
    alone = replace(training, subjects_N=np.full(len(training.subjects_N), "one", object))
    assert solved(head, alone, strengths=(1.0, 50.0)).chosen == {"strength": 50.0}


@pytest.mark.parametrize(
    ("kind", "num_outputs"), [("classes", 2), ("classes", 4), ("thresholds", 3)]
)
def test_a_class_without_a_sample_has_the_chance_of_half_a_sample(
    kind: OutputKind, num_outputs: int
) -> None:
    training = features(kind, num_outputs=num_outputs)
    last = training.targets_NT.max()
    targets_NT = np.minimum(training.targets_NT, last - 1)
    solution = solved(SOLVED["logistic"], replace(training, targets_NT=targets_NT))
    said = outputs(solution, training.features_ND)
    assert np.isfinite(said).all()
    if kind == "classes":
        odds = np.exp(said - said.max(axis=1, keepdims=True))
        chance = (odds / odds.sum(axis=1, keepdims=True))[:, -1].mean()
    else:
        chance = (1 / (1 + np.exp(-said[:, -1]))).mean()
    assert 0.1 / len(said) < chance < 2 / len(said)


def test_a_channel_that_answers_to_few_pictures_does_not_speak_in_all_predictions() -> None:
    """As a channel of a ReLU network that is dead but for two pictures."""
    rare_ND = features("numbers", 700).features_ND.copy()
    rare_ND[:, 5] = 0
    rare_ND[:2, 5] = 0.001
    columns = Standardised.of(rare_ND)
    farthest_D = np.abs(columns.values_ND).max(axis=0)
    # By its standard deviation alone, 18.7.
    assert farthest_D[5] == pytest.approx(5.0)
    usual_D = np.delete(rare_ND.std(axis=0), 5)
    np.testing.assert_allclose(np.delete(columns.unit_D, 5), usual_D, rtol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_its_words_begin_a_sentence(name: str) -> None:
    head = ALL[name]
    words = head.words(head.settings())
    assert words.startswith(head.title)
    assert not words.endswith((".", ",", " "))


@pytest.mark.parametrize("name", TRAINED)
def test_a_trained_head_is_layers_that_learn(name: str) -> None:
    head = TRAINED[name]
    torch.manual_seed(0)
    layers: nn.Module = head.build(12, 3, head.settings())
    last = [each for each in layers.modules() if isinstance(each, nn.Linear)][-1]
    assert last.out_features == 3
    features_BD = torch.randn(6, 12)
    layers(features_BD).square().sum().backward()
    assert all(each.grad is not None for each in layers.parameters())
