"""A whole sweep: photographs in, records, W&B runs and a ranking out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.launching.session import NUM_SAMPLE_IMAGES
from foldgrid.training import Fit
from tests.launching.beside import launched_beside
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher
from tests.wandb_run_file import read_run_file

CONTRACT_FILES = (
    "sweep.yaml",
    "provenance.json",
    "split.parquet",
    "plan.json",
    "leaderboard.csv",
    "launch.log",
)
OFFLINE = ("--wandb", "offline")
ALONE = "resources: {max_concurrent: 1}\n"
SEARCHED = "search_space: lr_plateau\nsearch: {num_trials: 2, sampler: RandomSampler}\n"
FIT_FILES = ("fit.json", "history.jsonl", "predictions.parquet", "best.safetensors", "fit.log")


def fit_times(folder: Path) -> dict[str, int]:
    """When each fit was completed."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("fits/*/fit.json")}


def test_a_sweep_leaves_what_the_contract_says(launcher: Launcher) -> None:
    launcher.done_before(ranked=True)
    run = launcher.storage / "tiny"
    for name in CONTRACT_FILES:
        assert (run / name).is_file(), name
    assert len(fit_times(run)) == 4
    for fit in (run / "fits").iterdir():
        assert sorted(path.name for path in fit.iterdir()) == sorted(FIT_FILES)
        record = json.loads((fit / "fit.json").read_text())
        assert record["status"] == "complete"
        assert record["fit_id"] == fit.name
        predictions = pd.read_parquet(fit / "predictions.parquet")
        assert set(predictions["partition"]) == {"oof", "test"}
        assert {"sample", "involvement", "predicted_involvement"} <= set(predictions)
    split = pd.read_parquet(run / "split.parquet")
    assert set(split) >= {"sample", "subject", "visit", "region", "partition", "fold"}
    assert split.groupby("subject")["partition"].nunique().eq(1).all()


def test_the_ranking_is_printed_with_what_to_type_next(launcher: Launcher) -> None:
    done = launcher(launcher.done_before(), ranked=True)
    for words in ("shufflenet_v2_x0_5", "squeezenet1_1", "predict_the_mean", "OOF", "Next:"):
        assert words in done.out
    assert "foldgrid rank" in done.out
    assert "\x1b" not in done.out, "colours do not belong into a pipe"
    table = pd.read_csv(launcher.storage / "tiny" / "leaderboard.csv")
    kinds = table["kind"].value_counts()
    assert kinds["base_learner"] == 2
    assert kinds["meta_learner"] >= 8
    assert kinds["baseline"] == 1


def test_a_second_launch_trains_nothing(launcher: Launcher) -> None:
    path = launcher.done_before()
    before = fit_times(launcher.storage / "tiny")
    again = launcher(path)
    assert again.code == 0
    assert "4 of 4 done, 0 to train" in again.out
    assert fit_times(launcher.storage / "tiny") == before


def test_only_the_predictions_are_kept_where_no_weights_are_wanted(launcher: Launcher) -> None:
    done = launcher(launcher.write(), "--keep", "none", "--only", "fold=0")
    assert done.code == 0, done.err
    fits = launcher.storage / "tiny" / "fits"
    assert len(list(fits.glob("*/predictions.parquet"))) == 2
    assert not list(fits.glob("*/*.safetensors"))
    assert not list(fits.glob("*/last.pt"))
    store = launcher.store()
    assert not any(store.read_fit(fit_id).weights_kept for fit_id in store.finished_fits())


def test_a_further_backbone_trains_only_itself(launcher: Launcher) -> None:
    launcher.done_before()
    before = fit_times(launcher.storage / "tiny")
    more = TINY.replace("  - squeezenet1_1\n", "  - squeezenet1_1\n  - mobilenet_v3_small\n")
    done = launcher(launcher.write(more))
    assert "4 of 6 done, 2 to train" in done.out
    after = fit_times(launcher.storage / "tiny")
    assert {name: after[name] for name in before} == before
    assert {name.split("-")[0] for name in after.keys() - before.keys()} == {"mobilenet_v3_small"}


def test_one_fold_then_the_other_is_the_whole(launcher: Launcher) -> None:
    path = launcher.write()
    part = launcher(path, "--only", "fold=0")
    assert part.code == 0
    assert "0 of 2 done (of 4 in the sweep)" in part.out
    whole = launcher(path)
    assert "2 of 4 done, 2 to train" in whole.out
    assert len(fit_times(launcher.storage / "tiny")) == 4


