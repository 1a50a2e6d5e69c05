from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.launching.planning.grid import (
    Grid,
    SampleCounts,
    Selection,
    estimate_seconds,
    parse_selection,
    plan_grid,
)
from foldgrid.models.footprint import Footprint
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import Sweep

SIZES = {
    "resnet18": Footprint(11_000_000, 150_000_000, 1_000_000),
    "resnet34": Footprint(21_000_000, 300_000_000, 2_000_000),
    "squeezenet1_1": Footprint(700_000, 17_000_000, 300_000),
}
COUNTS = SampleCounts(train=600, validation=100, predicted=280)


def sweep_of(*backbones: str, **changes: object) -> Sweep:
    return Sweep.model_validate_json(
        json.dumps({"title": "a study", "backbones": backbones, **changes})
    )


def grid_of(sweep: Sweep, finished: set[str] | None = None, **changes: object) -> Grid:
    facts: dict[str, object] = {
        "data_fingerprint": "data",
        "split_fingerprint": "split",
        "weights": dict.fromkeys(sweep.backbones),
        "footprints": SIZES,
        "counts": COUNTS,
        "finished": finished or set(),
        "selection": Selection(),
    }
    return plan_grid(sweep, **(facts | changes))  # type: ignore[arg-type]


def fit_ids(grid: Grid) -> set[str]:
    return {job.config.fit_id for job in grid.jobs}


def test_a_grid_is_every_backbone_by_every_fold() -> None:
    grid = grid_of(sweep_of("resnet18", "resnet34"))
    cells = [(cell.backbone, cell.fold) for cell in grid.cells]
    assert cells == [(name, fold) for name in ("resnet18", "resnet34") for fold in range(5)]
    assert len(fit_ids(grid)) == 10


def test_adding_a_backbone_leaves_the_other_fits_as_they_were() -> None:
    small, large = grid_of(sweep_of("resnet18")), grid_of(sweep_of("resnet34", "resnet18"))
    assert fit_ids(small) < fit_ids(large)
    again = grid_of(sweep_of("resnet34", "resnet18"), finished=fit_ids(small))
    assert {job.config.backbone for job in again.left} == {"resnet34"}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"training": {"learning_rate": 0.02}},
        {"training": {"early_stopping": {"policy": "held_out_fold"}}},
        {"task": {"output": "composite"}},
        {"budget": "smoke"},
    ],
)
def test_whatever_decides_the_outcome_makes_new_fits(change: dict[str, object]) -> None:
    before, after = sweep_of("resnet18"), sweep_of("resnet18", **change)
    assert fit_ids(grid_of(before)).isdisjoint(fit_ids(grid_of(after)))


@pytest.mark.parametrize(
    "change",
    [
        {"title": "another title"},
        {"resources": {"cpus_per_fit": 2, "max_retries": 0}},
        {"tracking": {"project": "another"}},
        {"keep": "none"},
    ],
)
def test_what_does_not_decide_the_outcome_keeps_the_fits(change: dict[str, object]) -> None:
    before, after = sweep_of("resnet18"), sweep_of("resnet18", **change)
    assert fit_ids(grid_of(before)) == fit_ids(grid_of(after))


@pytest.mark.parametrize("fact", ["data_fingerprint", "split_fingerprint"])
def test_other_data_or_another_split_makes_new_fits(fact: str) -> None:
    sweep = sweep_of("resnet18")
    assert fit_ids(grid_of(sweep)).isdisjoint(fit_ids(grid_of(sweep, **{fact: "other"})))


def test_the_longest_fits_come_first() -> None:
    left = grid_of(sweep_of("squeezenet1_1", "resnet18", "resnet34")).left
    assert [job.config.backbone for job in left[::5]] == ["resnet34", "resnet18", "squeezenet1_1"]
    times = [job.estimated_seconds for job in left]
    assert times == sorted(times, reverse=True)


@given(st.sets(st.integers(0, 9)))
def test_done_and_left_divide_the_selected_part(positions: set[int]) -> None:
    sweep = sweep_of("resnet18", "resnet34")
    everything = [job.config.fit_id for job in grid_of(sweep).jobs]
    finished = {everything[position] for position in positions}
    selection = Selection(backbones=("resnet34",), folds=(0, 3))
    grid = grid_of(sweep, finished=finished, selection=selection)
    done = {job.config.fit_id for job in grid.done}
    left = {job.config.fit_id for job in grid.left}
    assert done | left == {job.config.fit_id for job in grid.selected}
    assert not done & left
    assert done <= finished
    assert len(grid.selected) == 2


def test_a_selection_adds_up_within_a_kind() -> None:
    sweep = sweep_of("resnet18", "resnet34")
    chosen = parse_selection(["backbone=resnet34", "fold=0", "fold=4"], sweep)
    assert chosen == Selection(("resnet34",), (0, 4))


def test_a_wrong_selection_is_refused_with_what_there_is() -> None:
    sweep = sweep_of("resnet18", "resnet34")
    with pytest.raises(InputError) as caught:
        parse_selection(["backbone=resnet43", "fold=5", "epoch=1"], sweep)
    message = str(caught.value)
    assert "--only: 3 problems" in message
    assert 'Did you mean "resnet34"' in message
    assert "Folds are 0 to 4" in message
    assert "backbone=NAME or fold=NUMBER" in message


def test_fewer_batches_are_estimated_to_take_less_time() -> None:
    long = sweep_of("resnet18", training={"max_epochs": 2})
    short = sweep_of("resnet18", training={"max_epochs": 2, "max_batches_per_epoch": 2})
    size = SIZES["resnet18"]
    assert estimate_seconds(size, short.training, COUNTS) < estimate_seconds(
        size, long.training, COUNTS
    )


def test_the_shipped_grid_has_the_papers_145_fits() -> None:
    from foldgrid.specs.resolving import resolve_sweep

    path = Path(__file__).parents[2] / "sweeps" / "all_backbones.yaml"
    for budget in ("smoke", "paper"):
        sweep = resolve_sweep(path, budget).sweep
        sizes = dict.fromkeys(sweep.backbones, SIZES["resnet18"])
        assert len(fit_ids(grid_of(sweep, footprints=sizes))) == 145


def test_a_backbone_may_have_a_recipe_of_its_own() -> None:
    sweep = sweep_of("resnet18", "resnet34", per_backbone={"resnet34": {"learning_rate": 0.5}})
    jobs = grid_of(sweep).jobs
    rates = {job.config.backbone: job.config.training.learning_rate for job in jobs}
    assert rates == {"resnet18": sweep.training.learning_rate, "resnet34": 0.5}
