"""Every file in ``sweeps/`` resolves, and a resolved sweep survives its own record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.launching.planning.networks import check_networks, footprints
from foldgrid.models import find_weight_file
from foldgrid.models.facts import known_facts
from foldgrid.records import RunStore
from foldgrid.specs.folders import yaml_files
from foldgrid.specs.reading import read_document, validate
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import BudgetName, Sweep

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = yaml_files(PROJECT / "sweeps")
BUDGETS: tuple[BudgetName, ...] = ("smoke", "probe", "paper")
LARGE = "foundation_probes"
"""Its 33 networks take a minute to look at."""


def marked(name: str, budget: BudgetName) -> Any:
    """The case, in ``make test-all`` alone where it is large."""
    marks = () if name != LARGE or budget == "smoke" else pytest.mark.exhaustive
    return pytest.param(name, budget, marks=marks, id=f"{name}-{budget}")


@pytest.fixture(scope="module")
def facts() -> Iterator[None]:
    """What is found out about a network is known to all tests, as it is to all launches."""
    with known_facts({}):
        yield


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    ("name", "budget"), [marked(name, budget) for name in SHIPPED for budget in BUDGETS]
)
def test_every_shipped_sweep_resolves(name: str, budget: BudgetName) -> None:
    resolved = resolve_sweep(SHIPPED[name], budget)
    sweep = resolved.sweep
    assert (sweep.name, sweep.budget, sweep.budgets) == (name, budget, {})
    check_networks(resolved)
    assert set(footprints(sweep, name, num_outputs=4)) == set(sweep.recipes)


def test_the_weights_of_foundation_probes_are_published_each_with_its_licence() -> None:
    names = resolve_sweep(SHIPPED[LARGE], "probe").sweep.backbones
    files = [find_weight_file(name) for name in names]
    assert len(names) >= 30
    assert all(file is not None and file.licence for file in files)


def test_the_main_sweep_is_the_paper_s() -> None:
    sweep = resolve_sweep(SHIPPED["all_backbones"], "paper").sweep
    recipe = sweep.training
    assert len(sweep.backbones) == 29
    assert (sweep.split.num_folds, sweep.split.test_fraction) == (5, 0.1)
    assert (recipe.learning_rate, recipe.momentum, recipe.batch_size) == (0.01, 0.9, 16)
    assert (recipe.plateau.factor, recipe.plateau.patience) == (0.1, 10)
    assert recipe.plateau.threshold == 1e-4
    assert recipe.early_stopping.patience == 50
    assert recipe.max_batches_per_epoch is None
    assert not recipe.start_from_mean
    assert sweep.data.tile_pixels == 128
    assert sweep.data.synthetic.num_visits == 338


def read_back(folder: Path, sweep: Sweep) -> Sweep:
    """The sweep as ``sweep.yaml`` gives it back."""
    store = RunStore(str(folder))
    store.write_sweep(sweep.model_dump(mode="json", exclude={"budgets"}))
    document = read_document(folder / "sweep.yaml")
    assert document.values == store.read_sweep()
    return validate(Sweep, document)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", SHIPPED)
def test_a_sweep_is_read_from_its_record_as_it_ran(
    name: str, budget: BudgetName, tmp_path: Path
) -> None:
    sweep = resolve_sweep(SHIPPED[name], budget, [], Path("/data/photos/manifest.csv")).sweep
    assert read_back(tmp_path, sweep) == sweep


# UTF-8 cannot write unpaired surrogates, and ruamel.yaml loses control characters such as NEL.
written = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40)


@given(
    title=written,
    seed=st.integers(0, 2**70),
    learning_rate=st.floats(0, exclude_min=True, allow_infinity=False),
    backbones=st.lists(written, min_size=1, max_size=4, unique=True),
    entity=st.none() | written,
)
def test_any_sweep_is_read_from_its_record_as_it_ran(
    tmp_path_factory: pytest.TempPathFactory, **changes: Any
) -> None:
    values = {"title": changes["title"], "backbones": changes["backbones"]}
    values |= {"seed": changes["seed"], "tracking": {"entity": changes["entity"]}}
    values |= {"training": {"learning_rate": changes["learning_rate"]}}
    sweep = Sweep.model_validate_json(json.dumps(values))
    assert read_back(tmp_path_factory.mktemp("run"), sweep) == sweep
