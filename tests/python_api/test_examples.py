"""Every name of `import foldgrid`: quick to import, typed, and its Example runs."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldgrid
from foldgrid.analysis.exhibit import EXHIBITS
from foldgrid.models.sources.source import NETWORK_SOURCES
from foldgrid.specs.metric import METRICS
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.registry import Registry
from foldgrid.specs.schedulers import SCHEDULERS
from foldgrid.specs.task import TASKS
from foldgrid.tracking import TRACKERS
from tests.analysis.conftest import FakeRun
from tests.python_api.tiny import TINY_OVERRIDES

REGISTRIES: tuple[Registry[Any], ...] = (
    EXHIBITS,
    METRICS,
    NETWORK_SOURCES,
    OPTIMIZERS,
    SCHEDULERS,
    TASKS,
    TRACKERS,
)
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
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLDGRID_CACHE", str(tmp_path / "cache"))
    names = {
        "foldgrid": foldgrid,
        "np": np,
        "storage": str(tmp_path / "runs"),
        "tiny": TINY_OVERRIDES,
    }
    if name in {"Run", "open_run", "Ranking"}:
        names["folder"] = FakeRun(tmp_path / "tiny").write().location
    thing = getattr(foldgrid, name)
    # Not those of what a class inherits: they are other rooms'.
    found = doctest.DocTestFinder(recurse=False).find(thing, name, globs=names)
    (example,) = found
    assert example.examples, f"{name} has no Example"
    said: list[str] = []
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.DocTestRunner(optionflags=options).run(example, out=said.append)
    assert result.failed == 0, "".join(said)


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
