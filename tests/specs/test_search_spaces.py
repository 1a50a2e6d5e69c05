"""Search spaces: what they may say, what is refused, and that every shipped one is sound."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import InputError
from foldgrid.specs.folders import yaml_files
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import recipe_keys, recipe_value, with_values
from foldgrid.specs.resolving import read_space, resolve_sweep
from foldgrid.specs.search_space import (
    FloatParameter,
    IntParameter,
    SearchSpace,
    extremes,
    grid_points,
    num_values,
)

PROJECT = Path(__file__).resolve().parents[2]
SPACES = yaml_files(PROJECT / "search_spaces")
SWEEP = "title: t\nbackbones: [resnet18, vgg11]\nsearch_space: mine\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def resolve(folder: Path, space: str, sweep: str = SWEEP) -> SearchSpace | None:
    """The space that the sweep finds."""
    spaces = folder / "spaces"
    spaces.mkdir(exist_ok=True)
    write(spaces, space)
    return resolve_sweep(write(folder, sweep), "paper", spaces=(spaces,)).space


@pytest.mark.parametrize("name", SPACES)
def test_every_shipped_space_is_sound_and_its_ends_are_recipes(name: str) -> None:
    space = read_space(SPACES[name])
    for parameter, limits in space.parameters.items():
        for value in extremes(limits).values():
            recipe = with_values(TrainingRecipe(), {parameter: value})
            assert recipe_value(recipe, parameter) == value


def test_every_key_of_the_recipe_can_be_searched() -> None:
    recipe = TrainingRecipe()
    keys = list(recipe_keys())
    assert {"learning_rate", "plateau.patience", "augmentation.brightness"} <= set(keys)
    again = with_values(recipe, {key: recipe_value(recipe, key) for key in keys})
    assert [recipe_value(again, key) for key in keys] == [recipe_value(recipe, key) for key in keys]
    # Settings of what is not the recipe's decide nothing, and are kept where they are said.
    unsaid: dict[str, object] = {"head_settings": {}, "optimizer_settings": {}}
    assert again.model_copy(update=unsaid) == recipe


WRONG = {
    "low above high": ("learning_rate: {type: float, low: 1.0, high: 0.1}", "above high"),
    "log of zero": (
        "learning_rate: {type: float, low: 0.0, high: 0.1, log: true}",
        "logarithmic scale needs a number above 0",
    ),
    "unknown type": ("learning_rate: {type: flaot, low: 0.1, high: 0.2}", "float"),
    "no such parameter": (
        "learnig_rate: {type: float, low: 0.1, high: 0.2}",
        'Did you mean "learning_rate"?',
    ),
    "what a network is built for": (
        "input_size: {type: choice, choices: [64, 96]}",
        "input_size   cannot be searched: trials of a backbone share its network's size",
    ),
    "a list": (
        "phases: {type: choice, choices: [1]}",
        "phases   cannot be searched: a list is no single value",
    ),
    "outside the recipe": (
        "momentum: {type: float, low: 0.5, high: 1.0}",
        "found 1.0, which the recipe does not allow",
    ),
    "a whole number drawn as a real one": (
        "batch_size: {type: float, low: 8.5, high: 16.5}",
        "which the recipe does not allow",
    ),
    "a backbone between two numbers": (
        "backbone: {type: int, low: 1, high: 2}",
        "use `type: choice`",
    ),
    "steps on a logarithmic scale": (
        "learning_rate: {type: float, low: 0.1, high: 0.2, log: true, step: 0.1}",
        "no equal steps",
    ),
    "a condition on what comes later": (
        "momentum: {type: choice, choices: [0.9], when: {batch_size: [16]}}",
        "not a parameter above this one",
    ),
    "a condition that never holds": (
        "batch_size: {type: choice, choices: [8, 16]}\n"
        "  momentum: {type: choice, choices: [0.9], when: {batch_size: [12]}}",
        "batch_size is never 12",
    ),
    "a condition on no task": (
        "momentum: {type: choice, choices: [0.9], when: {task: [pazi]}}",
        'no task is called "pazi". Did you mean "pasi"?',
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_space_is_refused_with_its_line(mistake: str, tmp_path: Path) -> None:
    text, said = WRONG[mistake]
    path = write(tmp_path, f"title: t\nparameters:\n  {text}\n")
    with pytest.raises(InputError) as caught:
        read_space(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "line " in str(caught.value)


SOUND = "title: t\nparameters:\n  learning_rate: {type: float, low: 0.001, high: 0.1, log: true}\n"

UNSUITED = {
    "an unknown space": (
        "title: t\nbackbones: [vgg11]\nsearch_space: mien\n",
        SOUND,
        'no such space "mien". Did you mean "mine"?',
    ),
    "settings without a space": (
        "title: t\nbackbones: [vgg11]\nsearch: {num_trials: 3}\n",
        SOUND,
        "settings of a search without a space",
    ),
    "an unknown sampler": (
        SWEEP + "search: {sampler: TPE}\n",
        SOUND,
        'Did you mean "TPESampler"',
    ),
    "a grid without end": (
        SWEEP + "search: {sampler: GridSampler}\n",
        SOUND,
        "learning_rate cannot be counted",
    ),
    "several objectives for one": (
        SWEEP + "search: {sampler: CmaEsSampler, objectives: [mae, ccc]}\n",
        SOUND,
        "CmaEsSampler takes one objective",
    ),
    "the sweep's default configuration outside": (
        SWEEP + "training: {learning_rate: 0.5}\n",
        SOUND,
        "not in the search space (0.001 to 0.1, logarithmic)",
    ),
    "null beside a range": (
        SWEEP,
        "title: t\nparameters:\n  ema_decay: {type: float, low: 0.9, high: 0.99}\n",
        "found null, which is not in the search space (0.9 to 0.99). The sweep's default "
        "configuration is its first trial: give it a number here, or search choices with null",
    ),
    "nothing for the task": (
        SWEEP,
        "title: of classes\nparameters:\n"
        "  mixup: {type: choice, choices: [0.0, 0.2], when: {task: [binary]}}\n",
        "no parameter of 'of classes' is for the task pasi",
    ),
    "backbones that the sweep lacks": (
        SWEEP,
        "title: t\nparameters:\n  backbone: {type: choice, choices: [resnet18, alexnet]}\n",
        "they differ in alexnet, vgg11",
    ),
}


@pytest.mark.parametrize("mistake", UNSUITED)
def test_a_space_that_does_not_suit_the_sweep_is_refused(mistake: str, tmp_path: Path) -> None:
    sweep, space, said = UNSUITED[mistake]
    with pytest.raises(InputError) as caught:
        resolve(tmp_path, space, sweep)
    assert said in str(caught.value)


def test_a_grid_needs_no_space_and_a_search_finds_its_own(tmp_path: Path) -> None:
    assert resolve(tmp_path, SOUND, "title: t\nbackbones: [vgg11]\n") is None
    found = resolve(tmp_path, SOUND)
    assert found is not None
    assert list(found.parameters) == ["learning_rate"]


@given(low=st.integers(0, 20), size=st.integers(0, 20), step=st.integers(1, 5))
def test_values_are_counted_as_they_are_listed(low: int, size: int, step: int) -> None:
    parameter = IntParameter(type="int", low=low, high=low + size, step=step)
    assert num_values(parameter) == len(range(low, low + size + 1, step))


def test_the_points_of_a_grid_keep_its_conditions() -> None:
    space = SearchSpace.model_validate(
        {
            "title": "t",
            "parameters": {
                "momentum": {"type": "choice", "choices": (0.0, 0.9)},
                "plateau.patience": {
                    "type": "int",
                    "low": 2,
                    "high": 6,
                    "step": 2,
                    "when": {"momentum": (0.9,)},
                },
            },
        }
    )
    points = grid_points(space)
    assert len(points) == 4
    assert {"momentum": 0.0} in points
    assert {"momentum": 0.9, "plateau.patience": 6} in points


def test_a_continuous_range_cannot_be_counted() -> None:
    assert num_values(FloatParameter(type="float", low=0.0, high=1.0)) is None
    assert num_values(FloatParameter(type="float", low=0.0, high=1.0, step=0.1)) == 11


@pytest.mark.parametrize("recipe", ["finetune_vit", "finetune_convnext"])
@pytest.mark.parametrize("task", ["pasi", "regression, unit: points", "classification", "binary"])
def test_the_modern_space_begins_at_a_recipe_and_mixes_only_classes(
    recipe: str, task: str, tmp_path: Path
) -> None:
    text = f"{SWEEP.replace('mine', 'modern')}recipe: {recipe}\ntask: {{name: {task}}}\n"
    if task == "binary":
        text = text.replace("binary", "binary, positive: [a]")
    space = resolve_sweep(write(tmp_path, text), "paper", spaces=(PROJECT / "search_spaces",)).space
    assert space is not None
    of_classes = {"label_smoothing", "mixup", "cutmix"}
    has_classes = task in ("classification", "binary")
    assert of_classes & space.parameters.keys() == (of_classes if has_classes else set())
    assert not any("task" in each.when for each in space.parameters.values())
    assert {"learning_rate", "layer_decay", "drop_path", "warmup.epochs"} < space.parameters.keys()
