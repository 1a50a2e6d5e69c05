"""A sweep of numbers from photographs to predictions: bone age, in months, by column ``value``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from foldgrid.cli.main import main
from foldgrid.records import RunStore, SearchStore
from tests.launching.tiny_sweep import Launcher

BONE_AGE = """\
title: bone age in months
task: {name: regression, unit: months, loss: LOSS}
data: {tile_pixels: 32, manifest: MANIFEST}
split: {num_folds: 2, num_seeds: 20, test_fraction: 0.2}
backbones: [plain_cnn]
weights: none
training:
  max_epochs: 6
  batch_size: 8
  learning_rate: 0.002
  start_from_mean: true
  batch_norm_statistics: recomputed
"""
SPACE = """\
title: how fast
parameters: {learning_rate: {type: choice, choices: [0.0005, 0.002]}}
"""
SEARCH = """\
search_space: mine.yaml
search: {num_trials: 2, sampler: GridSampler}
"""


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """60 pictures of 30 subjects; the brighter, the older: 12 to 228 months."""
    random = np.random.default_rng(5)
    rows = []
    for place in range(60):
        age = round(float(random.uniform(12, 228)), 1)
        level = 30 + age * 0.9
        noise = random.normal(level, 12, (32, 32, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / f"hand{place}.png")
        rows.append({"photo": f"hand{place}.png", "subject": f"s{place // 2:02}", "value": age})
    path = tmp_path / "hands.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def sweep_of(launcher: Launcher, hands: Path, loss: str = "mse") -> Path:
    text = BONE_AGE.replace("MANIFEST", str(hands)).replace("LOSS", loss)
    return launcher.write(text)


def predictions_of(store: RunStore) -> pd.DataFrame:
    tables = [store.read_predictions(fit_id) for fit_id in sorted(store.finished_fits())]
    return pd.concat(tables)


def test_it_learns_months_and_predicts_new_hands(launcher: Launcher, hands: Path) -> None:
    done = launcher(sweep_of(launcher, hands), ranked=True)
    assert done.code == 0, done.out + done.err
    store = launcher.store()
    truth = pd.read_csv(hands)["value"]
    for fit_id in store.finished_fits():
        record = store.read_fit(fit_id)
        assert record.learned["centre"] == pytest.approx(truth.mean(), abs=25)
        assert record.learned["spread"] == pytest.approx(truth.std(), abs=20)
        assert "learned" not in record.config.model_dump_json()
    said = predictions_of(store)
    assert list(said) == ["sample", "partition", "value", "predicted_value"]
    assert set(said["value"]) <= set(truth)
    oof = said[said["partition"] == "oof"]
    errors = (oof["predicted_value"] - oof["value"]).abs().mean()
    usual = (oof["value"] - oof["value"].mean()).abs().mean()
    assert errors < 0.6 * usual, (errors, usual)
    run = str(launcher.storage / "tiny")
    for command in (["rank", run], ["check", run], ["report", run]):
        assert main(command) == 0
    ranking = pd.read_csv(Path(run) / "leaderboard.csv").set_index("model")
    assert ranking.loc["plain_cnn", "oof_mae"] == pytest.approx(errors, rel=1e-4)
    new = hands.with_name("new.csv")
    pd.read_csv(hands)[["photo", "subject"]].to_csv(new, index=False)
    out = hands.with_name("predicted.csv")
    assert main(["predict", run, str(new), "--output", str(out)]) == 0
    found = pd.read_csv(out)
    assert list(found) == ["subject", "photo", "predicted"]
    test = said[said["partition"] == "test"].groupby("sample")["predicted_value"].mean()
    places = [int(name[1:3]) * 2 + int(name.split("/")[1]) - 1 for name in test.index]
    # In the manifest's order of a subject's files, which are numbered by name.
    by_name = found.sort_values(["subject", "photo"]).reset_index(drop=True)
    np.testing.assert_allclose(by_name["predicted"].to_numpy()[places], test, atol=1e-3)


@pytest.mark.parametrize("loss", ["mae", "huber"])
def test_every_loss_trains(launcher: Launcher, hands: Path, loss: str) -> None:
    done = launcher(sweep_of(launcher, hands, loss), "--set", "training.max_epochs=2")
    assert done.code == 0, done.out + done.err
    said = predictions_of(launcher.store())
    assert np.isfinite(said["predicted_value"]).all()
    assert said["predicted_value"].between(-200, 450).all()


def test_another_unit_trains_the_same_network(launcher: Launcher, hands: Path) -> None:
    """Years in place of months: what is learned is standardised, so nothing else changes."""
    assert launcher(sweep_of(launcher, hands), "--set", "training.max_epochs=2").code == 0
    months = predictions_of(launcher.store())
    table = pd.read_csv(hands)
    table.assign(value=table["value"] / 12).to_csv(hands, index=False)
    years_in = launcher.folder / "years"
    options = ("--set", "training.max_epochs=2", "--storage", str(years_in))
    assert launcher(sweep_of(launcher, hands), *options).code == 0
    years = predictions_of(RunStore.open(str(years_in / "tiny")))
    assert years["sample"].tolist() == months["sample"].tolist()
    np.testing.assert_allclose(
        12 * years["predicted_value"], months["predicted_value"], rtol=2e-3, atol=0.5
    )


def test_a_value_beyond_the_scale_is_refused_before_training(
    launcher: Launcher, hands: Path
) -> None:
    done = launcher(sweep_of(launcher, hands), "--set", "task.highest=200")
    assert done.code == 2
    assert "task.highest" in done.err or "highest" in done.err
    assert "values beyond it, up to 2" in done.err
    assert not launcher.storage.exists()


def test_its_label_permutation_has_no_skill(launcher: Launcher, hands: Path) -> None:
    options = ("--canary", "shuffled_scores", "--set", "training.max_epochs=2")
    done = launcher(sweep_of(launcher, hands), *options)
    assert done.code == 0, done.out + done.err
    (beside,) = launcher.storage.glob("*canary*")
    launcher.capture.readouterr()
    main(["check", str(beside)])
    said = " ".join(launcher.capture.readouterr().out.split())
    assert "months against" in said, said


def test_a_search_on_people_of_its_own_leaves_the_others_unseen(
    launcher: Launcher, hands: Path
) -> None:
    """``split.search_fraction``: found on some subjects, evaluated on the others."""
    (launcher.folder / "mine.yaml").write_text(SPACE, encoding="utf-8")
    aside = ("--set", "split.search_fraction=0.4", "--set", "training.max_epochs=1")
    grid = sweep_of(launcher, hands)
    searched = launcher.write(f"{grid.read_text(encoding='utf-8')}{SEARCH}", "search")
    done = launcher(searched, *aside)
    assert done.code == 0, done.out + done.err
    found = ("--hyperparameters", str(launcher.storage / "search"))
    planned = " ".join(launcher(grid, *found, "--plan").out.split())
    assert re.search(r"it saw \d+ of the 25 subjects that are predicted here", planned), planned
    done = launcher(grid, *aside, *found)
    assert done.code == 0, done.out + done.err
    assert "it saw nobody who is predicted here" in " ".join(done.out.split())
    store = launcher.store("tiny")
    chain = store.read_provenance()["hyperparameters"]
    assert chain["num_searched"] == 0
    split = store.read_split().set_index("sample")
    oof = predictions_of(store).query("partition == 'oof'")["sample"]
    assert set(split.loc[oof, "partition"]) == {"train"}
    assert sorted(oof) == sorted(split.index[split["partition"] == "train"])
    trials = launcher.storage / "search" / "search" / "trials"
    seen = {
        name
        for path in trials.rglob("predictions.parquet")
        for name in pd.read_parquet(path)["subject"]
    }
    assert seen == set(split.loc[split["partition"] == "search", "subject"])


def test_a_search_scores_in_the_unit(launcher: Launcher, hands: Path) -> None:
    """Each fold learned another mean; their predictions together are in months all the same."""
    (launcher.folder / "mine.yaml").write_text(SPACE, encoding="utf-8")
    searched = f"{sweep_of(launcher, hands).read_text(encoding='utf-8')}{SEARCH}"
    done = launcher(launcher.write(searched))
    assert done.code == 0, done.out + done.err
    folder = launcher.storage / "tiny"
    store = SearchStore(str(folder / "search"))
    (study,) = store.read_plan().studies
    trials = store.read_trials(study.name)
    best = min(trials, key=lambda trial: trial.oof["mae"])
    grid = launcher.folder / "best"
    found = ("--hyperparameters", str(folder), "--storage", str(grid))
    again = launcher(sweep_of(launcher, hands), *found, ranked=True)
    assert again.code == 0, again.out + again.err
    table = pd.read_csv(grid / "tiny" / "leaderboard.csv").set_index("model")
    assert table.loc["plain_cnn", "oof_mae"] == pytest.approx(best.oof["mae"], rel=1e-6)
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "out-of-fold MAE, months" in page
    assert "PASI" not in page + done.out
