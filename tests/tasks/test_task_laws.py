"""The laws of every task that there is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldgrid.data.single_photos import value_bands
from foldgrid.specs.task import TASKS, TaskSpec
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, TreeSpec
from foldgrid.tasks.classification.tree_scoring import TreeScoring
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.registry import make_scoring, resolve_task
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.tasks.scoring import FloatArray, Scoring
from foldgrid.tasks.units import UnitTable

SURE = 40.0
"""A logit that leaves no doubt in double precision and is no infinity in single."""

LABELS = {
    "acral": "malignant/melanocytic/acral",
    "nodular": "malignant/melanocytic/nodular",
    "naevus": "benign/melanocytic/naevus",
    "wart": "benign/wart",
}
REGIONS = ("trunk", "lower_extremities")


Samples = Callable[[np.random.Generator, int], pd.DataFrame]


@dataclass(frozen=True)
class Case:
    """A task, its samples, and the outputs that a perfect network would give for them."""

    words: Callable[[], TaskSpec]
    samples: Samples
    perfect: Callable[[Scoring, pd.DataFrame], FloatArray]


def labelled(random: np.random.Generator, num_subjects: int) -> pd.DataFrame:
    """Photographs of which every label occurs, two of each subject."""
    labels = [*LABELS, *random.choice(list(LABELS), max(0, 2 * num_subjects - len(LABELS)))]
    subjects = [f"s{place // 2}" for place in range(len(labels))]
    table = pd.DataFrame({"subject": subjects, "label": labels})
    table = table.assign(sample=[f"p{place:02}" for place in range(len(labels))], case="")
    return table.assign(taxonomy=table["label"].map(LABELS), partition="train")


def scored(random: np.random.Generator, num_subjects: int) -> pd.DataFrame:
    """Regions of visits, two of each subject."""
    rows = [
        (f"s{subject}", f"v{visit}", region)
        for subject in range(num_subjects)
        for visit in range(2)
        for region in REGIONS
    ]
    table = pd.DataFrame(rows, columns=["subject", "visit", "region"]).assign(day=0.0)
    for name, most in SCORE_MAXIMA.items():
        table[name] = random.integers(0, most + 1, len(table)).astype(float)
    return table.assign(sample=[f"p{place:02}" for place in range(len(table))])


def measured(low: float, high: float) -> Samples:
    """Photographs with numbers between two ends, both of which occur; two of each subject."""

    def samples(random: np.random.Generator, num_subjects: int) -> pd.DataFrame:
        shares = np.concatenate([[0.0, 1.0], random.random(2 * num_subjects - 2)])
        places = range(2 * num_subjects)
        table = pd.DataFrame({"subject": [f"s{place // 2}" for place in places]})
        table = table.assign(value=low + shares * (high - low), case="")
        table = table.assign(sample=[f"p{place:02}" for place in places])
        return table.assign(band=value_bands(table["value"]), partition="train")

    return samples


def sure_of_the_class(task: Scoring, samples: pd.DataFrame) -> FloatArray:
    """Logits that leave no doubt about the class of the network's own."""
    own = task.targets(samples)[:, 0].astype(int)
    return (SURE * np.eye(task.num_outputs)[own]).astype(np.float32)


def sure_of_every_threshold(task: Scoring, samples: pd.DataFrame) -> FloatArray:
    """Log-odds of being beyond each class but the last."""
    own = task.targets(samples)
    is_beyond = own > np.arange(task.num_outputs)
    return np.where(is_beyond, SURE, -SURE).astype(np.float32)


def the_targets(task: Scoring, samples: pd.DataFrame) -> FloatArray:
    """A regression's perfect outputs are its targets."""
    return task.targets(samples)


