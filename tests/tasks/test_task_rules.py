"""The laws of every task that there is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldgrid.specs.task import TASKS
from foldgrid.tasks.classification.hierarchical_scoring import HierarchicalScoring
from foldgrid.tasks.registry import make_scoring, resolve_task
from foldgrid.tasks.scoring import FloatArray, Scoring
from foldgrid.tasks.units import UnitTable
from tests.tasks.cases import CASES

FEW = settings(max_examples=10)
EVERY_TASK = pytest.mark.parametrize("name", CASES)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(3, 12)


def made(name: str, seed: int, num_subjects: int) -> tuple[Scoring, pd.DataFrame]:
    """A task and samples to judge it by, in no particular order."""
    case, random = CASES[name], np.random.default_rng(seed)
    samples = case.samples(random, num_subjects)
    samples = samples.iloc[random.permutation(len(samples))].reset_index(drop=True)
    task = make_scoring(resolve_task(case.words(), samples))
    # A fit learns its facts of some of the samples, and uses them for all.
    return task.with_learned(task.learned(samples.iloc[::2])), samples


def any_outputs(task: Scoring, samples: pd.DataFrame, seed: int) -> FloatArray:
    """What a network might say."""
    random = np.random.default_rng(seed)
    return random.normal(0, 2, (len(samples), task.num_outputs)).astype(np.float32)


def by_sample(columns: dict[str, NDArray[np.generic]], samples: pd.DataFrame) -> pd.DataFrame:
    """As predictions are read: a row a sample, by its name."""
    return pd.DataFrame(columns, index=pd.Index(samples["sample"], name="sample"))


def test_every_registered_task_is_here() -> None:
    kept = {name.split()[0] for name in CASES}
    assert kept == set(TASKS)


@EVERY_TASK
def test_the_words_find_their_way_back(name: str) -> None:
    task, samples = made(name, 0, 5)
    words = task.spec
    assert TASKS[words.name].words.model_validate_json(words.model_dump_json()) == words
    assert resolve_task(words, samples) == words, "resolved words stay as they are"


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_a_row_a_sample_in_the_samples_order(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    outputs = any_outputs(task, samples, seed)
    backwards = samples.iloc[::-1]
    targets = task.targets(samples)
    assert (targets.ndim, targets.dtype, len(targets)) == (2, np.float32, len(samples))
    np.testing.assert_array_equal(task.targets(backwards), targets[::-1])
    truth, predicted = task.target_columns(samples), task.prediction_columns(outputs)
    assert tuple(truth) == task.target_names
    assert tuple(predicted) == task.prediction_names
    for column, values in task.target_columns(backwards).items():
        np.testing.assert_array_equal(values, truth[column][::-1])
    for column, values in task.prediction_columns(outputs[::-1]).items():
        np.testing.assert_array_equal(values, predicted[column][::-1])


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_values_are_what_is_evaluated(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    values = task.values(
        by_sample(task.prediction_columns(any_outputs(task, samples, seed)), samples)
    )
    assert values.shape == (len(samples), task.num_values)
    assert values.index.tolist() == samples["sample"].tolist()
    if task.target_kind == "classes":
        assert values.to_numpy().min() >= 0
        np.testing.assert_allclose(values.sum(axis=1), 1)


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_perfect_outputs_mean_the_reference(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    outputs = CASES[name].perfect(task, samples)
    values = task.values(by_sample(task.prediction_columns(outputs), samples)).to_numpy()
    reference = task.reference(by_sample(task.target_columns(samples), samples)).to_numpy()
    if task.target_kind == "classes":
        expected = np.eye(task.num_values)[reference.astype(int)]
        np.testing.assert_allclose(values, expected, atol=1e-9)
    else:
        np.testing.assert_allclose(values[:, 0], reference, atol=1e-4)


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_perfect_outputs_have_perfect_metrics(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    outputs = CASES[name].perfect(task, samples)
    units = units_of(task, samples, outputs)
    worse = units_of(task, samples, outputs[::-1])
    for key, metric in task.metrics.items():
        best = {"lower": 0.0, "zero": 0.0, "higher": 1.0}[metric.direction]
        value = metric(units.reference, units.predicted_by("model"))
        assert np.isnan(value) or value == pytest.approx(best, abs=1e-4), key
        other = metric(worse.reference, worse.predicted_by("model"))
        assert np.isnan(other) or metric.sort_key(value) <= metric.sort_key(other) + 1e-4, key
    first = next(iter(task.metrics))
    assert not np.isnan(task.metrics[first](units.reference, units.predicted_by("model")))


def units_of(task: Scoring, samples: pd.DataFrame, outputs: FloatArray) -> UnitTable:
    """The units of one model, the way the analysis makes them."""
    facts = samples.assign(fold=0).set_index("sample")
    facts["reference"] = task.reference(by_sample(task.target_columns(samples), samples))
    values = task.values(by_sample(task.prediction_columns(outputs), samples))
    if task.target_kind == "classes":
        values.columns = pd.MultiIndex.from_product([["model"], values.columns])
    else:
        values.columns = pd.Index(["model"])
    return task.units(facts, values, task.parts(samples))


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_a_unit_is_of_one_subject(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    table = units_of(task, samples, any_outputs(task, samples, seed))
    subjects = set(samples["subject"])
    assert {"subject", "unit", "fold", "reference"} <= set(table.units)
    assert set(table.units["subject"]) == subjects
    assert not table.units.duplicated(["subject", "unit"]).any()
    one = sorted(subjects)[0]
    alone = samples[samples["subject"] == one].reset_index(drop=True)
    outputs = any_outputs(task, samples, seed)[(samples["subject"] == one).to_numpy()]
    own = table.units[table.units["subject"] == one]
    found = units_of(task, alone, outputs)
    # What the others are like changes nothing for this one.
    assert found.units["reference"].tolist() == own["reference"].tolist()
    np.testing.assert_allclose(
        found.predicted_by("model"), table.predicted_by("model")[own.index], rtol=1e-6
    )


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_the_loss_is_lowest_for_perfect_outputs(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    targets = torch.from_numpy(task.targets(samples))
    perfect = torch.from_numpy(CASES[name].perfect(task, samples))
    lowest = float(task.loss(perfect, targets))
    assert lowest == pytest.approx(0, abs=1e-6)
    other = torch.from_numpy(any_outputs(task, samples, seed))
    assert float(task.loss(other, targets)) >= lowest


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_the_loss_of_a_batch_is_the_mean_of_its_parts(
    name: str, seed: int, num_subjects: int
) -> None:
    task, samples = made(name, seed, num_subjects)
    targets = torch.from_numpy(task.targets(samples))
    outputs = torch.from_numpy(any_outputs(task, samples, seed))
    cut = 1 + seed % (len(samples) - 1)
    parts = [(outputs[:cut], targets[:cut]), (outputs[cut:], targets[cut:])]
    summed = sum(len(part[0]) * float(task.loss(*part)) for part in parts)
    assert float(task.loss(outputs, targets)) == pytest.approx(summed / len(samples), rel=1e-4)


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_no_other_bias_alone_costs_less(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    targets = task.targets(samples)
    bias = task.start_bias(targets)
    assert (bias.shape, bias.dtype) == ((task.num_outputs,), np.float32)

    def cost(bias_K: FloatArray) -> float:
        same_for_all = torch.from_numpy(np.tile(bias_K, (len(samples), 1)))
        return float(task.loss(same_for_all, torch.from_numpy(targets)))

    step = np.random.default_rng(seed).normal(0, 0.5, task.num_outputs).astype(np.float32)
    assert cost(bias) <= cost(bias + step) + 1e-4


@EVERY_TASK
def test_an_epoch_s_metrics_are_what_is_monitored(name: str) -> None:
    task, samples = made(name, 1, 8)
    metric_values = task.evaluate(samples, CASES[name].perfect(task, samples))
    monitored = metric_values[task.monitored.key]
    assert monitored == pytest.approx(1.0 if task.monitored.is_higher_better else 0.0, abs=1e-4)
    assert task.evaluate(samples[:0], np.zeros((0, task.num_outputs), np.float32)) == {}


@EVERY_TASK
def test_its_names_are_its_own(name: str) -> None:
    task, samples = made(name, 0, 5)
    scoring = make_scoring(task.spec)
    assert scoring.prediction_names == task.prediction_names
    assert set(task.shown) <= set(task.metrics)
    assert not set(task.target_names) & set(task.prediction_names)
    assert task.stratum in samples
    assert task.is_binary is False or task.num_values == 2


@EVERY_TASK
@FEW
@given(seed=seeds, num_subjects=sizes)
def test_nothing_on_the_scale_is_clipped(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    truth = task.reference(by_sample(task.target_columns(samples), samples)).to_numpy()
    if task.target_kind == "numbers":
        np.testing.assert_array_equal(task.scale.clip(truth), truth)
        other = task.other_truth(pd.Series(truth))
        ends = task.scale.over(truth)
        assert other.between(ends.lowest, ends.highest).all()
    elif task.target_kind == "classes":
        assert set(task.other_truth(pd.Series(truth))) <= set(range(task.num_values))


@EVERY_TASK
def test_its_words_are_sentences_about_itself(name: str) -> None:
    task, samples = made(name, 0, 5)
    explained = task.explained(task.parts(samples))
    reported = [explained, task.stacking_words(7)]
    assert all((text.endswith(".") and text[0].isupper()) or text[0].isdigit() for text in reported)
    assert ("PASI" in explained) == name.startswith("pasi")
    assert ("probability" in explained or "hierarchy" in explained) == (
        task.target_kind == "classes"
    )
    assert task.unit in ("", "PASI points") or task.unit in explained
    assert task.outputs_are
    assert task.loss_is
    assert task.balanced
    shown = [task.metrics[key].unit for key in task.shown]
    assert set(shown) <= {"", task.unit}


@EVERY_TASK
def test_what_it_tells_of_a_unit_names_the_truth(name: str) -> None:
    task, samples = made(name, 0, 5)
    table = units_of(task, samples, CASES[name].perfect(task, samples))
    reported = task.reported(table, "model")
    assert len(reported) == table.num_units
    assert "subject" in reported
    assert [column for column in reported if str(column).startswith("predicted_")]


def test_training_s_library_is_not_loaded_before_something_is_trained() -> None:
    code = (
        "import sys; import foldgrid.tasks; from foldgrid.specs.task import TASKS; "
        "from foldgrid.tasks.registry import make_scoring; "
        "make_scoring(TASKS['pasi'].words()).metrics; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@given(seed=seeds, num_subjects=sizes)
def test_a_level_of_the_hierarchy_is_the_sum_of_what_is_below(seed: int, num_subjects: int) -> None:
    task, samples = made("tree", seed, num_subjects)
    assert isinstance(task, HierarchicalScoring)
    columns = task.prediction_columns(any_outputs(task, samples, seed))
    fine = np.column_stack([columns[f"predicted_{each}"] for each in task.classes])
    for level, depth in task.spec.levels.items():
        summed = task.probabilities_at(level, fine)
        for place, node in enumerate(task.classes_at(level)):
            below = [
                k
                for k, path in enumerate(task.classes)
                if path.split("/")[:depth] == node.split("/")
            ]
            np.testing.assert_allclose(summed[:, place], fine[:, below].sum(axis=1))
