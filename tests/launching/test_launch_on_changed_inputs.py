"""A run folder met again on other ground: told what changed, and old results are never new ones."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from foldgrid.cli.main import main as analyse
from foldgrid.records import RunStore
from tests.launching.own_photographs import write_study
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher

SEARCH = ONE_BACKBONE + (
    "search_space: lr_plateau\nsearch: {num_trials: 1, sampler: RandomSampler}\n"
)
SINCE = "since the results in this run folder were made:"
BELONG = "2 finished fits belong to what was before: they stay on disk, are not counted"


def words_of(said: str) -> str:
    """What was said, whatever its lines."""
    return " ".join(said.split())


def test_a_changed_photograph_and_a_changed_score_are_reported_and_old_fits_do_not_count(
    launcher: Launcher,
) -> None:
    sweep, folder = launcher.write(ONE_BACKBONE), launcher.folder / "study"
    manifest = write_study(folder)
    options = ("--data", str(manifest))
    first = launcher(sweep, *options)
    assert SINCE not in first.out
    again = launcher(sweep, "--plan", *options)
    assert SINCE not in again.out
    assert "2 of 2 done, 0 to train" in again.out

    before = (folder / "s1-trunk.jpg").read_bytes()
    Image.new("RGB", (48, 32), (10, 20, 30)).save(folder / "s1-trunk.jpg")
    photo = words_of(launcher(sweep, "--plan", *options).out)
    assert "1 photograph (S1/V1/trunk 1) with another content" in photo
    assert f"{BELONG} and not ranked; 2 fits are to be trained" in photo
    assert "0 of 2 done, 2 to train" in photo

    (folder / "s1-trunk.jpg").write_bytes(before)
    text = manifest.read_text()
    manifest.write_text(
        text.replace("s2-trunk.jpg,S2,V1,0,trunk,1", "s2-trunk.jpg,S2,V1,0,trunk,3")
    )
    score = words_of(launcher(sweep, "--plan", *options).out)
    assert "1 sample (S2/V1/trunk) with other scores" in score
    assert "photograph (" not in score
    assert BELONG in score

    lines = [line for line in text.splitlines() if ",S5," not in line]
    manifest.write_text("\n".join(lines) + "\n")
    fewer = words_of(launcher(sweep, "--plan", *options).out)
    assert "3 samples (S5/V1/upper_extremities, S5/V1/trunk, S5/V1/lower_extremities) went" in fewer

    manifest.write_text(text)
    back = launcher(sweep, *options)
    assert SINCE not in back.out
    assert "2 of 2 done, 0 to train" in back.out


def test_a_changed_recipe_is_trained_anew_and_the_way_back_trains_nothing(
    launcher: Launcher,
) -> None:
    sweep = launcher.done_before(ONE_BACKBONE, ranked=True)
    run = launcher.storage / "tiny"
    store = launcher.store()
    old = store.finished_fits()
    ranked = json.loads((run / "leaderboard.json").read_bytes())["rows"]
    changed = launcher(sweep, "--set", "training.lr=0.003", ranked=True)
    said = words_of(changed.out)
    assert "training.learning_rate 0.001 -> 0.003" in said
    assert f"{BELONG} and not ranked; 2 fits are to be trained" in said
    new = store.finished_fits() - old
    assert {cell.fit_id for cell in store.read_plan()} == new
    assert len(new) == 2
    assert json.loads((run / "leaderboard.json").read_bytes())["rows"] != ranked
    back = words_of(launcher(sweep, ranked=True).out)
    assert "training.learning_rate 0.003 -> 0.001" in back
    assert "2 fits of earlier launches under just these settings are found again and count" in back
    assert "nothing is to be trained" in back
    assert store.finished_fits() == old | new
    assert json.loads((run / "leaderboard.json").read_bytes())["rows"] == ranked
    assert SINCE not in launcher(sweep).out


def test_another_split_and_another_backbone_are_reported(launcher: Launcher) -> None:
    sweep = launcher.done_before(ONE_BACKBONE)
    split = words_of(launcher(sweep, "--plan", "--set", "split.num_folds=3").out)
    assert "split.num_folds 2 -> 3" in split
    assert "changed sides" in split
    assert BELONG in split
    more = words_of(launcher(launcher.write(TINY), "--plan").out)
    assert "1 backbone (squeezenet1_1) came" in more
    assert "belong to what was before" not in more
    assert "2 of 4 done, 2 to train" in more


def make_older(store: RunStore) -> None:
    """Has the results of a run folder be by an older torch."""
    provenance = store.read_provenance()
    provenance["versions"]["torch"] = "2.1.0"
    store.write_provenance(provenance)
    for fit_id in store.finished_fits():
        record = store.read_fit(fit_id)
        older = {**record.environment, "torch": "2.1.0"}
        store.fit(fit_id).complete(record.model_copy(update={"environment": older}))


def test_another_version_is_reported_and_keeps_what_there_is(
    launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = launcher.done_before(ONE_BACKBONE, "--only", "fold=0")
    store = launcher.store()
    make_older(store)
    said = words_of(launcher(sweep).out)
    assert "torch 2.1.0 -> " in said
    assert (
        "versions do not make a new fit: 1 fit by the old ones stays; what is still to be" in said
    )
    assert "1 of 2 done, 1 to train" in said
    assert analyse(["check", store.location]) == 0
    checked = words_of(capsys.readouterr().out)
    assert "FG206" in checked
    assert "torch: 2.1.0: 1 fit (shufflenet_v2_x0_5 fold 0)" in checked
    assert SINCE not in launcher(sweep).out


def test_a_search_reports_it_too(launcher: Launcher) -> None:
    sweep = launcher.done_before(SEARCH)
    assert SINCE not in launcher(sweep, "--plan").out
    said = words_of(launcher(sweep, "--plan", "--set", "seed=1").out)
    assert "seed 0 -> 1" in said
    assert "1 trial belongs to what was before: it stays on disk, is not counted" in said
    assert "0 of 1 done" in said
