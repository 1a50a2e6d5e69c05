"""Every file in ``sweeps/`` runs from one end to the other, at tiny size.

All 145 fits of ``all_backbones`` run in ``test_the_two_commands``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.analysis.report.build import report_of
from foldgrid.analysis.run import Run
from foldgrid.records import RunStore, SearchStore
from foldgrid.specs.folders import yaml_files
from foldgrid.specs.learners import backbone_of
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import Sweep
from foldgrid.tasks.registry import make_scoring
from tests.launching.tiny_sweep import SHORT_TRAINING, SMALL_DATA, Launcher

PROJECT = Path(__file__).parents[2]
SWEEPS = PROJECT / "sweeps"
THROUGH_RAY = ("lr_plateau",)
"""The search; the others train in this process.

A grid goes through Ray in ``test_the_launcher_as_a_user_starts_it`` and in the executors' contract.
"""
TINIEST = ("data.synthetic.num_subjects=5", "data.synthetic.num_visits=25")
REPRESENTATIVES = {
    "all_backbones": ("squeezenet1_1", "googlenet", "mnasnet0_5"),
    "aidda": ("efficientnet_b4", "plain_cnn"),
    "recipes": ("vit_tiny_patch16_224.augreg_in21k_ft_in1k",),
}
"""Of sweeps with many networks or large ones, one of each kind."""
DRAWN = "quickstart"
"""Whose report's pictures are drawn too; those of the others in ``make test-all``."""
SMALLEST_OF_ALL = {"aidda": ("data.tile_pixels=76",)}
"""Inception v3 takes no smaller ones; the other networks are content with 32."""
SMALL_STUDY = (
    "data.synthetic.num_subjects=20",
    "data.synthetic.photo_width=64",
    "data.synthetic.photo_height=64",
    "split.num_folds=2",
    "split.num_seeds=20",
)


def tiny_settings(sweep: Sweep) -> tuple[str, ...]:
    """What makes a sweep tiny: few subjects, small pictures, one epoch."""
    settings = (*SHORT_TRAINING, "training.max_epochs=1", "keep=none")
    if sweep.task.sample_kind == "mosaics":
        settings = (*SMALL_DATA, *TINIEST, *settings)
    elif sweep.data.example:
        settings = ("split.num_folds=2", "split.num_seeds=2", *settings)
    else:
        settings = ("data.tile_pixels=32", *SMALL_STUDY, *settings)
    if sweep.training.phases and sweep.training.trains_backbone:
        # An epoch each; a phase needs one of its own.
        heads = "{name: head, epochs: 1, frozen: backbone}, {name: rest, frozen: 10}"
        settings = (*settings, "training.max_epochs=2", f"training.phases=[{heads}]")
    for backbone, changes in sweep.per_backbone.items():
        if "max_epochs" in changes:
            settings = (*settings, f"per_backbone.{backbone}.max_epochs=1")
    if sweep.search_space is not None:
        settings += ("training.max_epochs=2", "search.num_trials=2", "search.grace_epochs=1")
    return settings


NAMES = sorted(yaml_files(SWEEPS))


