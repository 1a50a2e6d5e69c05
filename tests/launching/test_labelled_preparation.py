"""A sweep of labels up to its run folder: the plan, the files, and what has changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foldgrid.launching.planning.plan_text import plan_facts
from foldgrid.launching.planning.preparation import PreparedSweep, prepare_sweep
from foldgrid.launching.planning.recorded_inputs import prepared_inputs, recorded_inputs
from foldgrid.launching.sweep_run import write_run_files
from foldgrid.specs.errors import InputError
from foldgrid.specs.resolving import resolve_sweep

SWEEP: dict[str, Any] = {
    "title": "three stages",
    "task": {"name": "classification"},
    "data": {
        "tile_pixels": 32,
        "synthetic": {
            "study": "ssc_skin",
            "num_subjects": 12,
            "photo_width": 32,
            "photo_height": 32,
        },
    },
    "split": {"num_folds": 2, "num_seeds": 5, "test_fraction": 0.2},
    "backbones": ["resnet18"],
    "weights": "none",
    "training": {"max_epochs": 3},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labels")


def prepare(folder: Path, *overrides: str, sweep: dict[str, Any] = SWEEP) -> PreparedSweep:
    path = folder / "stages.yaml"
    path.write_text(json.dumps(sweep))
    resolved = resolve_sweep(path, "paper", overrides)
    return prepare_sweep(resolved, storage=str(folder / "runs"), cache=folder / "cache")


def test_the_plan_and_the_run_folder_are_of_photographs_and_labels(folder: Path) -> None:
    prepared = prepare(folder)
    assert not prepared.survey.is_cached
    facts = dict(plan_facts(prepared))
    assert "12 subjects, " in facts["data"]
    assert "photographs of 32x32 (to be decoded once)" in facts["data"]
    assert facts["classes"].startswith("3, by photographs: ")
    write_run_files(prepared)
    store = prepared.store
    samples, split = store.read_samples(), store.read_split()
    assert list(samples) == ["sample", "label", "taxonomy"]
    assert samples["sample"].tolist() == split["sample"].tolist()
    assert split["label"].tolist() == samples["label"].tolist()
    assert (store.read_photos()["position"] == 0).all()
    assert recorded_inputs(store) == prepared_inputs(prepared)


def test_other_labels_are_other_inputs(folder: Path) -> None:
    prepared = prepare(folder)
    write_run_files(prepared)
    other = prepare(folder, "data.synthetic.seed=1")
    assert other.survey.fingerprint != prepared.survey.fingerprint
    assert recorded_inputs(other.store) != prepared_inputs(other)


def test_data_of_the_other_kind_is_refused(folder: Path) -> None:
    pasi = {name: value for name, value in SWEEP.items() if name != "task"}
    with pytest.raises(InputError, match="found the simulated study ssc_skin, which has labels"):
        prepare(folder, sweep=pasi)
    trial = {**SWEEP, "data": {"tile_pixels": 32}}
    with pytest.raises(InputError, match="found the simulated PASI trial, which has scores"):
        prepare(folder, sweep=trial)


def test_fewer_raters_need_annotations_that_belong_to_classes(folder: Path) -> None:
    with pytest.raises(InputError) as found:
        prepare(folder, "training.num_raters=2")
    assert "no columns grade_<rater>" in str(found.value)
    data = {**SWEEP["data"], "synthetic": {**SWEEP["data"]["synthetic"], "study": "referable_dr"}}
    eyes = {**SWEEP, "data": data, "ablation": {"num_raters": [1]}}
    with pytest.raises(InputError) as found:
        prepare(folder, sweep=eyes)
    assert "no class is given for the annotations 0, 1, 2" in str(found.value)
    grades = 'task.annotations={not_referable: ["0", "1"], referable: ["2", "3", "4"]}'
    learners = [job.learner for job in prepare(folder, grades, sweep=eyes).grid.jobs[::2]]
    assert learners == ["resnet18", "resnet18@num_raters=1"]
