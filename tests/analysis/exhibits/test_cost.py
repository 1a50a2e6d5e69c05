from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.analysis.evaluation import evaluate
from foldgrid.analysis.exhibits.cost_facts import COSTS, cost_facts, format_cost, pareto_front
from foldgrid.records import RunStore
from foldgrid.specs.fits import FitRecord

VALUES = st.one_of(st.integers(0, 5).map(float), st.just(math.nan), st.floats(0, 10))
POINTS = st.lists(st.tuples(VALUES, VALUES), max_size=25)
SIZES = {"resnet18": 300, "shufflenet_v2_x0_5": 100, "vgg11": 200}


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] <= other[1] and one != other


@given(POINTS)
def test_nothing_on_the_front_is_beaten_and_everything_off_it_is(
    points: list[tuple[float, float]],
) -> None:
    front = pareto_front([p[0] for p in points], [p[1] for p in points])
    known = [p for p in points if not any(map(math.isnan, p))]
    for point, is_on in zip(points, front, strict=True):
        if any(map(math.isnan, point)):
            assert not is_on
        else:
            assert is_on == (not any(beats(other, point) for other in known))


@given(POINTS, st.randoms())
def test_the_front_does_not_depend_on_the_order_or_the_units(
    points: list[tuple[float, float]], random: Any
) -> None:
    order = list(range(len(points)))
    random.shuffle(order)
    errors, costs = (np.array([p[axis] for p in points]) for axis in (0, 1))
    front = pareto_front(errors, costs)
    np.testing.assert_array_equal(front[order], pareto_front(errors[order], costs[order]))
    np.testing.assert_array_equal(front, pareto_front(errors * 2, costs * 1024))


def test_twins_stand_together_and_infinity_does_not_count() -> None:
    front = pareto_front([1, 1, 2, 1, math.inf], [3, 3, 1, 4, 0])
    assert front.tolist() == [True, True, True, False, False]
    with pytest.raises(ValueError, match="as many errors as costs"):
        pareto_front([1], [1, 2])


def measured_run(make_run: Any, devices: dict[str, str] | None = None) -> RunStore:
    """A run whose fits say what they cost."""
    fake = make_run(num_folds=2, num_subjects=8)
    plain = fake.record

    def record(backbone: str, fold: int) -> FitRecord:
        size = SIZES[backbone]
        return plain(backbone, fold).model_copy(
            update={
                "num_parameters": size,
                "multiply_adds": 10 * size,
                "timings": {"train": float(size + fold), "total": 1000.0},
                "num_epochs": 3 + fold,
                "peak_memory_gib": 1.0 + fold,
                "environment": {"device": (devices or {}).get(backbone, "Some GPU")},
            }
        )

    fake.record = record
    store: RunStore = fake.write()
    return store


def test_costs_are_those_of_the_records(make_run: Any) -> None:
    evaluation = evaluate(measured_run(make_run))
    facts = cost_facts(evaluation)
    assert facts.table["error"].is_monotonic_increasing
    rows = facts.table.set_index("model")
    assert rows["parameters"].to_dict() == SIZES
    assert rows.loc["vgg11", "multiply_adds"] == 2000
    assert rows.loc["vgg11", "train_seconds"] == 401
    assert rows.loc["vgg11", "train_seconds_per_fit"] == 200.5
    assert (rows.loc["vgg11", "epochs"], rows.loc["vgg11", "epochs_per_fit"]) == (7, 3.5)
    assert (rows.loc["vgg11", "peak_memory_gib"], rows.loc["vgg11", "num_fits"]) == (2, 2)
    truth = evaluation.oof.units["reference"]
    error = np.abs(evaluation.oof.predicted["vgg11"] - truth).mean()
    assert rows.loc["vgg11", "error"] == pytest.approx(error)
    # The made-up errors grow in the order of the names; resnet18 is the best and the dearest.
    assert facts.fronts["parameters"] == ("shufflenet_v2_x0_5", "resnet18")
    assert facts.fronts["multiply_adds"] == facts.fronts["parameters"]
    assert facts.fronts["peak_memory_gib"] == ("resnet18",)
    for cost, names in facts.fronts.items():
        assert set(rows.index[rows[f"front_{cost}"]]) == set(names)
    assert [note for note in facts.notes if "nknown" in note or "unlike" in note] == []


def test_a_metric_where_more_is_better_turns_the_front(make_run: Any) -> None:
    evaluation = evaluate(measured_run(make_run))
    facts = cost_facts(evaluation, "ccc")
    assert facts.table["error"].is_monotonic_decreasing
    assert facts.fronts["parameters"] == ("shufflenet_v2_x0_5", "resnet18")


def test_what_cannot_be_compared_has_no_front(make_run: Any) -> None:
    facts = cost_facts(evaluate(measured_run(make_run, {"vgg11": "Another GPU"})))
    assert (facts.fronts["train_seconds"], facts.fronts["peak_memory_gib"]) == ((), ())
    assert facts.fronts["parameters"]
    assert "unlike devices (Another GPU, Some GPU)" in facts.notes[0]
    facts = cost_facts(evaluate(measured_run(make_run, dict.fromkeys(SIZES, "cpu"))))
    assert facts.fronts["train_seconds"]
    assert facts.fronts["peak_memory_gib"] == ()
    assert "whole process's" in facts.notes[0]


def test_old_records_are_unknown_not_zero(make_run: Any) -> None:
    facts = cost_facts(evaluate(make_run(num_folds=2, num_subjects=8).write()))
    assert facts.table["multiply_adds"].isna().all()
    assert facts.table["train_seconds"].isna().all()
    assert (facts.fronts["multiply_adds"], facts.fronts["train_seconds"]) == ((), ())
    assert "Unknown for 3 of 3 base learners: multiply-adds an image." in facts.notes
    assert {format_cost(cost, math.nan) for cost in COSTS} == {"unknown"}


@pytest.mark.parametrize(
    ("cost", "value", "text"),
    [
        ("parameters", 11_178_564, "11.2 M"),
        ("parameters", 950, "950"),
        ("multiply_adds", 1.814e9, "1.81 G"),
        ("train_seconds", 0.24, "0.2 s"),
        ("train_seconds", 245.2, "4 min 5 s"),
        ("train_seconds", 7384, "2 h 3 min"),
        ("peak_memory_gib", 0.965, "0.96 GiB"),
    ],
)
def test_costs_are_written_for_people(cost: str, value: float, text: str) -> None:
    assert format_cost(cost, value) == text
