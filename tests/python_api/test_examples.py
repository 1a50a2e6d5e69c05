"""Every name of `import foldgrid`: quick to import, typed, and its Example runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldgrid
from foldgrid.analysis.exhibit import ShownExhibit
from foldgrid.specs.metric import METRICS
from foldgrid.tracking import TRACKERS
from tests.analysis.conftest import FakeRun
from tests.analysis.search.made_up_search import MadeUpSearch
from tests.made_once import MadeOnce
from tests.outside.packages import REGISTRIES
from tests.python_api.examples import run_example
from tests.python_api.tiny import TINY_OVERRIDES


def a_search(folder: Path) -> MadeUpSearch:
    return MadeUpSearch(folder / "tiny", num_trials=6, stopped=frozenset({3}))


PEOPLE = [name for name in foldgrid.__all__ if not name.startswith("_")]


def test_importing_loads_nothing_and_every_name_is_there() -> None:
    code = (
        "import sys, foldgrid\n"
        "heavy = {'torch', 'ray', 'pandas', 'numpy', 'wandb', 'matplotlib', 'pydantic'}\n"
        "hidden = set(foldgrid.__all__) - set(dir(foldgrid))\n"
        "print(sorted(heavy & set(sys.modules)), sorted(hidden))\n"
        "foldgrid.open_run, foldgrid.rank, foldgrid.Sweep, foldgrid.Run, foldgrid.register_metric\n"
        "print(sorted({'torch', 'ray', 'wandb'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[] []", "[]"]
    with pytest.raises(AttributeError, match="no attribute 'lunch'"):
        foldgrid.lunch  # noqa: B018


@pytest.fixture
def _as_before() -> Any:
    """What an Example registers is gone after it."""
    before = [(each, dict(each)) for each in REGISTRIES]
    yield
    for registry, things in before:
        for name in set(registry) - set(things):
            del registry[name]


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("name", [name for name in PEOPLE if not name.endswith("Error")])
def test_the_example_of_a_name_runs(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made_once: MadeOnce,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLDGRID_CACHE", str(made_once("cache", lambda folder: None)))
    names = {
        "foldgrid": foldgrid,
        "np": np,
        "storage": str(tmp_path / "runs"),
        "tiny": TINY_OVERRIDES,
    }
    if name in {"Run", "open_run", "Ranking"}:
        names["folder"] = FakeRun(tmp_path / "tiny").write().location
    if name == "SearchRun":
        names["folder"] = a_search(tmp_path).write().location
    thing = getattr(foldgrid, name)
    run_example(thing, name, names)


def test_the_example_of_an_exhibit_runs_and_a_picture_at_a_prompt_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    location = FakeRun(tmp_path / "tiny").write().location
    run_example(ShownExhibit, "ShownExhibit", {"foldgrid": foldgrid, "folder": location})
    picture = foldgrid.open_run(location).exhibit("ranking").plot()
    assert "<svg" not in repr(picture)
    assert picture.title in repr(picture)


def test_a_search_s_trials_are_a_frame_with_what_each_trained_with(tmp_path: Path) -> None:
    search = foldgrid.open_run(a_search(tmp_path).write().location)
    assert isinstance(search, foldgrid.SearchRun)
    trials = search.trials()
    assert trials["trial"].tolist() == list(range(6))
    assert trials["study"].nunique() == 1
    assert trials.loc[trials["status"] == "stopped", "trial"].tolist() == [3]
    stopped = trials.set_index("trial").loc[3]
    assert stopped["num_epochs"] < stopped["num_planned_epochs"]
    (study,) = search.studies
    scores = {each.number: each.oof["mae"] for each in study.results.trials}
    assert trials.set_index("trial")["mae"].to_dict() == scores
    # A configuration's values are those that it trained with, whether drawn or the sweep's.
    assert trials["learning_rate"].between(1e-4, 0.1).all()
    assert set(study.results.plan.space.parameters) <= set(trials)


def test_what_is_registered_by_hand_can_be_again_and_nothing_of_ours() -> None:
    median = METRICS["mae"]
    with pytest.raises(ValueError, match='called "mae" already'):
        foldgrid.register_metric(median)
    with pytest.raises(TypeError, match="no tracker"):
        foldgrid.register_tracker("mine")(int)
    tracker = TRACKERS["none"]
    for _ in range(2):
        assert foldgrid.register_tracker("mine")(tracker) is tracker
    del TRACKERS["mine"]
