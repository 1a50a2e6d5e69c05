"""Attention over a visit's photographs, from a sweep's file to predictions of new photographs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from foldgrid.cli.main import main
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher

LEARNER = "plain_cnn+attention"
VISITS = """\
title: thickness at visits
task: {name: regression, unit: points}
data: {tile_pixels: 32, manifest: visits.csv}
split: {num_folds: 2, num_seeds: 20, test_fraction: 0.2}
backbones: [plain_cnn]
weights: none
keep: best
training:
  max_epochs: 3
  batch_size: 8
  learning_rate: 0.003
  start_from_mean: true
  head: ridge
  augmentation: {rotate_tiles: false, brightness: 0.0, contrast: 0.0}
learners:
  plain_cnn+attention:
    head: linear
    pooling: attention
    phases: [{name: head, frozen: backbone}]
"""
FROZEN = """\
  pooling: attention
  phases: [{name: head, frozen: backbone}]
  augmentation: {rotate_tiles: false, brightness: 0.0, contrast: 0.0}
"""


@pytest.fixture
def photographs(launcher: Launcher) -> pd.DataFrame:
    """20 subjects with two visits of one to three photographs each; the thicker, the brighter."""
    random = np.random.default_rng(5)
    rows = []
    for visit in range(40):
        value = round(float(random.uniform(0, 20)), 1)
        for number in range(1 + visit % 3):
            level = random.normal(60 + 8 * value, 12, (32, 32, 3))
            name = f"{visit:02}-{number}.png"
            Image.fromarray(level.clip(0, 255).astype(np.uint8)).save(launcher.folder / name)
            about = {"subject": f"s{visit // 2:02}", "visit": f"v{visit % 2}"}
            rows.append({"photo": name, **about, "value": value})
    table = pd.DataFrame(rows)
    table.to_csv(launcher.folder / "visits.csv", index=False)
    return table


def test_what_is_trained_on_visits_arrives_everywhere(
    launcher: Launcher, photographs: pd.DataFrame
) -> None:
    """One launch: plan, records, ranking, meta-learners, checks, methods, predictions."""
    sweep = launcher.write(VISITS)
    plan = " ".join(launcher(sweep, "--plan").out.split())
    assert "pooling attention over 1 to 3 photographs: 40 groups, each one subject, visit" in plan
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    run, store = launcher.storage / "tiny", launcher.store()
    board = pd.read_csv(run / "leaderboard.csv").set_index("model")
    assert {"plain_cnn", LEARNER} < set(board.index), "and meta-learners"
    split = store.read_split().set_index("sample")
    for fit_id in store.finished_fits():
        table = store.read_predictions(fit_id).set_index("sample")
        visit = split.loc[table.index, ["subject", "visit"]].agg("/".join, axis=1).to_numpy()
        most = table["predicted_value"].groupby(visit).nunique().max()
        is_pooled = store.read_fit(fit_id).config.training.pooling == "attention"
        assert (most == 1) == is_pooled
    assert main(["report", str(run)]) == 0
    assert main(["check", str(run)]) == 0
    page = " ".join((run / "report.html").read_text(encoding="utf-8").split())
    assert "pooled over the photographs of an evaluation unit by gated attention" in page
    photographs.drop(columns="value").to_csv("new.csv", index=False)
    assert main(["predict", str(run), "new.csv", "--backbone", LEARNER]) == 0
    predicted = pd.read_csv("predictions.csv")
    visits = photographs.set_index("photo").loc[predicted["photo"], ["subject", "visit"]]
    each = predicted["predicted"].groupby(visits.agg("/".join, axis=1).to_numpy())
    assert each.nunique().max() == 1
    assert predicted["predicted"].nunique() > 20


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (
            "brightness: 0.0",
            "brightness: 0.1",
            "pools features that are computed once, and the augmentation draws other pictures",
        ),
        (
            "    phases: [{name: head, frozen: backbone}]\n",
            "",
            "without phases the backbone is trained too. Give phases, each with frozen: backbone",
        ),
        (
            "head: linear",
            "head: ridge",
            "pooling: attention is trained together with the head, and head: ridge is solved",
        ),
    ],
)
def test_a_recipe_that_has_nothing_to_pool_is_refused(
    launcher: Launcher, photographs: pd.DataFrame, found: str, instead: str, said: str
) -> None:
    refused = launcher(launcher.write(VISITS.replace(found, instead)))
    assert refused.code == 2
    assert said in " ".join(refused.err.split())
    assert not launcher.storage.exists()


def test_photographs_with_several_truths_are_refused(
    launcher: Launcher, photographs: pd.DataFrame
) -> None:
    values = photographs["value"].where(photographs["photo"] != "02-1.png", 7.5)
    photographs.assign(value=values).to_csv(launcher.folder / "visits.csv", index=False)
    refused = launcher(launcher.write(VISITS))
    assert refused.code == 2
    said = " ".join(refused.err.split())
    assert "1 of these has several values (subject s01, visit v0: " in said
    assert "Tell them apart in the manifest's column case, or take another pooling." in said
    assert not launcher.storage.exists()
    cases = photographs["photo"].str[:4].where(photographs["photo"].str[:2] == "02", "")
    told_apart = photographs.assign(value=values, case=cases)
    told_apart.to_csv(launcher.folder / "visits.csv", index=False)
    assert launcher(launcher.write(VISITS), "--plan").code == 0


def test_the_plan_tells_what_is_pooled(launcher: Launcher, photographs: pd.DataFrame) -> None:
    plan = " ".join(launcher(launcher.write(ONE_BACKBONE + FROZEN), "--plan").out.split())
    assert "pooling attention over 1 to 4 photographs: " in plan
    photographs.drop_duplicates(["subject", "visit"]).to_csv("visits.csv", index=False)
    plan = " ".join(launcher(launcher.write(VISITS), "--plan").out.split())
    assert "attention finds one photograph in each subject, visit and case, and learns" in plan
