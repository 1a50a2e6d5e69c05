from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import InputError
from foldgrid.specs.learners import (
    Learner,
    backbone_of,
    is_ablation,
    label_of,
    read_ablation,
)
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import Sweep

LABELS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", fullmatch=True)
BACKBONES = st.sampled_from(
    ["resnet18", "vit_small_patch14_dinov2.lvd142m", "hf-hub:owner/name@v1", "file:ab12:resnet18"]
)
VALUES = st.sampled_from([0.1, 1e16, True, None, "sgd", "0.5 0.5 0.5 / 0.1 0.1 0.1", "a+b"])
TWO = "title: t\nbackbones: [resnet18, vgg16]\n"


def read(folder: Path, text: str, *overrides: str) -> Sweep:
    path = folder / "mine.yaml"
    path.write_text(text)
    return resolve_sweep(path, "paper", overrides, spaces=[folder]).sweep


@given(BACKBONES, LABELS)
def test_a_labelled_learner_s_name_says_its_backbone_and_label(backbone: str, label: str) -> None:
    name = Learner(backbone, (("momentum", 0.5),), label).name
    assert (backbone_of(name), label_of(name), is_ablation(name)) == (backbone, label, False)
    assert read_ablation(name) == (name, "", "")


@given(BACKBONES, st.sampled_from(["momentum", "optimizer_settings.yogi.beta2"]), VALUES)
def test_an_ablation_s_name_says_its_backbone_key_and_value(
    backbone: str, key: str, value: float | str | None
) -> None:
    name = Learner(backbone, ((key, value),)).name
    assert is_ablation(name)
    assert (backbone_of(name), label_of(name)) == (backbone, "")
    assert read_ablation(name)[:2] == (backbone, key)


@given(BACKBONES)
def test_a_backbone_is_its_own_base_learner(backbone: str) -> None:
    name = Learner(backbone).name
    assert name == backbone == backbone_of(name) == read_ablation(name)[0]
    assert not label_of(name)
    assert not is_ablation(name)


def test_a_learner_changes_its_backbone_s_own_recipe(tmp_path: Path) -> None:
    sweep = read(
        tmp_path,
        TWO + "per_backbone: {vgg16: {learning_rate: 0.001, phases: [{name: head}]}}\n"
        "learners:\n"
        "  vgg16+tuned: {phases: [], plateau.patience: 3}\n"
        "  resnet18+tuned: {pixels: imagenet}\n"
        "ablation: {momentum: [0.5]}\n",
    )
    names = [each.name for each in sweep.base_learners()]
    assert names == [
        "resnet18",
        "resnet18+tuned",
        "resnet18@momentum=0.5",
        "vgg16",
        "vgg16+tuned",
        "vgg16@momentum=0.5",
    ]
    assert list(sweep.recipes) == names
    tuned = sweep.recipes["vgg16+tuned"]
    assert (tuned.learning_rate, tuned.phases, tuned.plateau.patience) == (0.001, (), 3)
    assert tuned.momentum == 0.9, "ablations do not reach labelled learners"
    assert sweep.recipes["resnet18+tuned"].normalization == "imagenet", "an earlier name is read"
    assert sweep.recipes["vgg16@momentum=0.5"].phases[0].name == "head"


def test_a_budget_and_an_override_may_add_a_learner(tmp_path: Path) -> None:
    text = TWO + "budgets: {paper: {learners: {resnet18+tuned: {momentum: 0.5}}}}\n"
    sweep = read(tmp_path, text, "learners.vgg16+tuned.momentum=0.4")
    assert sweep.recipes["resnet18+tuned"].momentum == 0.5
    assert sweep.recipes["vgg16+tuned"].momentum == 0.4
    assert list(resolve_sweep(tmp_path / "mine.yaml", "smoke").sweep.recipes) == [
        "resnet18",
        "vgg16",
    ]


@pytest.mark.parametrize(
    ("learners", "said"),
    [
        ("resnet19+tuned: {momentum: 0.5}", '"resnet19" is not a backbone of this sweep. Did you'),
        ("resnet18: {momentum: 0.5}", "a backbone of this sweep is called so"),
        ("tuned: {momentum: 0.5}", 'found "tuned". A learner is called BACKBONE+LABEL, such as'),
        ("resnet18+a/b: {momentum: 0.5}", 'found "resnet18+a/b". A learner is called'),
        ("resnet18+: {momentum: 0.5}", 'found "resnet18+". A learner is called'),
        ("resnet18+tuned: {}", "changes nothing of resnet18"),
        ("resnet18+tuned: {momentun: 0.5}", 'no such key. Did you mean "momentum"'),
        ("resnet18+tuned: {momentum: 1.5}", "found 1.5. Input should be less than 1"),
        ("resnet18+tuned: {early_stopping.policy: none}", "the recipe has no such key"),
    ],
)
def test_a_wrong_learner_is_blamed_on_its_line(tmp_path: Path, learners: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"{TWO}learners:\n  {learners}\n")
    message = str(caught.value)
    assert "line 4   learners." in message
    assert said in message


def test_a_search_has_no_labelled_learners(tmp_path: Path) -> None:
    (tmp_path / "mine_space.yaml").write_text("parameters: {momentum: [0.5, 0.9]}\n")
    with pytest.raises(InputError, match="line 3   learners   found `learners` beside a search"):
        read(
            tmp_path,
            f"{TWO}learners: {{resnet18+t: {{momentum: 0.5}}}}\nsearch_space: mine_space\n",
        )
