"""The best so far and what became of the epochs, whatever happened to the trials."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.analysis.search.course import epochs_saved, optimisation_history, trial_curves
from foldgrid.analysis.search.results import read_studies
from foldgrid.metrics import METRICS
from foldgrid.records import SearchStore
from foldgrid.specs.sweep import SearchSettings
from tests.analysis.search.made_up_search import MadeUpSearch

ENDS = st.lists(st.sampled_from(["complete", "stopped", "diverged"]), min_size=1, max_size=9)


@given(ends=ENDS, objective=st.sampled_from(["mae", "pcc", "bias"]), seed=st.integers(0, 99))
def test_the_rules_of_a_course(
    tmp_path_factory: pytest.TempPathFactory, ends: list[str], objective: str, seed: int
) -> None:
    study = read_studies(
        MadeUpSearch(
            tmp_path_factory.mktemp("course") / "s",
            num_trials=len(ends),
            num_epochs=8,
            settings=SearchSettings(objectives=(objective,)),  # type: ignore[arg-type]
            stopped=frozenset(i for i, end in enumerate(ends) if end == "stopped"),
            diverged=frozenset(i for i, end in enumerate(ends) if end == "diverged"),
            seed=seed,
        ).write()
    )[0]
    history, saved = optimisation_history(study), epochs_saved(study)
    key = METRICS[objective].sort_key
    keys = [key(value) for value in history["best_so_far"]]
    assert all(later <= earlier for earlier, later in pairwise(keys))
    complete = [key(trial.oof[objective]) for trial in study.trials if trial.status == "complete"]
    assert keys[-1] == min(complete, default=math.inf)
    assert list(history["epochs_spent"]) == list(history["num_epochs"].cumsum())
    left = saved.num_saved + saved.num_patience + saved.num_diverged
    assert saved.num_trained + left == saved.num_planned == 8 * len(ends)
    assert saved.num_saved == 6 * ends.count("stopped")
    assert saved.num_diverged == 6 * ends.count("diverged")
    assert saved.fraction == saved.num_saved / saved.num_planned
    curves = trial_curves(study)
    lengths = curves.groupby("trial")["epoch"].max()
    assert list(lengths) == list(history["num_epochs"])
    last = curves.groupby("trial")["score"].last()
    for trial in study.complete:
        assert last[trial.number] == trial.oof[objective]


def test_what_patience_ended_is_not_counted_as_saved(tmp_path: Path) -> None:
    store = MadeUpSearch(tmp_path / "s", num_trials=3, stopped=frozenset({2})).write()
    search = SearchStore.of(store)
    folder = search.trials(search.read_plan().studies[0].name)[1]
    epochs, units = folder.read_epochs()[:5], folder.read_units().units
    record = folder.read_record().model_copy(update={"num_epochs": 5, "oof": epochs[-1].oof})
    folder.complete(record, epochs, units)
    saved = epochs_saved(read_studies(store)[0])
    assert (saved.num_patience, saved.num_saved, saved.num_stopped) == (7, 9, 1)
