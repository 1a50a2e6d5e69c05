"""A sweep on labels as W&B is told of it: every epoch once, and nothing that names anyone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from foldgrid.data.manifest.labelled import read_labelled_manifest
from foldgrid.specs.learners import read_ablation
from tests.launching.tiny_labels import IN_CASES, SEARCHED, VARIED
from tests.launching.tiny_sweep import Launcher
from tests.wandb_run_file import WandbRunFile, read_run_file

VALID_ID = re.compile(r"[^/\\#?%:]{1,64}")
SEARCH = "search: {num_trials: 2, sampler: RandomSampler}\n"


def done_before(launcher: Launcher, text: str) -> Path:
    """The run folder of a launch with offline W&B."""
    launcher.done_before(text, "--wandb", "offline", ranked=True)
    return launcher.storage / "tiny"


def runs_of(folder: Path) -> list[WandbRunFile]:
    """All runs of a run folder; no two of one id, and every id one that W&B takes."""
    runs = [read_run_file(path) for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"))]
    assert len({run.run_id for run in runs}) == len(runs)
    for run in runs:
        assert VALID_ID.fullmatch(run.run_id), run.run_id
        assert all(0 < len(tag) <= 64 for tag in run.tags)
        assert not [key for key in keys_of(run.config) if "." in key]
    return runs


def keys_of(settings: dict[str, Any]) -> list[str]:
    """The keys of a configuration at every depth."""
    inner = [keys_of(value) for value in settings.values() if isinstance(value, dict)]
    return [*settings, *(key for keys in inner for key in keys)]


def test_every_epoch_of_every_fit_is_there_once_under_its_base_learner(
    launcher: Launcher,
) -> None:
    runs = runs_of(done_before(launcher, VARIED))
    store = launcher.store()
    fits = {run.config["fit_id"]: run for run in runs if run.job_type == "fold"}
    plan = {cell.fit_id: cell.backbone for cell in store.read_plan()}
    assert fits.keys() == plan.keys() == store.finished_fits()
    assert len(set(plan.values())) == 3
    for fit_id, run in fits.items():
        epochs = store.read_history(fit_id)
        assert [step for step, _ in run.history] == [epoch.epoch for epoch in epochs]
        reported = [row["validation/auc"] for _, row in run.history]
        # Without anybody of a class among those that are watched, it is undefined.
        assert reported == pytest.approx([epoch.metrics["auc"] for epoch in epochs], nan_ok=True)
        assert run.group == plan[fit_id]
        _, key, value = read_ablation(plan[fit_id])
        assert (f"{key}={value}" in run.tags) == bool(key)
        assert run.config["task"]["classes"] == {"normal": ["normal"], "SSc": ["early", "late"]}
        assert run.summary["test/auc"] == store.read_fit(fit_id).metrics["test/auc"]


def test_the_summary_has_the_ranking_and_the_photographs(launcher: Launcher) -> None:
    runs = runs_of(done_before(launcher, VARIED))
    (summary,) = [run for run in runs if run.job_type == "summary"]
    (step,) = summary.history
    tables = {key.split("/")[0] for key in step[1]}
    assert {"ranking", "photographs"} <= tables
    assert "visits" not in tables


@pytest.mark.parametrize(
    "text", [VARIED, IN_CASES, SEARCHED + SEARCH], ids=["skin", "cases", "search"]
)
def test_no_subject_case_sample_or_file_name_is_ready_to_leave(
    launcher: Launcher, shared_cache: Path, text: str
) -> None:
    run = done_before(launcher, text)
    samples = set(launcher.store().read_split()["sample"])
    manifests = [
        read_labelled_manifest(path).photos
        for path in shared_cache.glob("synthetic_studies/*/manifest.csv")
        # Other tests' studies lie beside it, of numbers too.
        if "label" in path.read_text(encoding="utf-8").partition("\n")[0]
    ]
    photos = next(table for table in manifests if samples == samples_of(table))
    names = {*samples, *photos["subject"], *photos["case"], *photos["photo"]}
    names |= {Path(name).name for name in photos["photo"]}
    secrets = {name for name in names if len(name) > 3}
    assert len(secrets) > 3 * photos["subject"].nunique()
    files = [path for path in (run / "wandb").rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [name for name in secrets if name.encode() in content], path
    assert not [path for path in files if path.suffix in {".png", ".jpg", ".jpeg", ".npy"}]


def samples_of(photos: Any) -> set[str]:
    """The samples' names as the run folder has them."""
    order = photos.sort_values(["subject", "case", "photo"])
    numbers = order.groupby(["subject", "case"]).cumcount() + 1
    rows = zip(order["subject"], order["case"], numbers, strict=True)
    return {"/".join(filter(None, (subject, case, str(n)))) for subject, case, n in rows}


def test_a_searched_trial_is_reported_by_the_task_s_metrics(launcher: Launcher) -> None:
    runs = runs_of(done_before(launcher, SEARCHED + SEARCH))
    trials = [run for run in runs if run.job_type == "trial"]
    assert len(trials) == 2
    for run in trials:
        assert [step for step, _ in run.history] == [1, 2, 3]
        assert all(0 <= row["oof/auc"] <= 1 for _, row in run.history)
        assert run.summary["num_photographs"] > 0
        assert "num_visits" not in run.summary
        assert run.config["task"]["classes"] == {"normal": ["normal"], "SSc": ["early", "late"]}
