"""The recipe's newer keys: phases and schedules that go together, and who may change them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from foldgrid.specs.errors import InputError
from foldgrid.specs.phases import Phase, describe_phases, epochs_before, phase_index
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import recipe_keys, with_values
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import SearchSettings, Sweep

HEAD = Phase(name="head", epochs=100, frozen="backbone")
FROZEN = {"name": "head", "frozen": "backbone"}
FINE = Phase(name="fine_tune", frozen=10, learning_rate=0.001)


def recipe(**keys: Any) -> TrainingRecipe:
    return TrainingRecipe.model_validate_json(json.dumps(keys))


def refusal(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        recipe(**keys)
    return "\n".join(detail["msg"] for detail in caught.value.errors())


def test_phases_are_read_as_they_are_written() -> None:
    found = recipe(
        max_epochs=150,
        phases=[
            {"name": "head", "epochs": 100, "frozen": "backbone"},
            {"name": "fine_tune", "frozen": 10, "learning_rate": 0.001},
        ],
    )
    assert found.phases == (HEAD, FINE)
    assert TrainingRecipe.model_validate_json(found.model_dump_json()) == found
    assert describe_phases(found.phases) == (
        "head (100 epochs, backbone frozen), then fine_tune (first 10 layers frozen, learning rate "
        "0.001)"
    )
    assert describe_phases(()) == "none"


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ({"phases": [{"name": "a"}, {"name": "b"}]}, "a has no number of epochs"),
        ({"phases": [{"name": "a", "epochs": 1}, {"name": "a"}]}, "a given twice"),
        ({"max_epochs": 5, "phases": [{"name": "a", "epochs": 5}, {"name": "b"}]}, "at least 6"),
        ({"max_epochs": 5, "phases": [{"name": "a", "epochs": 6}]}, "at least 6"),
        ({"phases": [{"name": "a", "frozen": "head"}]}, "'nothing' or 'backbone'"),
        ({"phases": [{"name": "a", "frozen": -1}]}, "greater than or equal to 0"),
        ({"phases": [{"name": "a", "frozen": True}]}, "'nothing' or 'backbone'"),
        ({"phases": [{"name": "a", "learning_rate": 0.0}]}, "greater than 0"),
        ({"early_stopping": {"policy": "none"}}, "Take schedule: steps, cosine or constant"),
        ({"training_fraction": 0.0}, "greater than 0"),
        ({"augmentation": {"smallest_crop": 0}}, "greater than 0"),
        ({"augmentation": {"zoom": 1}}, "less than 1"),
        ({"schedule": "cosinus"}, "'plateau', 'steps', 'cosine' or 'constant'"),
        ({"schedule": "cosine", "cosine": {"final_fraction": 1}}, "less than 1"),
        ({"warmup": {"start_fraction": 2}}, "less than or equal to 1"),
        ({"layer_decay": 1.5}, "less than or equal to 1"),
        ({"ema_decay": 1.0}, "less than 1"),
        ({"drop_path": 1.0}, "less than 1"),
        ({"clip_gradients": 0}, "greater than 0"),
        ({"layer_decay": 0.7, "phases": [FROZEN]}, "layer_decay: phases freeze the backbone"),
        ({"drop_path": 0.1, "phases": [FROZEN]}, "drop_path: phases freeze the backbone"),
        (
            {"head": "ridge", "ema_decay": 0.9, "warmup": {"epochs": 1}},
            "warmup.epochs and ema_decay: head: ridge is solved at once",
        ),
        ({"head": "ridge", "clip_gradients": 1.0}, "clip_gradients: head: ridge"),
        ({"steps": {"factor": 1}}, "less than 1"),
        ({"head": "ridge", "mixup": 0.2}, "mixup: head: ridge is solved at once"),
        ({"head": "logistic", "class_weights": "balanced"}, "class_weights: head: logistic"),
        (
            {"class_weights": "balanced", "sampler": "balanced"},
            "class_weights: balanced and sampler: balanced",
        ),
        (
            {"pooling": "attention", "phases": [FROZEN], "test_time_augmentation": "flips"},
            "test_time_augmentation: flips and pooling: attention",
        ),
        ({"loss": "dice"}, "'task', 'huber' or 'focal'"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    keys: dict[str, Any], reported: str
) -> None:
    assert reported in refusal(**keys)


@pytest.mark.parametrize("schedule", ["steps", "cosine", "constant"])
def test_without_a_choice_the_rate_may_follow_anything_but_the_loss(schedule: str) -> None:
    found = recipe(schedule=schedule, early_stopping={"policy": "none"})
    assert found.early_stopping.policy == "none"


def test_the_planned_epochs_are_the_phases_own_where_they_all_say() -> None:
    assert recipe(max_epochs=7).planned_epochs == 7
    assert recipe(max_epochs=150, phases=[{"name": "a"}]).planned_epochs == 150
    phases = [{"name": "a", "epochs": 100}, {"name": "b", "epochs": 50}]
    assert recipe(phases=phases).planned_epochs == 150


def test_a_backbone_that_trains_later_may_learn_layer_by_layer() -> None:
    found = recipe(layer_decay=0.7, drop_path=0.1, phases=[FROZEN | {"epochs": 1}, {"name": "all"}])
    assert found.layer_decay == 0.7
    assert recipe(ema_decay=0.9, clip_gradients=1.0, phases=[FROZEN]).ema_decay == 0.9


lengths = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(lengths, st.booleans())
def test_every_epoch_belongs_to_one_phase_and_phases_come_in_order(
    epochs: list[int], is_endless: bool
) -> None:
    phases = [Phase(name=str(number), epochs=count) for number, count in enumerate(epochs)]
    if is_endless:
        phases[-1] = Phase(name="last")
    found = [phase_index(phases, epoch) for epoch in range(1, sum(epochs) + 1)]
    expected = [number for number, count in enumerate(epochs) for _ in range(count)]
    assert found == expected
    assert phase_index(phases, sum(epochs) + 1) == len(phases) - 1
    for index in range(len(phases)):
        assert found.index(index) == epochs_before(phases, index)


def test_where_there_are_no_phases_every_epoch_is_of_the_first() -> None:
    assert phase_index((), 1) == phase_index((), 99) == 0


def test_a_list_of_phases_is_no_key_of_a_search_but_can_be_replaced() -> None:
    assert "phases" not in list(recipe_keys())
    assert {"schedule", "steps.every_epochs", "training_fraction", "augmentation.zoom"} <= set(
        recipe_keys()
    )
    two = with_values(TrainingRecipe(), {"phases": (HEAD, FINE)})
    assert two.phases == (HEAD, FINE)
    assert with_values(two, {"phases": (), "momentum": 0.5}).phases == ()


SWEEP = """title: t
backbones: [mobilenet_v2, resnet18]
training:
  max_epochs: 150
  phases:
  - {name: head, epochs: 100, frozen: backbone}
  - {name: fine_tune, frozen: 10, learning_rate: 0.001}
