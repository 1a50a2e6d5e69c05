"""New photographs through fits that were trained on labels: what the fits themselves recorded."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from foldgrid.data.dataset import Dataset
from foldgrid.predict.fold_copies import predict_outputs
from foldgrid.predict.photographs import calling_points, predict_samples
from foldgrid.predict.trained_learner import TrainedLearner, open_learner
from foldgrid.records import PlannedFit, RunStore
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import with_values
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.hierarchical_scoring import HierarchicalScoring
from foldgrid.tasks.classification.operating_points import apply_threshold
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, HierarchySpec
from tests.trained_run import RECIPE, train_run

STUDY = StudySettings(study="ssc_skin", num_subjects=16, photo_width=48, photo_height=48)
DATA = DataSpec(tile_pixels=32, synthetic=STUDY)
STAGES = ("normal", "early", "late")
CLASSES = ClassificationSpec(classes={name: (name,) for name in STAGES})
BINARY = BinarySpec(positive=("early", "late"), sensitivity=0.9, specificity=0.8)
TREE = HierarchySpec(levels={"coarse": 1, "fine": 2}, max_images_per_class=5)
NETWORK = "plain_cnn"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(DATA, tmp_path_factory.mktemp("cache"), photographs="single")


def learner_of(
    folder: Path, dataset: Dataset, task: TaskSpec, training: TrainingRecipe = RECIPE
) -> TrainedLearner:
    backbone = "shufflenet_v2_x0_5" if training.stage_heads else NETWORK
    store = train_run(folder, dataset, (backbone,), task=task, data=DATA, training=training)
    return open_learner(store, backbone)


def recorded(learner: TrainedLearner, partition: str) -> pd.DataFrame:
    """The mean over the copies of what each recorded, by sample."""
    tables = [learner.store.read_predictions(record.fit_id) for record in learner.copies]
    table = pd.concat(tables)
    table = table[table["partition"] == partition].set_index("sample")
    means = table[list(learner.task.prediction_names)].groupby(level="sample").mean()
    # Equal probabilities for all samples would make every comparison below an empty one.
    assert (means.std() > 1e-3).all()
    return means


def without_labels(dataset: Dataset, rows: NDArray[np.intp] | None = None) -> Dataset:
    samples = dataset.samples.assign(label="", taxonomy="")
    if rows is None:
        return replace(dataset, samples=samples)
    chosen = samples.iloc[rows].reset_index(drop=True)
    return replace(dataset, samples=chosen, mosaics_NHWC=dataset.mosaics_NHWC[rows])


def predicted_test_samples(learner: TrainedLearner, dataset: Dataset) -> pd.DataFrame:
    """Predictions of the test set's photographs, by sample; their labels are hidden."""
    expected = recorded(learner, "test")
    rows = np.flatnonzero(dataset.samples["sample"].isin(expected.index))
    found = predict_samples(learner, without_labels(dataset, rows), calling_points(learner))
    return found.set_axis(dataset.samples["sample"].iloc[rows].tolist()).loc[expected.index]


@pytest.mark.parametrize(
    "changes",
    [{}, {"normalization": "minus_one_to_one", "stage_heads": True}],
    ids=["plain", "heads"],
)
def test_predictions_are_the_mean_of_what_the_copies_recorded(
    tmp_path: Path, dataset: Dataset, changes: dict[str, object]
) -> None:
    learner = learner_of(tmp_path / "tiny", dataset, CLASSES, with_values(RECIPE, changes))
    found, expected = predicted_test_samples(learner, dataset), recorded(learner, "test")
    fractions = found[[f"probability_{name}" for name in STAGES]].to_numpy()
    np.testing.assert_allclose(fractions, expected.to_numpy(), atol=1e-5)
    assert found["predicted"].tolist() == [STAGES[k] for k in expected.to_numpy().argmax(axis=1)]
    subjects = dataset.samples.set_index("sample")["subject"]
    assert found["subject"].tolist() == subjects.loc[found.index].tolist()
    assert "case" not in found


