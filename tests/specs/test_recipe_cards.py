"""Recipes by name: what a sweep says by naming one, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foldgrid.specs.errors import InputError
from foldgrid.specs.folders import yaml_files
from foldgrid.specs.reading import read_document, validate
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_cards import RecipeCard, leaves
from foldgrid.specs.recipe_keys import deciding_values, with_values
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep

CARDS = yaml_files(Path(__file__).parents[2] / "recipes")
NETWORKS = "title: t\nbackbones: [resnet18, vit_tiny_patch16_224]\n"
VIT = {
    "optimizer": "adamw",
    "learning_rate": 0.00006,
    "weight_decay": 0.05,
    "decay_norms_and_biases": False,
    "layer_decay": 0.65,
    "schedule": "cosine",
    "warmup.epochs": 5,
    "drop_path": 0.2,
}
"""What ``finetune_vit`` says that is not the default."""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def resolve(folder: Path, text: str, budget: Any = "paper", *changes: str) -> ResolvedSweep:
    return resolve_sweep(write(folder, "mine.yaml", NETWORKS + text), budget, changes)


def said_of(folder: Path, text: str, *changes: str) -> str:
    with pytest.raises(InputError) as refused:
        resolve(folder, text, "paper", *changes)
    return str(refused.value)


def decides(recipe: TrainingRecipe) -> dict[str, Any]:
    return deciding_values(recipe.model_dump(mode="json"))


def keys_of(name: str) -> dict[str, Any]:
    values = read_document(CARDS[name]).values["training"]
    return {".".join(path): value for path, value in leaves(values)}


@pytest.mark.parametrize("name", CARDS)
def test_a_shipped_recipe_takes_the_place_of_any_other(name: str) -> None:
    """Each says all keys that another one does, those of its schedule and optimiser apart."""
    own = {"momentum", "plateau.factor", "plateau.patience", "plateau.threshold"}
    every = {key for card in CARDS for key in keys_of(card)}
    assert set(keys_of(name)) >= every - own
    card = validate(RecipeCard, read_document(CARDS[name]))
    # How long is for the sweep and its budgets to say.
    assert card.training.max_epochs == TrainingRecipe().max_epochs
    assert card.training.max_batches_per_epoch is None


def test_the_paper_s_recipe_is_the_default() -> None:
    card = validate(RecipeCard, read_document(CARDS["one_step_pasi"]))
    assert card.training == TrainingRecipe()


def test_a_named_recipe_counts_as_its_keys_would(tmp_path: Path) -> None:
    named = resolve(tmp_path, "recipe: finetune_vit\n").sweep
    assert named.training == with_values(TrainingRecipe(), VIT)
    keys = {**keys_of("finetune_vit"), "warmup": {"epochs": 5}}
    del keys["warmup.epochs"]
    training = "".join(
        f"  {key}: {str(value).lower() if value is not None else 'null'}\n"
        for key, value in keys.items()
        if key != "warmup"
    )
    written = resolve(tmp_path, f"training:\n{training}  warmup: {{epochs: 5}}\n").sweep
    assert named == written
    assert named.recipe is None


def test_what_is_written_beside_a_name_goes_before_the_recipe(tmp_path: Path) -> None:
    text = """
recipe: finetune_vit
training: {learning_rate: 0.001, warmup: {start_fraction: 0.5}}
per_backbone:
  resnet18: {recipe: one_step_pasi, plateau.patience: 3}
learners:
  resnet18+own: {recipe: finetune_cnn, max_epochs: 7}
  vit_tiny_patch16_224+slow: {learning_rate: 0.00001}
budgets:
  smoke:
    recipe: finetune_convnext
    training: {layer_decay: 1.0}