def test_a_changed_setting_trains_anew_and_leaves_the_old(launcher: Launcher) -> None:
    path = launcher.done_before(ONE_BACKBONE)
    before = fit_times(launcher.storage / "tiny")
    done = launcher(path, "--set", "training.lr=0.002")
    assert "0 of 2 done, 2 to train" in done.out
    after = fit_times(launcher.storage / "tiny")
    assert len(after) == 4
    assert {name: after[name] for name in before} == before
    assert launcher.store().read_sweep()["training"]["learning_rate"] == 0.002
    # The ranking is of the current settings alone.
    back = launcher(path)
    assert "2 of 2 done, 0 to train" in back.out


def test_the_composite_can_be_predicted_directly(launcher: Launcher) -> None:
    done = launcher(launcher.write(ONE_BACKBONE), "--set", "task.output=composite")
    assert done.code == 0, done.err
    store = launcher.store()
    predictions = store.read_predictions(sorted(store.finished_fits())[0])
    assert {"composite", "predicted_composite"} <= set(predictions)
    assert predictions["composite"].between(0, 72).all()


def test_the_papers_early_stopping_is_named_beside_the_ranking(launcher: Launcher) -> None:
    policy = "training.early_stopping.policy=held_out_fold"
    done = launcher(launcher.write(ONE_BACKBONE), "--set", policy, ranked=True)
    assert done.code == 0
    assert "optimistic" in done.out.partition("models ordered by")[2]


def test_every_epoch_of_every_fit_is_in_wandb_once(launcher: Launcher) -> None:
    launcher.done_before(TINY, *OFFLINE, ranked=True)
    run = launcher.storage / "tiny"
    store = launcher.store()
    runs = [read_run_file(path) for path in sorted(run.glob("wandb/offline-run-*/*.wandb"))]
    fits = {facts.config["fit_id"]: facts for facts in runs if facts.job_type == "fold"}
    assert fits.keys() == store.finished_fits()
    for fit_id, facts in fits.items():
        config = store.read_fit(fit_id).config
        assert [step for step, _ in facts.history] == [1, 2]
        assert facts.group == config.backbone
        assert f"fold-{config.fold}" in facts.tags
        assert facts.config["training"]["learning_rate"] == config.training.learning_rate
        losses = [epoch.validation_loss for epoch in store.read_history(fit_id)]
        assert [row["validation/loss"] for _, row in facts.history] == losses
    assert [facts.job_type for facts in runs].count("summary") == 1


