"""The budget `probe`: frozen backbones, solved heads, and what is said of random features."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.cli.main import main as foldgrid
from foldgrid.launching.options import choose_budget, recorded_budget
from foldgrid.specs.heads import HEADS
from foldgrid.specs.reading import Document
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher

WORDS = {"binary": {"positive": ["a"]}, "ordinal": {"classes": ["a", "b", "c"]}}
LITE = "tf_efficientnet_lite0"


def probe_of(values: dict[str, object]) -> Sweep:
    document = Document("mine.yaml", {"title": "mine", "backbones": ["resnet18"], **values}, {})
    return resolve_sweep(document, "probe").sweep


@pytest.mark.parametrize("task", ["pasi", "regression", "classification", "binary", "ordinal"])
def test_a_sweep_that_does_not_say_it_has_its_backbones_frozen_and_a_head_that_suits(
    task: str,
) -> None:
    words = {"name": task, **WORDS.get(task, {})}
    own = {"resnet18": {"learning_rate": 0.5}}
    sweep = probe_of({"task": words, "per_backbone": own, "training": {"stage_heads": True}})
    assert not sweep.training.trains_backbone
    kind = TASKS[task].scoring.output_kind
    assert kind in HEADS[sweep.training.head].suits
    assert sweep.training.planned_epochs == 1
    assert sweep.per_backbone == {}
    assert not sweep.training.stage_heads


def test_a_sweep_with_copies_has_a_probe_and_one_with_attention_keeps_its_head() -> None:
    copied = probe_of({"training": {"augmentation": {"copies": 3}}})
    assert copied.training.augmentation.copies is None
    phases = [{"name": "head", "frozen": "backbone"}]
    attention = {"pooling": "attention", "head": "mlp", "phases": phases}
    assert probe_of({"training": attention}).training.head == "mlp"


def test_copies_that_no_head_would_look_at_are_refused(launcher: Launcher) -> None:
    text = ONE_BACKBONE + "  head: ridge\n  augmentation:\n    copies: 3\n"
    refused = launcher(launcher.write(text))
    assert refused.code == 2
    line = text[: text.index("copies")].count("\n") + 1
    assert f"line {line} " in refused.err
    said = " ".join(refused.err.split())
    assert "found 3, and head: ridge is solved on the training pictures as they are" in said
    assert not launcher.storage.exists()


def test_a_budget_may_empty_what_it_finds() -> None:
    values = {
        "per_backbone": {"resnet18": {"learning_rate": 0.5}},
        "budgets": {"probe": {"per_backbone": {}, "data": {}}},
        "data": {"tile_pixels": 64},
    }
    sweep = probe_of(values)
    assert sweep.per_backbone == {}
    assert sweep.data.tile_pixels == 128, "an empty mapping empties, whatever it replaces"


def test_auto_goes_on_with_the_budget_of_the_run_folder(launcher: Launcher) -> None:
    sweep = launcher.done_before(ONE_BACKBONE)
    assert recorded_budget(str(launcher.storage), "tiny") == "smoke"
    plan = launcher(sweep, "--budget", "auto", "--plan")
    assert "2 of 2 done, 0 to train" in plan.out
    assert "smoke (that of this run folder; --budget names another)" in " ".join(plan.out.split())
    assert recorded_budget(str(launcher.storage), "another") is None
    assert choose_budget("auto", None)[0] in ("probe", "paper")
    (launcher.storage / "tiny/sweep.yaml").write_text("budget: [")
    assert recorded_budget(str(launcher.storage), "tiny") is None


def test_random_features_are_said_first_and_nobody_is_named_best(launcher: Launcher) -> None:
    sweep = launcher.write(TINY)
    done = launcher(sweep, "--budget", "probe", ranked=True)
    assert done.code == 0, done.out + done.err
    title, first, *_ = done.out.splitlines()
    assert title == "a tiny sweep"
    assert first.startswith("random features")
    run = launcher.storage / "tiny"
    launcher.capture.readouterr()
    assert foldgrid(["rank", str(run)]) == 0
    lines = launcher.capture.readouterr().out.splitlines()
    assert lines[1] == "Random features rank untrained networks: no best is named."
    assert foldgrid(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "No best is named" in page
    assert page.index("Random features rank untrained networks") < page.index("No best is named")
    assert "has the smallest out-of-fold" not in page


def test_networks_whose_weights_are_not_here_are_left_out_and_named(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(launcher.folder / "torch"))
    text = TINY.replace("weights: none", "weights: present").replace("shufflenet_v2_x0_5", LITE)
    text += "per_backbone: {squeezenet1_1: {learning_rate: 0.1}}\n"
    plan = launcher(launcher.write(text), "--budget", "probe", "--plan")
    assert plan.code == 0, plan.err
    said = " ".join(plan.out.split())
    assert "left out, for their weights are not here: 1 weight file" in said
    assert "squeezenet1_1" in said
    assert "0 of 2 done, 2 to train" in said
    assert "random features" not in said


def test_where_no_network_is_left_it_is_refused(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(launcher.folder / "torch"))
    text = TINY.replace("weights: none", "weights: present")
    refused = launcher(launcher.write(text))
    assert refused.code == 2
    assert "the weights of none of its backbones are on this machine" in refused.err
    assert not Path(launcher.storage).exists()