ELSEWHERE = {"digits"}
"""Sweeps that `test_digits` launches, ranks and reports: of all 1,797 it takes minutes."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*NAMES} - {*THROUGH_RAY} - ELSEWHERE))
def test_a_shipped_sweep_runs_and_ranks(name: str, launcher: Launcher) -> None:
    run_and_rank(name, launcher, "inline")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in THROUGH_RAY else pytest.mark.exhaustive)
        for name in NAMES
    ],
)
def test_a_shipped_sweep_runs_through_ray(name: str, launcher: Launcher, local_ray: None) -> None:
    run_and_rank(name, launcher, "ray", is_whole=name not in THROUGH_RAY)


def run_and_rank(name: str, launcher: Launcher, executor: str, *, is_whole: bool = False) -> None:
    """Launches it at tiny size; its results can be ranked and reported."""
    path = SWEEPS / f"{name}.yaml"
    whole = resolve_sweep(path, "smoke").sweep
    settings = tiny_settings(whole)
    if is_whole:
        settings += SMALLEST_OF_ALL.get(name, ())
    elif name in REPRESENTATIVES:
        own = {each: whole.per_backbone.get(each, {}) for each in REPRESENTATIVES[name]}
        learners = {each: keys for each, keys in whole.learners.items() if backbone_of(each) in own}
        kept = {"backbones": [*own], "per_backbone": own, "learners": learners}
        settings = (*(f"{key}={json.dumps(value)}" for key, value in kept.items()), *settings)
    if executor == "inline" and whole.task.sample_kind == "mosaics":
        # All these can take them.
        settings += ("data.tile_pixels=16",)
    # A worker takes seconds to start.
    settings += ("resources.max_concurrent=1",)
    sweep = resolve_sweep(path, "smoke", settings).sweep
    overrides = [part for setting in settings for part in ("--set", setting)]
    done = launcher(name, "--budget", "smoke", *overrides, executor=executor, ranked=True)
    assert done.code == 0, done.out + done.err
    store = launcher.store(name)
    if sweep.search_space is not None:
        trials = pd.read_csv(Path(store.location) / "search" / "trials.csv")
        assert len(trials) == 2
        assert (Path(store.location) / "best.yaml").exists()
    else:
        check_grid(store, sweep, is_drawn=is_whole or name == DRAWN)


def check_grid(store: RunStore, sweep: Sweep, *, is_drawn: bool = True) -> None:
    """All is ranked by the task's own figures, and the report can be made of them."""
    assert not SearchStore.of(store).exists()
    learners = sorted(learner.name for learner in sweep.base_learners())
    num_folds = sweep.split.num_folds
    assert len(store.finished_fits()) == num_folds * len(learners)
    table = pd.read_csv(Path(store.location) / "leaderboard.csv")
    ranked = table[table["kind"] == "base_learner"]
    assert sorted(ranked["model"]) == learners
    assert (ranked["folds"] == f"{num_folds}/{num_folds}").all()
    assert (table["kind"] == "meta_learner").sum() >= 7
    config = store.read_fit(store.read_plan()[0].fit_id).config
    for name in make_scoring(config.task).standard_metrics:
        assert {f"oof_{name}", f"test_{name}"} <= set(table)
    run = Run(store)
    # What is not drawn is computed; tests/analysis/report/test_exhibits.py draws each kind of run.
    sections = [run.exhibit(name).section for name in run.exhibits]
    if is_drawn:
        sections = list(report_of(run).sections)
    assert all(section.blocks or section.left_out for section in sections)


def test_the_list_names_every_sweep_space_and_recipe_on_a_line(launcher: Launcher) -> None:
    done = launcher.raw("--list")
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    folders = (SWEEPS, PROJECT / "search_spaces", PROJECT / "recipes")
    assert names == [name for folder in folders for name in yaml_files(folder)]


def test_the_studies_keep_what_their_papers_say() -> None:
    def paper(name: str) -> Sweep:
        return resolve_sweep(SWEEPS / f"{name}.yaml", "paper").sweep

    skin = paper("ssc_skin")
    head, fine_tuning = skin.training.phases
    assert (head.epochs, head.frozen, fine_tuning.frozen) == (100, "backbone", 10)
    assert (skin.training.planned_epochs, skin.data.tile_pixels) == (150, 128)
    assert skin.training.normalization == "minus_one_to_one"
    # 80/10/10: a tenth for the test, and of nine equal folds one is held out.
    assert (skin.split.test_fraction, skin.split.num_folds) == (0.1, 9)
    assert skin.recipe_of("plain_cnn").phases == ()
    assert skin.recipe_of("plain_cnn").max_epochs == 120

    aidda = paper("aidda")
    own = aidda.recipe_of("efficientnet_b4")
    assert (own.stage_heads, own.auxiliary_loss_weight) == (True, 1.0)
    assert (own.learning_rate, own.momentum, own.schedule) == (0.01, 0.9, "steps")
    assert (own.steps.every_epochs, own.steps.factor) == (20, 0.1)
    assert own.augmentation.rotation_degrees == 30
    assert own.augmentation.flip_horizontally
    assert own.augmentation.flip_vertically
    assert (aidda.data.tile_pixels, aidda.split.num_folds) == (380, 5)
    assert not aidda.recipe_of("inception_v3").stage_heads