@pytest.mark.parametrize("more", ["", SEARCHED], ids=["grid", "search"])
def test_nothing_that_names_a_subject_is_ready_to_leave(launcher: Launcher, more: str) -> None:
    launcher.done_before(TINY + more, *OFFLINE, ranked=True)
    run = launcher.storage / "tiny"
    split = launcher.store().read_split()
    subjects = [*split["subject"].unique(), *split["visit"].astype(str).unique()]
    subjects = [name for name in subjects if len(name) > 3]
    files = [path for path in (run / "wandb").rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        for subject in subjects:
            assert subject.encode() not in content, (path, subject)
    pictures = {".png", ".jpg", ".jpeg", ".npy"}
    assert not [path for path in files if path.suffix in pictures]


def test_pictures_go_to_wandb_only_when_asked_for(launcher: Launcher) -> None:
    path = launcher.done_before(TINY, *OFFLINE, ranked=True)
    launcher(path, *OFFLINE, "--set", "tracking.images=true", ranked=True)
    pictures = list((launcher.storage / "tiny" / "wandb").rglob("*.png"))
    assert len(pictures) == NUM_SAMPLE_IMAGES
    subjects = launcher.store().read_split()["subject"].unique()
    assert not [path for path in pictures if any(subject in path.name for subject in subjects)]


def test_a_launch_that_trains_nothing_leaves_the_provenance(launcher: Launcher) -> None:
    path = launcher.done_before(ONE_BACKBONE)
    first = launcher.store().read_provenance()
    launcher(path)
    assert launcher.store().read_provenance() == first
    launcher(path, "--set", "seed=1")
    second = launcher.store().read_provenance()
    assert second["seed"] == 1
    assert second["earlier_launches"] == [
        {key: value for key, value in first.items() if key != "earlier_launches"}
    ]


def test_disabled_wandb_writes_nothing(launcher: Launcher) -> None:
    launcher.done_before(ranked=True)
    assert not (launcher.storage / "tiny" / "wandb").exists()


def test_a_failing_fit_fails_the_launch_and_no_other_fit(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    import foldgrid.training.building as building

    build = building.build_network

    def build_or_break(name: str, *arguments: object, **options: object) -> object:
        if name == "squeezenet1_1":
            raise RuntimeError("no memory for this one")
        return build(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "build_network", build_or_break)
    done = launcher(launcher.write())
    assert done.code == 1
    assert "2 fits failed" in done.out
    assert "no memory for this one" in done.out
    assert "fit.log" in done.out
    assert len(fit_times(launcher.storage / "tiny")) == 2


def test_the_plan_says_all_and_writes_nothing(launcher: Launcher) -> None:
    planned = launcher(launcher.write(), "--plan")
    assert planned.code == 0
    for topic in ("fits", "budget", "data", "split", "weights", "resources", "time", "memory"):
        assert f"\n{topic} " in planned.out
    assert "0 of 4 done, 4 to train" in planned.out
    assert not launcher.storage.exists()


def test_the_same_sweep_gives_the_same_bits(launcher: Launcher) -> None:
    path, again = launcher.done_before(), launcher.folder / "again"
    launcher(path, "--storage", str(again))
    predictions = []
    for storage in (launcher.storage, again):
        files = sorted((storage / "tiny" / "fits").glob("*/predictions.parquet"))
        predictions.append([pd.read_parquet(file) for file in files])
    assert len(predictions[0]) == 4
    for one, two in zip(*predictions, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.slow
def test_the_launcher_as_a_user_starts_it(launcher: Launcher, tmp_path: Path) -> None:
    """Through Ray, in its own process, into a pipe: the words must be ours alone."""
    root = Path(__file__).parents[2]
    path = launcher.write(TINY + ALONE)
    command = [sys.executable, str(root / "launch.py"), "--budget", "smoke", "--sweep", str(path)]
    run = subprocess.run(
        [*command, "--storage", str(launcher.storage)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert "[4/4]" in run.stdout
    for foreign in ("INFO", "WARNING", "ray.init", "wandb:", "Traceback", "\x1b"):
        assert foreign not in run.stdout
    assert len(fit_times(launcher.storage / "tiny")) == 4


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_and_the_next_launch_goes_on(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    def be_stopped(fit: Fit) -> float:
        signal.raise_signal(number)
        pytest.fail("the signal was not heard")

    path = launcher.write(ONE_BACKBONE)
    with monkeypatch.context() as patch:
        patch.setattr(Fit, "_train", be_stopped)
        stopped = launcher(path)
    assert stopped.code == code
    assert "it trains only what is missing" in stopped.err
    assert "Traceback" not in stopped.out + stopped.err
    assert fit_times(launcher.storage / "tiny") == {}
    assert launcher(path).code == 0
    assert len(fit_times(launcher.storage / "tiny")) == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize(
    ("number", "code", "executor"),
    [
        (signal.SIGTERM, 143, "ray"),
        pytest.param(signal.SIGINT, 130, "ray", marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGTERM, 143, "inline", marks=pytest.mark.exhaustive),
    ],
)
def test_a_signal_from_another_process_does(
    number: signal.Signals, code: int, executor: str, launcher: Launcher, tmp_path: Path
) -> None:
    long = (ONE_BACKBONE + ALONE).replace("max_epochs: 2", "max_epochs: 3000")
    long = long.replace("training:", "training:\n  early_stopping: {patience: 3000}")
    command = ["--budget", "smoke", "--sweep", str(launcher.write(long))]
    command += ["--storage", str(launcher.storage), "--executor", executor]
    with launched_beside(*command, folder=tmp_path) as run:
        histories = launcher.storage / "tiny" / "fits"
        deadline = time.monotonic() + 120
        while not list(histories.glob("*/history.jsonl")) and time.monotonic() < deadline:
            time.sleep(0.1)
        run.send_signal(number)
        try:
            ended = run.wait(45)
        except TimeoutError:
            # Seen once, on a busy machine, and never understood: what a user would do then.
            run.send_signal(signal.SIGINT)
            ended = run.wait()
        said = run.output.read()
    assert ended == code, said
    assert "it trains only what is missing" in said
    assert "Traceback" not in said
    assert fit_times(launcher.storage / "tiny") == {}
    again = launcher(launcher.write(ONE_BACKBONE))
    assert again.code == 0
    assert len(fit_times(launcher.storage / "tiny")) == 2
