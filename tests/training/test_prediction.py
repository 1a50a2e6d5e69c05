"""New photographs through trained fits: the same numbers that the fits themselves recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision

from foldgrid.data.dataset import Dataset
from foldgrid.models import WeightFile
from foldgrid.predict.fold_copies import predict_outputs
from foldgrid.predict.trained_learner import TrainedLearner, best_learner, open_learner
from foldgrid.predict.visits import predict_visits
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.recipe_keys import with_values
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA, SCORES, composite_score, pasi
from foldgrid.tasks.pasi.spec import PasiSpec
from tests.made_once import MadeOnce
from tests.trained_run import (
    RECIPE,
    TRIAL,
    small_cache,
    small_dataset,
    train_run,
    write_leaderboard,
)

CLASSES = ClassificationSpec(classes={"a": ("a",), "b": ("b",)})
BINARY = BinarySpec(positive=("b",), classes={"a": ("a",), "b": ("b",)})
BODY = ("upper_extremities", "trunk", "lower_extremities")


@pytest.fixture(scope="module")
def dataset(made_once: MadeOnce) -> Dataset:
    return small_dataset(small_cache(made_once))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> RunStore:
    return train_run(tmp_path_factory.mktemp("runs") / "tiny", dataset)


def recorded_test_outputs(store: RunStore, names: tuple[str, ...]) -> pd.DataFrame:
    """The mean over the copies of what each recorded for the test samples."""
    tables = [store.read_predictions(cell.fit_id) for cell in store.read_plan()]
    table = pd.concat(tables)
    test = table[table["partition"] == "test"].set_index("sample")
    columns = test[[f"predicted_{name}" for name in names]].set_axis(list(names), axis=1)
    means = columns.groupby(level="sample").mean()
    assert len(means) > 0
    # Equal outputs for all samples would make every comparison below an empty one.
    assert (means.std() > 0.05).all()
    return means


def check_outputs(learner: TrainedLearner, dataset: Dataset, recorded: pd.DataFrame) -> None:
    rows = dataset.samples.index[dataset.samples["sample"].isin(recorded.index)]
    chosen = dataset.samples.loc[rows]
    outputs_NK = predict_outputs(
        learner, replace(dataset, samples=chosen, mosaics_NHWC=dataset.mosaics_NHWC[rows])
    )
    found = learner.task.prediction_columns(outputs_NK)
    expected = recorded.loc[dataset.samples.loc[rows, "sample"]]
    for name, values in found.items():
        known = expected[name.removeprefix("predicted_")]
        np.testing.assert_allclose(values, known, rtol=1e-4, atol=1e-4)


def without_scores(dataset: Dataset) -> Dataset:
    return replace(dataset, samples=dataset.samples.assign(**dict.fromkeys(SCORES, np.nan)))


def test_predictions_are_the_mean_of_what_the_copies_recorded(
    store: RunStore, dataset: Dataset
) -> None:
    learner = open_learner(store, "shufflenet_v2_x0_5")
    recorded = recorded_test_outputs(store, SCORES)
    check_outputs(learner, dataset, recorded)
    visits = predict_visits(learner, without_scores(dataset)).set_index(["subject", "visit"])
    assert len(visits) == TRIAL.num_visits
    for sample, outputs in recorded.iterrows():
        subject, visit, region = str(sample).split("/")
        row = visits.loc[(subject, visit)]
        expected = composite_score(*outputs[list(SCORES)], clip=True)
        assert row[f"{region}_composite"] == pytest.approx(float(expected), abs=1e-2)
        for name in SCORES:
            clipped = np.clip(outputs[name], 0, SCORE_MAXIMA[name])
            assert row[f"{region}_{name}"] == pytest.approx(float(clipped), abs=1e-3)
    composites = {region: visits[f"{region}_composite"] for region in BODY}
    np.testing.assert_allclose(visits["pasi"], pasi(composites))


def test_the_composite_output_is_read_in_its_unit(tmp_path: Path, dataset: Dataset) -> None:
    store = train_run(tmp_path / "tiny", dataset, task=PasiSpec(output="composite"))
    learner = open_learner(store, "shufflenet_v2_x0_5")
    recorded = recorded_test_outputs(store, ("composite",))
    check_outputs(learner, dataset, recorded)
    visits = predict_visits(learner, dataset).set_index(["subject", "visit"])
    assert [name for name in visits if name.startswith("trunk_")] == ["trunk_composite"]
    for sample, value in recorded["composite"].items():
        subject, visit, region = str(sample).split("/")
        found = visits.loc[(subject, visit), f"{region}_composite"]
        assert found == pytest.approx(float(np.clip(value, 0, 72)), abs=1e-2)


@pytest.mark.parametrize(
    "changes",
    [{}, pytest.param({"normalization": "minus_one_to_one"}, marks=pytest.mark.exhaustive)],
    ids=["as they are", "scaled"],
)
def test_networks_that_shift_pretrained_inputs_do_so_again(
    changes: dict[str, str], tmp_path: Path, dataset: Dataset
) -> None:
    # GoogLeNet's ImageNet weights expect other inputs; nothing in a fit's weight file says so.
    torch.manual_seed(0)
    path = tmp_path / "googlenet-pretended.pth"
    network = torchvision.models.googlenet(weights=None, init_weights=False)
    torch.save(network.state_dict(), path)
    file = WeightFile("googlenet", "IMAGENET1K_V1", "", path)
    store = train_run(
        tmp_path / "tiny",
        dataset,
        ("googlenet",),
        weights={"googlenet": file},
        training=with_values(RECIPE, changes),
    )
    recorded = recorded_test_outputs(store, SCORES)
    check_outputs(open_learner(store, "googlenet"), dataset, recorded)


def test_pixels_are_scaled_and_heads_at_stages_read_as_in_training(
    tmp_path: Path, dataset: Dataset
) -> None:
    recipe = with_values(RECIPE, {"normalization": "minus_one_to_one", "stage_heads": True})
    store = train_run(tmp_path / "tiny", dataset, training=recipe)
    recorded = recorded_test_outputs(store, SCORES)
    check_outputs(open_learner(store, "shufflenet_v2_x0_5"), dataset, recorded)


def test_a_visit_without_a_region_has_no_pasi_and_unknown_regions_are_passed_over(
    store: RunStore, dataset: Dataset
) -> None:
    samples = dataset.samples.copy()
    assert samples["region"].iloc[1] == "trunk"
    samples.loc[samples.index[1], "region"] = "head_neck"
    visits = predict_visits(
        open_learner(store, "shufflenet_v2_x0_5"), replace(dataset, samples=samples)
    )
    assert visits["pasi"].isna().tolist() == [True] + [False] * (len(visits) - 1)
    assert not [name for name in visits if name.startswith("head_neck")]
    assert np.isnan(visits["trunk_composite"].iloc[0])


def refusal(store: RunStore, backbone: str) -> str:
    with pytest.raises(SweepError) as caught:
        open_learner(store, backbone)
    return str(caught.value)


def test_a_backbone_that_was_not_trained_is_refused_with_the_nearest(store: RunStore) -> None:
    assert 'Did you mean "shufflenet_v2_x0_5"?' in refusal(store, "shufflenet_v2_x05")


def test_weights_that_were_not_kept_come_with_the_command_that_keeps_them(
    tmp_path: Path, dataset: Dataset
) -> None:
    store = train_run(tmp_path / "tiny", dataset, keep_weights=False)
    message = refusal(store, "shufflenet_v2_x0_5")
    assert "fold 0   is trained, but its weights were not kept." in message
    assert "fold 1   is trained, but its weights were not kept." in message
    command = (
        f"foldgrid launch {tmp_path}/tiny/sweep.yaml --budget smoke "
        "--only backbone=shufflenet_v2_x0_5 --keep best --storage runs_with_weights"
    )
    assert command in message


def test_missing_and_diverged_fits_are_all_named(
    tmp_path: Path, store: RunStore, dataset: Dataset
) -> None:
    copy = RunStore(str(tmp_path / "tiny"))
    plan = store.read_plan()
    copy.write_plan(list(plan))
    copy.write_sweep(store.read_sweep())
    record = store.read_fit(plan[0].fit_id)
    diverged = record.model_copy(update={"status": "diverged", "weights_kept": False})
    copy.fit(plan[0].fit_id).complete(diverged)
    message = refusal(copy, "shufflenet_v2_x0_5")
    assert "fold 0   diverged" in message
    assert "fold 1   is not trained yet" in message
    assert "foldgrid launch tiny" in message
    copy.fit(plan[1].fit_id).complete(store.read_fit(plan[1].fit_id))
    assert "Name another network" in refusal(copy, "shufflenet_v2_x0_5")


@pytest.mark.parametrize(
    ("corruption", "reported"),
    [
        ("missing", "is missing"),
        ("cut", r"1,000 bytes, [\d,]+ were written"),
        ("changed", "not what was written"),
    ],
)
def test_a_corrupt_weight_file_is_named(
    tmp_path: Path, dataset: Dataset, corruption: str, reported: str
) -> None:
    store = train_run(tmp_path / "tiny", dataset)
    path = Path(store.fit(store.read_plan()[1].fit_id).path) / "best.safetensors"
    if corruption == "missing":
        path.unlink()
    elif corruption == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        # One bit of one weight: the file can be read as well as before.
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    with pytest.raises(SweepError, match=rf"best\.safetensors: {reported}"):
        predict_visits(open_learner(store, "shufflenet_v2_x0_5"), dataset)


def test_the_best_learner_is_the_ranking_s(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    with pytest.raises(SweepError, match="foldgrid rank"):
        best_learner(store)
    write_leaderboard(store, {"vgg11": None})
    with pytest.raises(SweepError, match="--backbone"):
        best_learner(store)
    errors = {"resnet18": 3.4, "resnet34": 3.3, "vgg11": None, "vgg11@momentum=0.5": 1.0}
    write_leaderboard(store, errors)
    assert best_learner(store).name == "resnet34"
    assert best_learner(store).by.title == "MAE"


@pytest.mark.parametrize(
    ("by", "task", "best"),
    [
        ("ccc", PasiSpec(), "high"),
        ("bias", PasiSpec(), "zero"),
        ("auc", CLASSES, "high"),
        ("log_loss", CLASSES, "low"),
        ("brier", BINARY, "low"),
    ],
)
def test_the_best_is_at_its_metric_s_better_end(
    tmp_path: Path, by: str, task: TaskSpec, best: str
) -> None:
    store = RunStore(str(tmp_path))
    write_leaderboard(store, {"zero": 0.05, "high": 0.9, "low": -0.8}, by, task)
    assert best_learner(store).name == best
    assert best_learner(store).by.name == by


def test_a_ranking_that_names_no_task_is_of_scores(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    rows = [{"model": "vgg11", "kind": "base_learner", "oof": {"mae": 3.0}}]
    store.write_json("leaderboard.json", {"rows": rows})
    assert best_learner(store).name == "vgg11"
