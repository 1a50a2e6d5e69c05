"""Everything at once, on studies of every awkward size."""

from __future__ import annotations

import numpy as np
import pytest

from foldgrid.analysis.statistics.assessing import assess
from foldgrid.analysis.statistics.facts import Assessment
from foldgrid.metrics import METRICS, number_metrics
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.units import UnitTable
from tests.analysis.made_up_visits import Population, visit_table


def made_up(
    num_subjects: int, noise: dict[str, float], seed: int = 0
) -> tuple[UnitTable, dict[str, np.ndarray]]:
    """Visits with a model a noise, and a baseline that always says the mean."""
    random = np.random.default_rng(seed)
    subject_V, reference_V, _ = Population().draw(random, num_subjects)
    predicted = {
        name: reference_V + random.normal(0, size, len(reference_V)) for name, size in noise.items()
    }
    mean = np.full(len(reference_V), reference_V.mean() if len(reference_V) else 0.0)
    predicted["baseline"] = mean
    return visit_table(subject_V, reference_V, predicted), predicted


def assessed(table: UnitTable, num_resamples: int = 200) -> Assessment:
    learners = [name for name in table.predicted.columns if name.startswith("learner")]
    return assess(PasiScoring(PasiSpec()), table, table, learners, "baseline", num_resamples)


NOISE = {"learner_a": 1.0, "learner_b": 1.05, "learner_c": 4.0, "meta": 0.9}


def test_every_model_has_every_metric_interval_and_standing() -> None:
    table, predicted = made_up(30, NOISE)
    found = assessed(table)
    reference_V = table.units["reference"]
    for metric in number_metrics():
        for model in predicted:
            metric_value = found.metric_values["test"][metric][model]
            interval = found.intervals["test"][metric][model]
            if (metric, model) == ("pcc", "baseline"):
                assert metric_value is None
                assert interval.reason == "the metric is undefined"
                assert model not in found.standings[metric]
                continue
            assert metric_value == METRICS[metric](reference_V, predicted[model])
            assert (interval.low is None) == bool(interval.reason)
            assert metric_value is not None
            if interval.low is not None and interval.high is not None:
                assert interval.low <= metric_value <= interval.high
            assert model in found.standings[metric]


def test_the_best_the_tied_and_the_worse() -> None:
    found = assessed(made_up(30, NOISE)[0])
    standings = found.standings["mae"]
    assert [model for model, each in standings.items() if each.is_best] == ["meta"]
    assert standings["meta"].difference is None
    assert not standings["meta"].is_tied
    assert not standings["learner_c"].is_tied
    assert not standings["baseline"].is_tied
    assert standings["baseline"].probability_best is None
    fractions = [each.probability_best for each in standings.values()]
    assert sum(share for share in fractions if share is not None) == pytest.approx(1.0)
    assert (standings["meta"].rank_low, standings["meta"].rank_high) == (1, 2)
    assert standings["baseline"].rank_high == 5
    assert found.selections["mae"].num_learners == 3
    assert found.selections["mae"].winner == "learner_a"
    assert list(found.critical_difference.mean_ranks)[-1] == "learner_c"
    assert "baseline" not in found.critical_difference.mean_ranks


def test_a_baseline_that_beats_all_is_not_the_best() -> None:
    table, _ = made_up(30, {"learner_a": 30.0, "learner_b": 40.0})
    standings = assessed(table).standings["mae"]
    assert standings["learner_a"].is_best
    baseline = standings["baseline"].difference
    assert baseline is not None
    assert baseline.worse_by < 0
    assert not standings["baseline"].is_tied


def test_the_same_bits_every_time_whatever_the_order_of_the_visits() -> None:
    table, _ = made_up(12, NOISE)
    first = assessed(table)
    assert assessed(table).model_dump_json() == first.model_dump_json()
    order = np.random.default_rng(0).permutation(table.num_units)
    shuffled = UnitTable(
        table.units.iloc[order].reset_index(drop=True),
        table.predicted.iloc[order].reset_index(drop=True),
        0,
    )
    again = assessed(shuffled)
    for metric, models in first.intervals["oof"].items():
        for model, interval in models.items():
            other = again.intervals["oof"][metric][model]
            assert other.low == pytest.approx(interval.low, abs=1e-9)
            assert other.num_undefined == interval.num_undefined


@pytest.mark.parametrize("num_subjects", [0, 1, 2, 3])
@pytest.mark.parametrize("models", [{}, {"learner_a": 1.0}, {"learner_a": 1.0, "learner_b": 2.0}])
def test_too_little_data_gives_reasons_and_no_error(
    num_subjects: int, models: dict[str, float]
) -> None:
    found = assessed(made_up(num_subjects, models)[0], num_resamples=50)
    assert Assessment.model_validate_json(found.model_dump_json()) == found
    for metric in number_metrics():
        for model in models:
            interval = found.intervals["oof"][metric][model]
            assert (interval.low is None) == (num_subjects < 2)
        has_none = num_subjects < 3 or not models or metric == "bias"
        assert (found.selections[metric].corrected is None) == has_none
        assert bool(found.selections[metric].reason) == has_none
        compared = [each for each in found.standings[metric].values() if each.difference]
        if num_subjects < 2 or not models:
            assert not compared
    assert bool(found.critical_difference.reason) == (num_subjects < 3 or len(models) < 2)
