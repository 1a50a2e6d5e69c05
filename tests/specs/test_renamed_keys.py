"""Keys under their earlier names: read, and named in one line at their place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from foldgrid.specs.errors import InputError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe_keys import current_key
from foldgrid.specs.renamed import _models_in
from foldgrid.specs.resolving import ResolvedSweep, read_space, resolve_sweep
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS

ROOT = Path(__file__).parent.parent.parent
SPACES = ROOT / "search_spaces"

EARLIER = """title: x
backbones: [resnet18]
task: {name: tree, levels: {two: 1}, most_photographs: 7}
split: {test_share: 0.2}
training:
  pixels: minus_one_to_one
  early_stopping: {inner_share: 0.2}
per_backbone: {resnet18: {training_share: 0.5}}
vary: {num_grades: [1]}
data: {synthetic: {missing_share: 0.1}}
budgets: {smoke: {task: {most_photographs: 3}}}
"""
TODAY = """title: x
backbones: [resnet18]
task: {name: tree, levels: {two: 1}, max_images_per_class: 7}
split: {test_fraction: 0.2}
training:
  normalization: minus_one_to_one
  early_stopping: {inner_fraction: 0.2}
per_backbone: {resnet18: {training_fraction: 0.5}}
ablation: {num_raters: [1]}
data: {synthetic: {missing_fraction: 0.1}}
budgets: {smoke: {task: {max_images_per_class: 3}}}
"""


def read(folder: Path, text: str, *overrides: str) -> ResolvedSweep:
    path = folder / "mine.yaml"
    path.write_text(text)
    return resolve_sweep(path, "smoke", overrides, spaces=SPACES)


def test_both_names_say_the_same_and_the_earlier_are_named_in_one_line(tmp_path: Path) -> None:
    earlier, today = read(tmp_path, EARLIER), read(tmp_path, TODAY)
    assert not today.renamed
    names = {"ablation"}
    assert earlier.sweep.model_copy(update={name: {} for name in names}) == today.sweep.model_copy(
        update={name: {} for name in names}
    )
    (line,) = earlier.renamed.splitlines()
    for said in (
        f"{tmp_path}/mine.yaml: ",
        "task.most_photographs is now task.max_images_per_class (line 3)",
        "split.test_share is now split.test_fraction (line 4)",
        "training.early_stopping.inner_share is now training.early_stopping.inner_fraction (line",
        "per_backbone.resnet18.training_share is now per_backbone.resnet18.training_fraction (line",
        "vary is now ablation (line 9)",
        "data.synthetic.missing_share is now data.synthetic.missing_fraction (line 10)",
        "budgets.smoke.task.most_photographs is now budgets.smoke.task.max_images_per_class (line",
    ):
        assert said in line


def test_base_learners_are_named_by_the_key_that_is_written(tmp_path: Path) -> None:
    for text, name in ((EARLIER, "resnet18@num_grades=1"), (TODAY, "resnet18@num_raters=1")):
        backbone, ablation = read(tmp_path, text).sweep.base_learners()
        assert (backbone.name, ablation.name) == ("resnet18", name)
        assert ablation.recipe(backbone.recipe(read(tmp_path, text).sweep.training)).num_raters == 1


def test_overrides_take_both_names(tmp_path: Path) -> None:
    for key in ("training.num_grades", "training.num_raters"):
        resolved = read(tmp_path, TODAY, f"{key}=2", "task.max_images_per_class=9")
        assert resolved.sweep.training.num_raters == 2
        assert ("training.num_grades is now" in resolved.renamed) == (key.endswith("grades"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("split: {test_share: 0.2, test_fraction: 0.2}\n", "line 3   split.test_share"),
        ("vary: {optimizer: [sgd]}\nablation: {optimizer: [sgd]}\n", "line 3   vary"),
        ("per_backbone:\n  resnet18: {pixels: imagenet, normalization: imagenet}\n", "line 4"),
    ],
)
def test_a_key_under_both_names_is_refused(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, "title: x\nbackbones: [resnet18]\n" + text)
    assert place in str(refused.value)
    assert "Remove one of the two." in str(refused.value)


def test_a_mistake_is_at_its_line_and_under_today_s_name(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, EARLIER.replace("inner_share: 0.2", "inner_share: 0.9"))
    assert "line 7   training.early_stopping.inner_fraction   found 0.9." in str(refused.value)


def test_a_search_draws_by_the_name_that_is_written(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    for name in ("training_share", "training_fraction"):
        entry = "{type: choice, choices: [0.5, 1.0]}"
        path.write_text(f"title: x\nparameters:\n  {name}: {entry}\n")
        assert list(read_space(path).parameters) == [name]


def specs(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            yield from specs(inner)


def test_files_keep_the_earlier_names_and_are_read_by_them(tmp_path: Path) -> None:
    sweep = read(tmp_path, TODAY).sweep
    written = sweep.model_dump(mode="json")
    assert written["split"]["test_share"] == 0.2
    assert written["training"]["pixels"] == "minus_one_to_one"
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep
    renamed = {
        (model.__name__, name): field.alias
        for root in (Sweep, FitConfig, *(kind.words for kind in TASKS.values()))
        for model in specs(root)
        for name, field in model.model_fields.items()
        if field.alias
    }
    assert len(renamed) >= 13
    assert not {alias for (_, name), alias in renamed.items() if alias == name}
    assert current_key("training.early_stopping.inner_share", Sweep).endswith("inner_fraction")
