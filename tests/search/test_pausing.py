"""HyperBand and population based training, through Ray: what they stop, change and leave alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.execution.ray_tune import RayTuneExecutor
from foldgrid.execution.resources import plan_resources
from foldgrid.records import SearchStore
from foldgrid.search.lockstep import TrialTrainer
from foldgrid.search.schedulers.pausing import explored
from foldgrid.search.schedulers.rules import Searched
from foldgrid.search.study_feed import TrialSteering
from foldgrid.search.trial_log import TrialLog
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import allows
from foldgrid.specs.sweep import ResourceSpec, SearchSettings
from foldgrid.specs.trials import TrialRecord
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import evaluated_units
from tests.search.small_search import (
    TrialRecorder,
    space_of,
    training_samples,
    trial_job,
)

SPACE = space_of(
    learning_rate={"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    momentum={"type": "choice", "choices": (0.0, 0.5, 0.9)},
    plateau__patience={"type": "int", "low": 2, "high": 20, "when": {"momentum": (0.9,)}},
    batch_size={"type": "int", "low": 4, "high": 16, "step": 4},
)


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 6))
def test_explored_values_stay_in_the_space(seed: int, steps: int) -> None:
    generator = random.Random(seed)
    values: dict[str, Value] = {"learning_rate": 0.01, "momentum": 0.5, "batch_size": 8}
    for _ in range(steps):
        values = explored(SPACE, values, generator)
        for name, parameter in SPACE.parameters.items():
            assert (name in values) == SPACE.is_active(name, values)
            if name in values:
                assert allows(parameter, values[name])


def test_exploring_moves_about() -> None:
    values: dict[str, Value] = {"learning_rate": 0.01, "momentum": 0.5, "batch_size": 8}
    found = [explored(SPACE, values, random.Random(seed)) for seed in range(50)]
    assert {each["momentum"] for each in found} == {0.0, 0.5, 0.9}
    near = [each for each in found if each["learning_rate"] in (0.008, 0.012)]
    assert 10 < len(near) < 50, "most are perturbed, some drawn anew"


@dataclass
class Search:
    """What a search of a few trials came to."""

    records: dict[int, TrialRecord]
    store: SearchStore
    recorder: TrialRecorder = field(default_factory=TrialRecorder)


def search(folder: Path, settings: SearchSettings, num_epochs: int) -> Search:
    store, recorder, data = SearchStore(str(folder)), TrialRecorder(), training_samples()
    rates = [0.01, 0.001, 1e-4, 0.003, 3e-4, 2e-4][: settings.num_trials]
    jobs = [
        trial_job(number, learning_rate=rate, max_epochs=num_epochs)
        for number, rate in enumerate(rates)
    ]
    pasi = make_scoring(jobs[0].fits[0].config.task)
    outputs_NK = np.zeros((len(data.samples), pasi.num_outputs), np.float32)
    units = evaluated_units(pasi, data.samples, outputs_NK).units
    trial_log = TrialLog(store, units, recorder)
    space = space_of(
        learning_rate={"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    )
    searched = Searched(
        settings,
        units,
        num_epochs,
        space=space,
        remake_job=lambda number, values: trial_job(number, **values, max_epochs=num_epochs),
    )
    with RayTuneExecutor(plan_resources(ResourceSpec(), {})) as executor:
        trainer = TrialTrainer(data, store)
        executor.run(trainer, jobs, trial_log, TrialSteering(None, searched.tune(), trial_log))
    return Search(recorder.records, store, recorder)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("local_ray")
def test_hyperband_stops_trials_and_never_the_default_configuration(tmp_path: Path) -> None:
    settings = SearchSettings(num_trials=6, scheduler="hyperband", reduction_factor=2.0)
    found = search(tmp_path, settings, num_epochs=3)
    status = {number: record.status for number, record in found.records.items()}
    assert sorted(status) == [0, 1, 2, 3, 4, 5]
    assert status[0] == "complete"
    stopped = [record for record in found.records.values() if record.status == "stopped"]
    assert stopped
    for record in stopped:
        assert record.num_epochs < record.num_planned_epochs == 3
        folder = found.store.trial("study", record.number)
        assert [epoch.epoch for epoch in folder.read_epochs()] == [*range(1, record.num_epochs + 1)]
    assert not list(tmp_path.rglob("state.pt"))
    assert not list(tmp_path.rglob("running.jsonl"))


@pytest.mark.usefixtures("local_ray")
def test_a_population_has_its_worst_go_on_from_its_best(tmp_path: Path) -> None:
    settings = SearchSettings(
        num_trials=3, sampler="RandomSampler", scheduler="pbt", perturbation_epochs=1
    )
    found = search(tmp_path, settings, num_epochs=2)
    assert {record.status for record in found.records.values()} == {"complete"}
    assert found.records[0].changes == ()
    assert found.records[0].values["learning_rate"] == 0.01
    changed = [record for record in found.records.values() if record.changes]
    assert changed
    for record in changed:
        last = record.changes[-1]
        assert record.values == last.values
        assert record.training.learning_rate == last.values["learning_rate"]
        epochs = found.store.trial("study", record.number).read_epochs()
        assert [epoch.epoch for epoch in epochs] == [1, 2]
        assert epochs[-1].oof == record.oof