"""
    recipes = resolve(tmp_path, text).sweep.recipes
    vit = with_values(TrainingRecipe(), {**VIT, "learning_rate": 0.001})
    vit = with_values(vit, {"warmup.start_fraction": 0.5})
    assert recipes["vit_tiny_patch16_224"] == vit
    slow = with_values(vit, {"learning_rate": 0.00001})
    assert recipes["vit_tiny_patch16_224+slow"] == slow
    assert decides(recipes["resnet18"]) == decides(
        with_values(TrainingRecipe(), {"plateau.patience": 3, "warmup.start_fraction": 0.5})
    )
    own = with_values(recipes["resnet18"], {**keys_of("finetune_cnn"), "max_epochs": 7})
    assert recipes["resnet18+own"] == own
    smoke = resolve(tmp_path, text, "smoke").sweep.training
    assert (smoke.layer_decay, smoke.learning_rate, smoke.warmup.epochs) == (1.0, 0.00005, 0)
    # What the recipe alone says of a schedule is no mistake.
    other = resolve(tmp_path, "recipe: one_step_pasi\ntraining: {schedule: cosine}\n").sweep
    assert other.training.schedule == "cosine"


def test_on_the_command_line_a_recipe_goes_before_the_file_s_keys(tmp_path: Path) -> None:
    text = "training: {learning_rate: 0.003, optimizer: lion, max_epochs: 9}\n"
    changes = ("training.lr=0.002", "recipe=finetune_vit")
    found = resolve(tmp_path, text, "paper", *changes).sweep.training
    assert found == with_values(TrainingRecipe(), {**VIT, "learning_rate": 0.002, "max_epochs": 9})
    change = "per_backbone.resnet18.recipe=finetune_cnn"
    sweep = resolve(tmp_path, text, "paper", change).sweep
    assert sweep.recipe_of("resnet18").learning_rate == 0.0006
    assert sweep.recipe_of("vit_tiny_patch16_224").learning_rate == 0.003


def test_a_recipe_of_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path as seen from the sweep, or in ``./recipes``, before a shipped one."""
    card = "title: mine\ntraining: {learning_rate: 0.02, early_stopping: {inner_share: 0.2}}\n"
    write(tmp_path, "own.yaml", card)
    found = resolve(tmp_path, "recipe: own.yaml\n")
    assert found.sweep.training.learning_rate == 0.02
    assert found.sweep.training.early_stopping.inner_fraction == 0.2
    assert "own.yaml: training.early_stopping.inner_share is now" in found.renamed
    (tmp_path / "recipes").mkdir()
    write(tmp_path / "recipes", "finetune_cnn.yaml", card)
    monkeypatch.chdir(tmp_path)
    assert resolve(tmp_path, "recipe: finetune_cnn\n").sweep.training.learning_rate == 0.02
    assert resolve(tmp_path, "recipe: finetune_vit\n").sweep.training.layer_decay == 0.65


WRONG = {
    "an unknown name": (
        "recipe: finetune_vti\n",
        'line 3   recipe   no such recipe "finetune_vti". Did you mean "finetune_vit"',
    ),
    "no name": ("recipe: 3\n", 'no such recipe "3"'),
    "no such file": ("recipe: not/there.yaml\n", 'no such recipe "not/there.yaml". Recipes are'),
    "of a backbone": (
        "per_backbone: {resnet18: {recipe: finetune_cn}}\n",
        'per_backbone.resnet18.recipe   no such recipe "finetune_cn". Did you mean "finetune_cnn"',
    ),
    "two at once": (
        "recipe: a\nlearners: {resnet18+own: {recipe: b}}\n",
        "mine.yaml: 2 problems",
    ),
    "what it contradicts": (
        "recipe: finetune_vit\ntraining: {head: ridge}\n",
        "layer_decay and drop_path and warmup.epochs: head: ridge is solved at once",
    ),
    "what must be alike": (
        "per_backbone: {resnet18: {recipe: shared.yaml}}\n",
        "shared.yaml says early_stopping.policy, which must be alike in all fits of a sweep",
    ),
    "an unknown key of the recipe": (
        "recipe: misspelt.yaml\n",
        "misspelt.yaml: 1 problem\n  line 2   training.optimiser   unknown key. Did you",
    ),
    "a recipe that holds none": ("recipe: empty.yaml\n", "training   missing."),
    "a schedule's settings beside another schedule": (
        "recipe: finetune_vit\ntraining: {plateau: {patience: 3}}\n",
        "line 4   training.plateau   nothing would notice it beside schedule: cosine",
    ),
    "the same of a learner": (
        "learners: {resnet18+own: {schedule: constant, steps.factor: 0.2}}\n",
        "learners.resnet18+own.steps.factor   nothing would notice it beside schedule: constant",
    ),
    "an ablation": (
        "ablation: {recipe: [finetune_cnn]}\n",
        "an ablation changes one key, and a recipe has many. Take learners: BACKBONE+LABEL",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_mistakes_are_said_with_what_is_allowed(fault: str, tmp_path: Path) -> None:
    shared = "title: t\ntraining: {early_stopping: {policy: none}, schedule: constant}\n"
    write(tmp_path, "shared.yaml", shared)
    write(tmp_path, "misspelt.yaml", "title: t\ntraining: {optimiser: adamw}\n")
    write(tmp_path, "empty.yaml", "title: t\n")
    text, said = WRONG[fault]
    assert said in said_of(tmp_path, text)


def test_a_refused_value_names_the_line_and_the_recipe(tmp_path: Path) -> None:
    write(tmp_path, "own.yaml", "title: t\ntraining: {phases: [{name: a, epochs: 4}]}\n")
    said = said_of(tmp_path, "training: {max_epochs: 3}\nrecipe: own.yaml\n")
    assert "line 3" in said
    said = said_of(tmp_path, "", "recipe=finetune_vti")
    assert said.startswith("--set: 1 problem")
    assert 'Did you mean "finetune_vit"' in said
    said = said_of(tmp_path, "per_backbone: {resnet18: {recipe: finetune_vit, head: ridge}}\n")
    assert "per_backbone.resnet18" in said
    assert "layer_decay" in said
