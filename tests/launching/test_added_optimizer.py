"""An optimiser of another package, one file, all the way; docs/how-to/training.md.

The package is `tests/outside/site/yogi.py`. Nothing else knows it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from foldgrid.cli.main import main as analyse
from foldgrid.records import RunStore
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.training import checkpoint
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher
from tests.outside.packages import SITE, copied, installed
from tests.training.tiny_study import folder_of, make_config, make_data, make_fit, outcome

YOGI = ONE_BACKBONE.replace(
    "training:\n", "training:\n  optimizer: yogi\n  optimizer_settings: {yogi: {beta1: 0.8}}\n"
)
BOTH = YOGI + "ablation: {optimizer: [sgd], optimizer_settings.yogi.beta2: [0.5]}\n"


def test_it_trains_is_ranked_checked_and_reported(launcher: Launcher, package: None) -> None:
    sweep = launcher.write(BOTH)
    plan = launcher(sweep, "--plan")
    assert "Yogi with decays of 0.8 and 0.99" in plan.out
    done = launcher(sweep, ranked=True)
    assert done.code == 0, done.out + done.err
    run, store = launcher.storage / "tiny", launcher.store()
    names = {f"shufflenet_v2_x0_5{each}" for each in ("", "@optimizer=sgd")}
    names.add("shufflenet_v2_x0_5@optimizer_settings.yogi.beta2=0.5")
    board = pd.read_csv(run / "leaderboard.csv")
    assert names <= set(board["model"])
    assert board.set_index("model").loc[sorted(names), "oof_mae"].nunique() == 3
    trained = [store.read_fit(fit_id).config.training for fit_id in store.finished_fits()]
    assert sorted(recipe.optimizer for recipe in trained) == ["sgd"] * 2 + ["yogi"] * 4
    launcher.capture.readouterr()
    assert launcher.raw("--status", str(run)).code == 0
    assert analyse(["check", str(run)]) == 0
    assert analyse(["report", str(run)]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Yogi with decays of 0.8 and 0.99, weight decay 0, batches of 8" in page
    assert "Stochastic gradient descent" not in page
    assert store.read_provenance()["versions"]["yogi"] == "1.0"
    again = launcher(sweep, "--set", "training.optimizer_settings.yogi.beta1=0.7", "--plan")
    # Those of stochastic gradient descent are the same fits.
    assert "2 of 6 done, 4 to train" in again.out


def test_a_fit_goes_on_from_its_checkpoint_with_the_same_bits(
    tmp_path: Path, package: None
) -> None:
    config, data = make_config(optimizer="yogi", learning_rate=1e-4, max_epochs=4), make_data()
    make_fit(config, tmp_path / "whole", data).run()
    stopped = make_fit(config, tmp_path / "parts", data)
    for _ in range(2):
        stopped.run_epoch()
    stopped.save_checkpoint()
    later = make_fit(config, tmp_path / "parts", data)
    assert later.epoch == 2
    later.run()
    whole, parts = (outcome(folder_of(config, tmp_path / name)) for name in ("whole", "parts"))
    assert whole == parts
    plain = make_config(learning_rate=1e-4, max_epochs=4)
    assert plain.fit_id != config.fit_id


def test_ray_s_workers_find_it_by_its_entry_point(
    launcher: Launcher, package: None, local_ray: None
) -> None:
    """And a network from outside with it."""
    sweep = launcher.done_before(YOGI.replace("shufflenet_v2_x0_5", "pocket_cnn"))
    one, there = ("--only", "fold=0"), launcher.folder / "there"
    done = launcher(sweep, *one, "--storage", str(there), executor="ray")
    assert done.code == 0, done.out + done.err
    store = RunStore.open(str(there / "tiny"))
    (fit_id,) = store.finished_fits()
    mine, theirs = launcher.store().read_predictions(fit_id), store.read_predictions(fit_id)
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def test_a_fit_that_takes_over_another_s_state_goes_on_by_its_own_settings(
    tmp_path: Path, package: None
) -> None:
    """As a trial of population based training does."""
    data, settings = make_data(), {"yogi": {"beta1": 0.5}}
    theirs = make_fit(make_config(optimizer="yogi"), tmp_path / "1", data)
    theirs.run_epoch()
    own = make_config(optimizer="yogi", optimizer_settings=settings, weight_decay=0.25)
    mine = make_fit(own, tmp_path / "2", data)
    checkpoint.restore(mine, checkpoint.state_of(theirs))
    mine.adopt_recipe()
    (group,) = mine.optimizer.param_groups
    assert (group["betas"], group["weight_decay"]) == ((0.5, 0.99), 0.25)
    assert group["lr"] == own.training.learning_rate
    assert len(mine.optimizer.state_dict()["state"]) == len(group["params"])
    mine.run_epoch()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("optimizer: yogy", 'found "yogy". There is no such optimizer. Did you mean "yogi"?'),
        ("optimizer_settings: {yogi: {beta1: 2.0}}", "training.optimizer_settings.yogi.beta1"),
        ("optimizer_settings: {yogi: {beta: 0.5}}", 'Did you mean "beta1" or "beta2"?'),
        ("optimizer_settings: {sgd: {beta1: 0.5}}", "training.optimizer_settings.sgd"),
    ],
)
def test_a_mistake_in_the_sweep_is_reported_with_its_line(
    launcher: Launcher, package: None, change: str, said: str
) -> None:
    text = ONE_BACKBONE.replace("training:\n", f"training:\n  {change}\n")
    line = text[: text.index(change)].count("\n") + 1
    refused = launcher(launcher.write(text))
    assert refused.code == 2
    assert f"line {line} " in refused.err
    assert said in refused.err
    assert not launcher.storage.exists()


def test_a_search_and_an_ablation_may_vary_it(launcher: Launcher, package: None) -> None:
    space = launcher.folder / "space.yaml"
    space.write_text(
        "title: which optimizer\nparameters:\n"
        "  optimizer: {type: choice, choices: [sgd, yogi]}\n"
        "  optimizer_settings.yogi.beta1:\n"
        "    {type: float, low: 0.5, high: 0.95, when: {optimizer: [yogi]}}\n"
    )
    text = ONE_BACKBONE + "search_space: space.yaml\n"
    text += "search: {sampler: RandomSampler, num_trials: 4}\n"
    done = launcher(launcher.write(text.replace("max_epochs: 2", "max_epochs: 1")))
    assert done.code == 0, done.out + done.err
    trials = pd.read_csv(launcher.storage / "tiny/search/trials.csv")
    assert set(trials["optimizer"]) == {"sgd", "yogi"}
    is_yogi = trials["optimizer"] == "yogi"
    assert (trials["optimizer_settings.yogi.beta1"].notna() == is_yogi).all()


def test_a_mistake_in_its_file_is_reported_with_its_name_and_file(launcher: Launcher) -> None:
    file = copied("yogi", launcher.folder / "broken")
    for spoilt, fault in (
        (file.read_text().replace("YOGI = Yogi()", "YOGI = 7"), "found 7, which is no optimizer"),
        ("import no_such_module\n" + file.read_text(), "No module named 'no_such_module'"),
    ):
        file.write_text(spoilt)
        with installed(file.parent):
            refused = launcher(launcher.write(YOGI))
        assert refused.code == 2
        assert str(file) in refused.err
        assert fault in refused.err


def test_where_it_is_not_installed_its_records_are_not_taken_for_corrupt(
    launcher: Launcher, package: None
) -> None:
    sweep = launcher.done_before(YOGI)
    run = launcher.storage / "tiny"
    del OPTIMIZERS["yogi"]
    launcher.capture.readouterr()
    assert analyse(["rank", str(run)]) == 2
    said = launcher.capture.readouterr().err
    assert 'fit.json: found "yogi". There is no such optimizer.' in said
    assert "Install the package that brings it" in said
    assert launcher(sweep).code == 2
    assert len(list(run.glob("fits/*/fit.json"))) == 2


def test_the_documentation_shows_just_this_package() -> None:
    page = (SITE.parents[2] / "docs/how-to/training.md").read_text(encoding="utf-8")
    assert f"```python\n{(SITE / 'yogi.py').read_text(encoding='utf-8')}```\n" in page