per_backbone:
  resnet18: {phases: [], max_epochs: 50}
budgets:
  smoke:
    training:
      max_epochs: 2
      phases:
      - {name: head, epochs: 1, frozen: backbone}
      - {name: fine_tune, frozen: 10}
"""


def resolve(tmp_path: Path, text: str = SWEEP, *overrides: str, budget: Any = "paper") -> Sweep:
    path = tmp_path / "two_ways.yaml"
    path.write_text(text)
    return resolve_sweep(path, budget, overrides).sweep


def test_a_backbone_replaces_the_whole_list_and_other_keys_with_it(tmp_path: Path) -> None:
    # 50 epochs alone would be too few for the sweep's phases: what belongs together counts.
    sweep = resolve(tmp_path)
    assert sweep.recipe_of("mobilenet_v2").phases == (HEAD, FINE)
    own = sweep.recipe_of("resnet18")
    assert (own.phases, own.max_epochs) == ((), 50)
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep


def test_a_backbone_may_have_phases_of_its_own(tmp_path: Path) -> None:
    text = SWEEP.replace("phases: []", "phases: [{name: all, frozen: 3}]")
    sweep = resolve(tmp_path, text)
    assert sweep.recipe_of("resnet18").phases == (Phase(name="all", frozen=3),)
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep


def test_a_budget_and_the_command_line_replace_the_whole_list_too(tmp_path: Path) -> None:
    text = SWEEP.replace(", max_epochs: 50", "")
    assert [p.epochs for p in resolve(tmp_path, text, budget="smoke").training.phases] == [1, None]
    assert resolve(tmp_path, text, "training.phases=[]").training.phases == ()
    text = "training.phases=[{name: all, frozen: backbone}]"
    assert resolve(tmp_path, SWEEP, text).training.phases == (Phase(name="all", frozen="backbone"),)


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        (
            "phases: [], max",
            "phases: [{name: a, frozen: 1.5}], max",
            "per_backbone.resnet18.phases",
        ),
        ("phases: [], max", "max", "line 9   per_backbone.resnet18   phases: they need at least"),
        ("phases: []", "phases: none", "line 9   per_backbone.resnet18.phases"),
        (
            "phases: []",
            "learning_rate: [{name: a}]",
            "line 9   per_backbone.resnet18.learning_rate",
        ),
        ("phases: []", "phase: []", 'Did you mean "phases"?'),
        (
            "frozen: 10, learn",
            "frozne: 10, learn",
            'line 7   training.phases.1.frozne   unknown key. Did you mean "frozen"?',
        ),
        ("epochs: 100", "epochs: 1000", "line 3   training   phases: they need at least 1001"),
    ],
)
def test_a_mistake_in_phases_is_reported_where_it_is(
    tmp_path: Path, old: str, new: str, reported: str
) -> None:
    with pytest.raises(InputError) as caught:
        resolve(tmp_path, SWEEP.replace(old, new))
    assert reported in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "reported"),
    [
        (
            "max_epochs: {type: int, low: 50, high: 200}",
            "max_epochs 50, with which mobilenet_v2 has: phases",
        ),
        (
            "head: {type: choice, choices: [linear, ridge]}",
            "head ridge, with which mobilenet_v2 has: head: ridge is solved on the features of a "
            "frozen backbone, and phases: fine_tune trains the backbone",
        ),
        (
            "pooling: {type: choice, choices: [network, mean]}\n"
            "  stage_heads: {type: choice, choices: [false, true]}",
            "pooling mean and stage_heads True, with which resnet18 has: stage_heads: true",
        ),
    ],
    ids=["epochs", "head", "two together"],
)
def test_a_search_space_that_the_sweep_s_recipe_does_not_allow_is_refused(
    tmp_path: Path, parameters: str, reported: str
) -> None:
    spaces = tmp_path / "spaces"
    spaces.mkdir()
    (spaces / "short.yaml").write_text(f"title: s\nparameters:\n  {parameters}\n")
    path = tmp_path / "searched.yaml"
    path.write_text(SWEEP + "search_space: short\n")
    with pytest.raises(InputError, match=re.escape(reported)):
        resolve_sweep(path, "paper", spaces=(spaces,))


def test_choices_that_are_never_drawn_together_are_not_refused(tmp_path: Path) -> None:
    (tmp_path / "apart.yaml").write_text(
        "title: s\nparameters:\n  stage_heads: {type: choice, choices: [false, true]}\n"
        "  pooling: {type: choice, choices: [network, mean], when: {stage_heads: [false]}}\n"
    )
    path = tmp_path / "searched.yaml"
    path.write_text(SWEEP + "search_space: apart\n")
    assert resolve_sweep(path, "paper", spaces=(tmp_path,)).space is not None


def test_equal_recipes_and_searches_have_equal_hashes() -> None:
    one, two = TrainingRecipe(), TrainingRecipe(learning_rate=0.01, optimizer="sgd")
    assert (one, hash(one)) == (two, hash(two))
    assert len({one, two, with_values(one, {"momentum": 0.5}), SearchSettings()}) == 3