def test_the_mean_is_of_probabilities_not_of_outputs(tmp_path: Path, dataset: Dataset) -> None:
    learner = learner_of(tmp_path / "tiny", dataset, CLASSES)
    found = predict_samples(learner, without_labels(dataset))
    outputs = learner.task.prediction_columns(predict_outputs(learner, dataset))
    apart = found["probability_late"].to_numpy() - outputs["predicted_late"]
    assert np.abs(apart).max() > 1e-6


def test_a_binary_task_calls_at_points_that_were_chosen_out_of_fold(
    tmp_path: Path, dataset: Dataset
) -> None:
    learner = learner_of(tmp_path / "tiny", dataset, BINARY)
    sensitive, specific = calling_points(learner)
    held_out = recorded(learner, "oof")
    labels = dataset.samples.set_index("sample")["label"].loc[held_out.index]
    is_positive = labels.isin(["early", "late"]).to_numpy()
    scores = held_out["predicted_early_or_late"].to_numpy()
    assert apply_threshold(is_positive, scores, sensitive.threshold).sensitivity >= 0.9
    assert apply_threshold(is_positive, scores, specific.threshold).specificity >= 0.8
    found = predicted_test_samples(learner, dataset)
    fraction = found["probability_early_or_late"]
    for point in (sensitive, specific):
        is_called = found[f"predicted_at_{point.name}"] == "early_or_late"
        assert is_called.tolist() == (fraction >= point.threshold).tolist()
    assert (found["predicted"] == "early_or_late").tolist() == (fraction >= 0.5).tolist()
    np.testing.assert_allclose(found["probability_normal"] + fraction, 1)


def test_a_point_that_nothing_tells_is_left_out(tmp_path: Path, dataset: Dataset) -> None:
    learner = learner_of(tmp_path / "tiny", dataset, BINARY)
    points = [replace(point, threshold=math.nan) for point in calling_points(learner)]
    found = predict_samples(learner, without_labels(dataset), points)
    assert not [name for name in found if str(name).startswith("predicted_at")]


def test_a_hierarchy_tells_every_level_and_the_finest(tmp_path: Path, dataset: Dataset) -> None:
    learner = learner_of(tmp_path / "tiny", dataset, TREE)
    task = learner.task
    assert isinstance(task, HierarchicalScoring)
    found, expected = predicted_test_samples(learner, dataset), recorded(learner, "test")
    finest = expected.to_numpy()
    assert found["predicted_finest"].tolist() == [task.classes[k] for k in finest.argmax(axis=1)]
    assert len(task.classes) == 3
    for level in ("coarse", "fine"):
        classes, fractions = task.classes_at(level), task.probabilities_at(level, finest)
        assert found[f"predicted_{level}"].tolist() == [
            classes[k] for k in fractions.argmax(axis=1)
        ]
        columns = [f"probability_{name}" for name in classes]
        np.testing.assert_allclose(found[columns].to_numpy(), fractions, atol=1e-5)
    assert found["predicted"].tolist() == found["predicted_coarse"].tolist()


def test_ordered_classes_are_predicted_too(tmp_path: Path, dataset: Dataset) -> None:
    words = OrdinalSpec(classes={name: (name,) for name in STAGES})
    learner = learner_of(tmp_path / "tiny", dataset, words)
    found, expected = predicted_test_samples(learner, dataset), recorded(learner, "test")
    fractions = found[[f"probability_{name}" for name in STAGES]].to_numpy()
    np.testing.assert_allclose(fractions, expected.to_numpy(), atol=1e-5)


def test_an_ablation_is_opened_by_its_name(tmp_path: Path, dataset: Dataset) -> None:
    store = train_run(tmp_path / "tiny", dataset, (NETWORK,), task=CLASSES, data=DATA)
    name = f"{NETWORK}@training_fraction=0.5"
    plan = [PlannedFit(cell.fit_id, name, cell.fold) for cell in store.read_plan()]
    copy = RunStore(store.location)
    copy.write_plan(plan)
    learner = open_learner(copy, name)
    assert learner.name == name
    assert len(predict_samples(learner, without_labels(dataset))) == len(dataset.samples)
