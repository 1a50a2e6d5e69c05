"""Labels to classes: what the manifest says, what is missing, and what is judged of a tree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import InputError
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.hierarchical_scoring import HierarchicalScoring
from foldgrid.tasks.classification.hierarchy import ancestor
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.scoring import BinaryScoring, ClassScoring, check_labels, softmax
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, HierarchySpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import make_scoring, resolve_task

TREE = {
    "benign": {"melanocytic": ["naevus", "blue_naevus"], "wart": None},
    "malignant": {"melanocytic": ["nodular", "acral"], "epidermal": ["carcinoma"]},
}
LABELS = ("naevus", "blue_naevus", "wart", "nodular", "acral", "carcinoma")
PATHS = {
    "naevus": "benign/melanocytic/naevus",
    "blue_naevus": "benign/melanocytic/blue_naevus",
    "wart": "benign/wart",
    "nodular": "malignant/melanocytic/nodular",
    "acral": "malignant/melanocytic/acral",
    "carcinoma": "malignant/epidermal/carcinoma",
}
LEVELS = {"two": 1, "nine": 2, "all": 9}

several = st.lists(st.sampled_from(LABELS), min_size=2, max_size=20).filter(
    lambda labels: len(set(labels)) > 1
)


def photographs(labels: list[str] | tuple[str, ...], **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"label": list(labels), **more})


def by_words(**words: Any) -> HierarchySpec:
    return HierarchySpec.model_validate({"levels": LEVELS, **words}, strict=False)


def resolved_hierarchy(labels: list[str], most: int) -> HierarchicalScoring:
    spec = resolve_task(by_words(hierarchy=TREE, max_images_per_class=most), photographs(labels))
    scoring = make_scoring(spec)
    assert isinstance(scoring, HierarchicalScoring)
    return scoring


def refusal(spec: TaskSpec, samples: pd.DataFrame) -> str:
    with pytest.raises(InputError) as caught:
        resolve_task(spec, samples)
    return str(caught.value)


# ---------------------------------------------------------------- classes


@given(labels=several)
def test_without_classes_every_label_is_one(labels: list[str]) -> None:
    spec = resolve_task(ClassificationSpec(), photographs(labels))
    scoring = make_scoring(spec)
    assert isinstance(scoring, ClassScoring)
    assert scoring.classes == tuple(sorted(set(labels)))
    assert scoring.num_outputs == scoring.num_values == len(set(labels))
    targets = scoring.targets(photographs(labels))
    assert [scoring.classes[int(index)] for index in targets[:, 0]] == labels


def test_labels_of_one_class_are_the_same() -> None:
    spec = ClassificationSpec(classes={"normal": ("normal",), "SSc": ("late", "early")})
    labels = ["early", "normal", "late"]
    resolved = resolve_task(spec, photographs(labels))
    assert resolved == spec, "in the order of the words, not of the alphabet"
    scoring = make_scoring(resolved)
    assert scoring.prediction_names == ("predicted_normal", "predicted_SSc")
    np.testing.assert_array_equal(scoring.targets(photographs(labels)), [[1], [0], [1]])
    assert scoring.target_columns(photographs(labels))["label"].tolist() == labels


def test_everything_that_does_not_fit_is_said_at_once() -> None:
    spec = ClassificationSpec(classes={"a": ("x",), "b": ("y", "z")})
    message = refusal(spec, photographs(["x", "x", "u", "w", "w"]))
    assert 'the label "u" (1 photographs) is in no class' in message
    assert 'the label "w" (2 photographs) is in no class' in message
    assert "no photograph has y or z" in message
    assert "3 problems" in message
    assert "The manifest's labels: u, w, x." in message


def test_a_label_that_is_in_a_class_with_others_need_not_occur() -> None:
    check_labels({"a": ("x",), "b": ("y", "z")}, {"x": 1, "z": 2})


def test_classes_must_be_known_first() -> None:
    with pytest.raises(ValueError, match="resolve the task with its samples first"):
        ClassScoring(ClassificationSpec())


@given(
    st.lists(st.lists(st.floats(-80, 80, width=32), min_size=3, max_size=3), min_size=1, max_size=5)
)
def test_probabilities_of_any_outputs(outputs: list[list[float]]) -> None:
    found = softmax(np.array(outputs) * 20)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    moved = softmax(np.array(outputs) * 20 + 7)
    np.testing.assert_allclose(found, moved, rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------- a finding


@given(labels=several, data=st.data())
def test_positive_labels_against_all_others(labels: list[str], data: st.DataObject) -> None:
    found = sorted(set(labels))
    positive = tuple(
        data.draw(
            st.lists(st.sampled_from(found), min_size=1, max_size=len(found) - 1, unique=True)
        )
    )
    scoring = make_scoring(resolve_task(BinarySpec(positive=positive), photographs(labels)))
    assert isinstance(scoring, BinaryScoring)
    assert scoring.is_binary
    assert scoring.num_outputs == 2
    targets = scoring.targets(photographs(labels))[:, 0]
    assert targets.tolist() == [float(label in positive) for label in labels]


def test_a_positive_label_that_nobody_has_is_said() -> None:
    message = refusal(BinarySpec(positive=("referabel",)), photographs(["referable", "healthy"]))
    assert (
        'positive   no photograph has the label "referabel". Did you mean "referable"?' in message
    )


def test_nothing_but_positives_cannot_be_distinguished() -> None:
    message = refusal(BinarySpec(positive=("a", "b")), photographs(["a", "b", "b"]))
    assert "every photograph is positive; a second label is needed" in message


def test_resolved_words_are_held_against_other_photographs() -> None:
    spec = resolve_task(BinarySpec(positive=("b",)), photographs(["a", "b"]))
    assert resolve_task(spec, photographs(["b", "a", "a"])) == spec
    assert 'the label "c" (1 photographs) is in no class' in refusal(spec, photographs(["b", "c"]))


# ---------------------------------------------------------------- a tree


@given(labels=several, most=st.integers(1, 20), seed=st.integers(0, 99))
def test_the_probabilities_of_a_level_add_up_to_1(labels: list[str], most: int, seed: int) -> None:
    scoring = resolved_hierarchy(labels, most)
    outputs_NK = np.random.default_rng(seed).normal(0, 5, (4, scoring.num_outputs))
    probabilities_NK = softmax(outputs_NK)
    assert scoring.levels == tuple(LEVELS)
    for level in scoring.levels:
        found_NJ = scoring.probabilities_at(level, probabilities_NK)
        assert found_NJ.shape == (4, len(scoring.classes_at(level)))
        np.testing.assert_allclose(found_NJ.sum(axis=1), 1)
    np.testing.assert_array_equal(
        scoring.probabilities_at("all", probabilities_NK), probabilities_NK
    )


@given(labels=several, most=st.integers(1, 20))
def test_a_label_s_class_of_a_level_is_above_it(labels: list[str], most: int) -> None:
    scoring = resolved_hierarchy(labels, most)
    for level, depth in LEVELS.items():
        classes = scoring.classes_at(level)
        assert len(set(classes)) == len(classes)
        for label, index in zip(labels, scoring.index_at(level, labels), strict=True):
            own = next(name for name, given in scoring.spec.classes.items() if label in given)
            assert classes[index] == ancestor(own, depth)
            assert f"{PATHS[label]}/".startswith(f"{classes[index]}/")


@given(labels=several, most=st.integers(1, 20), seed=st.integers(0, 99))
def test_models_are_evaluated_by_the_level_that_is_asked_for(
    labels: list[str], most: int, seed: int
) -> None:
    plain = resolved_hierarchy(labels, most)
    assert plain.evaluated_classes == plain.classes_at("two")
    asked = HierarchicalScoring(plain.spec.model_copy(update={"ranking_level": "nine"}))
    assert asked.evaluated_classes == asked.classes_at("nine")
    assert asked.num_values == len(asked.evaluated_classes)
    outputs_NK = np.random.default_rng(seed).normal(0, 5, (len(labels), asked.num_outputs))
    columns = asked.prediction_columns(outputs_NK.astype(np.float32))
    values = asked.values(pd.DataFrame(columns))
    assert list(values) == list(asked.evaluated_classes)
    np.testing.assert_allclose(values.sum(axis=1), 1)
    reference = asked.reference(photographs(labels))
    assert reference.tolist() == asked.index_at("nine", labels).tolist()


def test_the_hierarchy_may_stand_in_the_manifest() -> None:
    samples = photographs(LABELS * 2, taxonomy=[PATHS[label] for label in LABELS] * 2)
    for most in (2, 4, 6, 12):
        written = resolve_task(by_words(hierarchy=TREE, max_images_per_class=most), samples)
        read = resolve_task(by_words(max_images_per_class=most), samples)
        assert isinstance(written, HierarchySpec)
        assert isinstance(read, HierarchySpec)
        assert read.paths == written.paths == PATHS
        assert {node: set(given) for node, given in read.classes.items()} == {
            node: set(given) for node, given in written.classes.items()
        }


def test_only_training_photographs_count_and_the_test_set_s_own_label_has_a_place() -> None:
    samples = photographs(
        ["naevus"] * 3 + ["wart"] * 5 + ["nodular"] * 2 + ["blue_naevus", "acral"],
        partition=["train"] * 3 + ["test"] * 4 + ["train"] * 3 + ["test"] * 2,
    )
    spec = resolve_task(by_words(hierarchy=TREE, max_images_per_class=3), samples)
    assert isinstance(spec, HierarchySpec)
    # Trained on: 3 naevi, 1 wart, 2 nodular melanomas. The acral one joins its sibling.
    assert spec.classes == {
        "benign/melanocytic": ("naevus", "blue_naevus"),
        "benign/wart": ("wart",),
        "malignant": ("nodular", "acral"),
    }


@pytest.mark.parametrize(
    ("words", "labels", "said"),
    [
        ({"hierarchy": TREE}, ["naevus", "lipoma"], "no place for lipoma. Give every label"),
        ({"hierarchy": {"a": ["x"], "b": ["x"]}}, ["x"], "x stands at a/x and at b/x."),
        ({"hierarchy": TREE, "positive": "malignnat"}, LABELS, 'no node "malignnat"'),
        ({"hierarchy": TREE, "positive": "malignnat"}, LABELS, 'Did you mean "malignant"?'),
        (
            {"hierarchy": TREE, "positive": "malignant", "negative": "benign/mole"},
            LABELS,
            'negative   no node "benign/mole" above the training classes.',
        ),
    ],
)
def test_mistakes_of_a_hierarchy_are_reported(words: Any, labels: Any, said: str) -> None:
    assert said in refusal(by_words(**words), photographs(labels, taxonomy=[""] * len(labels)))


def test_a_hierarchy_must_stand_somewhere() -> None:
    message = refusal(by_words(), photographs(["a", "b"], taxonomy=["", ""]))
    assert "neither a hierarchy in the sweep nor a column `taxonomy` in the manifest" in message


def test_a_task_without_classes_is_left_as_it_is() -> None:
    assert resolve_task(PasiSpec(), pd.DataFrame()) == PasiSpec()


def test_ordered_classes_go_by_value_then_by_the_alphabet() -> None:
    samples = pd.DataFrame({"label": ["10", "2", "none", "-1", "a"]})
    spec = resolve_task(OrdinalSpec(), samples)
    assert isinstance(spec, OrdinalSpec)
    assert list(spec.classes) == ["-1", "2", "10", "a", "none"]