GRADES = {"low": ("wart", "naevus"), "middle": ("nodular",), "high": ("acral",)}
CASES = {
    "pasi": Case(PasiSpec, scored, the_targets),
    "pasi composite": Case(lambda: PasiSpec(output="composite"), scored, the_targets),
    "classification": Case(ClassificationSpec, labelled, sure_of_the_class),
    "binary": Case(lambda: BinarySpec(positive=("acral", "nodular")), labelled, sure_of_the_class),
    "tree": Case(
        lambda: TreeSpec(levels={"two": 1, "three": 2}, most_photographs=3),
        labelled,
        sure_of_the_class,
    ),
    "regression to 1000": Case(RegressionSpec, measured(0, 1000), the_targets),
    "regression around 0": Case(
        lambda: RegressionSpec(unit="diopters", loss="huber"), measured(-5, 5), the_targets
    ),
    "regression of ages": Case(
        lambda: RegressionSpec(unit="months", loss="mae"), measured(12, 228), the_targets
    ),
    "regression on a scale": Case(
        lambda: RegressionSpec(unit="points", lowest=0, highest=51), measured(0, 51), the_targets
    ),
    "ordinal": Case(lambda: OrdinalSpec(classes=GRADES), labelled, sure_of_every_threshold),
}
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
def test_values_are_what_is_judged(name: str, seed: int, num_subjects: int) -> None:
    task, samples = made(name, seed, num_subjects)
    values = task.values(
        by_sample(task.prediction_columns(any_outputs(task, samples, seed)), samples)
    )
    assert values.shape == (len(samples), task.num_values)
    assert values.index.tolist() == samples["sample"].tolist()
    if task.judges == "classes":
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
    if task.judges == "classes":
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
    if task.judges == "classes":
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
def test_an_epoch_s_figures_are_what_is_watched(name: str) -> None:
    task, samples = made(name, 1, 8)
    figures = task.evaluate(samples, CASES[name].perfect(task, samples))
    watched = figures[task.watched.key]
    assert watched == pytest.approx(1.0 if task.watched.is_higher_better else 0.0, abs=1e-4)
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
    if task.judges == "numbers":
        np.testing.assert_array_equal(task.scale.clip(truth), truth)
        other = task.other_truth(pd.Series(truth))
        ends = task.scale.over(truth)
        assert other.between(ends.lowest, ends.highest).all()
    elif task.judges == "classes":
        assert set(task.other_truth(pd.Series(truth))) <= set(range(task.num_values))


@EVERY_TASK
def test_its_words_are_sentences_about_itself(name: str) -> None:
    task, samples = made(name, 0, 5)
    explained = task.explained(task.parts(samples))
    told = [explained, task.stacking_words(7)]
    assert all((text.endswith(".") and text[0].isupper()) or text[0].isdigit() for text in told)
    assert ("PASI" in explained) == name.startswith("pasi")
    assert ("probability" in explained or "tree" in explained) == (task.judges == "classes")
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
    told = task.told(table, "model")
    assert len(told) == table.num_units
    assert "subject" in told
    assert [column for column in told if str(column).startswith("predicted_")]


def test_training_s_library_is_not_loaded_before_something_is_trained() -> None:
    code = (
        "import sys; import foldgrid.tasks; from foldgrid.specs.task import TASKS; "
        "from foldgrid.tasks.registry import make_scoring; "
        "make_scoring(TASKS['pasi'].words()).metrics; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@given(seed=seeds, num_subjects=sizes)
def test_a_level_of_the_tree_is_the_sum_of_what_is_below(seed: int, num_subjects: int) -> None:
    task, samples = made("tree", seed, num_subjects)
    assert isinstance(task, TreeScoring)
    columns = task.prediction_columns(any_outputs(task, samples, seed))
    fine = np.column_stack([columns[f"predicted_{each}"] for each in task.classes])
    for level, depth in task.spec.levels.items():
        summed = task.probabilities_at(level, fine)
        for place, node in enumerate(task.classes_at(level)):
            below = [
                k for k, way in enumerate(task.classes) if way.split("/")[:depth] == node.split("/")
            ]
            np.testing.assert_allclose(summed[:, place], fine[:, below].sum(axis=1))
