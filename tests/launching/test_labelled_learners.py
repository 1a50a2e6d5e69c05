"""A backbone, and the same by another recipe: two base learners in everything that follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import foldgrid
from foldgrid.cli.main import main
from tests.launching.tiny_labels import SKIN
from tests.launching.tiny_sweep import Launcher

TUNED = "squeezenet1_1+fine_tuned"
LEARNERS = f"""\
learners:
  {TUNED}:
    learning_rate: 0.01
    phases: [{{name: all, learning_rate: 0.02}}]
"""
SWEEP = SKIN + LEARNERS + "ablation: {momentum: [0.5]}\n"


@pytest.fixture
def sweep(launcher: Launcher) -> Path:
    """The sweep's file, and its run folder: one launch for all that is asked here."""
    return launcher.done_before(SWEEP, name="labelled", ranked=True)


def test_it_is_a_base_learner_from_the_plan_to_new_photographs(
    launcher: Launcher, sweep: Path
) -> None:
    folder = launcher.storage / "labelled"
    run = foldgrid.open_run(folder)
    kinds = run.ranking.frame().set_index("model")["kind"]
    assert kinds[TUNED] == kinds["squeezenet1_1"] == "base_learner"
    assert "meta_learner" in set(kinds), "two base learners are stacked"
    assert not run.check().has_failed
    fits = run.fits()
    assert set(fits["backbone"]) == {"squeezenet1_1"}
    assert fits["base_learner"].value_counts()[TUNED] == 2
    assert fits["fit_id"].nunique() == 6
    plan = " ".join(launcher(sweep, "--plan").out.split())
    assert "6 of 6 done" in plan
    assert f"learners {TUNED}: learning_rate 0.01, phases all" in plan
    assert main(["report", str(folder)]) == 0
    page = " ".join((folder / "report.html").read_text(encoding="utf-8").split())
    assert "1 network was compared: squeezenet1_1." in page
    assert f"1 base learner is one of these networks trained by another recipe: {TUNED}." in page
    assert f"{TUNED} (learning_rate 0.01, phases all" in page
    groups = run.exhibit("recipes").frame("recipes")
    assert set(groups.loc[groups["learner"] == TUNED, "key"]) >= {"learning_rate", "phases"}
    [pair] = run.exhibit("recipes").frame("recipe_pairs").to_dict("records")
    scores = run.ranking.frame().set_index("model")
    metric = run.ranking.by
    assert pair["backbone"] == "squeezenet1_1"
    assert pair[metric] == pytest.approx(scores.loc["squeezenet1_1", f"oof_{metric}"])
    assert pair["difference"] == pytest.approx(pair[f"learner_{metric}"] - pair[metric])
    assert pair["difference_low"] <= pair["difference"] <= pair["difference_high"]
    photo = launcher.folder / "new.png"
    Image.effect_noise((48, 48), 80).convert("RGB").save(photo)
    probabilities = [
        run.predict([photo], model=name).filter(like="probability_").to_numpy()
        for name in (TUNED, "squeezenet1_1")
    ]
    assert abs(probabilities[0] - probabilities[1]).max() > 1e-6


def test_a_part_of_the_grid_may_be_one_learner(launcher: Launcher) -> None:
    file = launcher.write(SWEEP)
    one = launcher(file, "--plan", "--only", f"backbone={TUNED}")
    assert "0 of 2 done (of 6 in the sweep)" in " ".join(one.out.split())
    all_of_it = launcher(file, "--plan", "--only", "backbone=squeezenet1_1")
    assert "0 of 6 done" in all_of_it.out
    wrong = launcher(file, "--plan", "--only", "backbone=squeezenet1_1+tuned")
    assert wrong.code == 2
    assert f'Did you mean "{TUNED}"' in wrong.err


@pytest.mark.parametrize(
    ("repeated", "of"),
    [
        ("momentum: 0.9", "squeezenet1_1"),
        ("momentum: 0.5", "squeezenet1_1@momentum=0.5"),
        ("normalization: imagenet", "squeezenet1_1"),
    ],
)
def test_a_learner_that_trains_the_same_fits_is_refused(
    launcher: Launcher, repeated: str, of: str
) -> None:
    label = "squeezenet1_1+again"
    file = launcher.write(SWEEP.replace("ablation:", f"  {label}: {{{repeated}}}\nablation:"))
    refused = launcher(file)
    assert refused.code == 2
    assert f"{label}   is trained just as {of} is." in refused.err
    assert not launcher.storage.exists()
