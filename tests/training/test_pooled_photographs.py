"""Attention in fits: which photographs go together, what is trained, what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from pydantic import ValidationError

from foldgrid.models import HeadedNetwork
from foldgrid.models.attention import Bags, attention_of
from foldgrid.predict.fold_copies import predict_outputs
from foldgrid.predict.photographs import predict_samples
from foldgrid.predict.trained_learner import open_learner
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings
from foldgrid.tasks.regression.spec import RegressionSpec
from foldgrid.training import TrainingData
from foldgrid.training.bags import bags_of, photographs_of
from foldgrid.training.building import build_for
from tests.trained_run import train_run
from tests.training.test_frozen_features import KINDS, files
from tests.training.tiny_study import (
    folder_of,
    make_config,
    make_data,
    make_fit,
    outcome,
    put_state,
)

NETWORK = "squeezenet1_1"
FROZEN = [{"name": "head", "frozen": "backbone"}]


def pooled(kind: str = "none", **training: Any) -> FitConfig:
    changes = {"pooling": "attention", "phases": FROZEN, "augmentation": KINDS[kind]}
    # Even of random weights its features differ from photograph to photograph.
    return make_config(NETWORK, **{"max_epochs": 3, **changes, **training})


@pytest.fixture(scope="module")
def mosaics() -> TrainingData:
    """Mosaics of one to four photographs; the places without one are black."""
    data = make_data(pixels=64)
    counts = 1 + np.arange(len(data.samples)) % 4
    pixels = data.mosaics_NHWC.copy()
    for place in range(1, 4):
        above, left = divmod(place, 2)
        rows, columns = (slice(32 * each, 32 * each + 32) for each in (above, left))
        pixels[counts <= place, rows, columns] = 0
    return replace(data, mosaics_NHWC=pixels, samples=data.samples.assign(num_photos=counts))


@pytest.fixture(scope="module")
def visits() -> TrainingData:
    """Single photographs; the three of a visit have one truth."""
    data = make_data(pixels=48)
    samples = data.samples.copy()
    for score in ("erythema", "induration", "scaling", "involvement"):
        samples[score] = samples.groupby(["subject", "visit"])[score].transform("first")
    return replace(data, samples=samples, grid=1)


@pytest.fixture
def kept(visits: TrainingData, tmp_path: Path) -> TrainingData:
    return replace(visits, cache=tmp_path / "cache", pictures="0123456789abcdef")


def test_a_bag_of_a_mosaic_is_its_photographs(mosaics: TrainingData) -> None:
    bags = bags_of(mosaics)
    counts = mosaics.samples["num_photos"].to_numpy()
    members = bags.of(np.arange(len(counts)))
    assert ((members >= 0).sum(axis=1) == counts).all()
    assert sorted(members[members >= 0]) == list(range(counts.sum()))
    names = bags.photographs.samples["sample"]
    assert names.is_unique
    fit = make_fit(pooled(), Path("unused"), mosaics)
    assert fit.source.pixels == 32
    for row in (0, 1, 2, 3):
        sample = mosaics.samples["sample"].iloc[row]
        for place in range(counts[row]):
            member = members[row, place]
            assert names.iloc[member] == f"{sample}/{place + 1}"
            above, left = divmod(place, 2)
            tile = mosaics.mosaics_NHWC[row, 32 * above :, 32 * left :][:32, :32]
            taken = fit.source.take(np.array([member]))[0].permute(1, 2, 0) * 255
            np.testing.assert_allclose(taken.numpy(), tile, atol=1e-4)


def test_single_photographs_go_together_by_subject_visit_and_case(visits: TrainingData) -> None:
    bags = bags_of(visits)
    groups = visits.samples.groupby(["subject", "visit"]).ngroup().to_numpy()
    assert pd.Series(bags.bag_N).groupby(groups).nunique().eq(1).all()
    assert len(set(bags.bag_N)) == len(set(groups)) == 24
    assert bags.photographs is visits is photographs_of(visits)
    # Rows that lie apart are together all the same, each once.
    turned = replace(visits, samples=visits.samples.sample(frac=1, random_state=0))
    again = bags_of(replace(turned, samples=turned.samples.reset_index(drop=True)))
    members = again.of(np.arange(len(groups)))
    assert (np.sort(np.unique(members)) == np.arange(len(groups))).all()
    cases = visits.samples.assign(case=[f"c{n % 3}" for n in range(len(groups))])
    assert len(set(bags_of(replace(visits, samples=cases)).bag_N)) == len(groups)


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("study", ["mosaics", "visits"])
def test_the_head_is_trained_on_what_attention_makes_of_a_unit(
    tmp_path: Path, request: pytest.FixtureRequest, study: str, head: str
) -> None:
    data: TrainingData = request.getfixturevalue(study)
    config = pooled(head=head)
    fit = make_fit(config, tmp_path, data, keep_features=True)
    fit.run()
    network = fit.network
    assert isinstance(network, HeadedNetwork)
    attention = attention_of(network.head)
    assert attention is not None
    assert attention.score.weight.abs().sum() > 0
    # By hand, one unit at a time, from the network that predicts.
    bags = bags_of(data)
    outputs = fit.predict(np.arange(len(data.samples)))
    for row in (0, 7, 30):
        photographs = bags.of(np.array([row]))[0]
        images = fit.source.normalise(fit.source.take(photographs))
        with torch.inference_mode():
            features = network.eval().features(images)[None]
            alone = network.head(Bags(features, torch.ones(features.shape[:2], dtype=torch.bool)))
        np.testing.assert_allclose(outputs[row], alone[0], rtol=1e-4, atol=1e-4)
    assert len(np.unique(outputs.round(6), axis=0)) == len(set(bags.bag_N))
    hidden = fit.hidden_values(np.arange(4))
    assert hidden.shape == (4, 512)
    # What is kept predicts the same.
    again = build_for(config, 4, pixels=fit.source.pixels).eval()
    put_state(again, safetensors.torch.load(fit.folder.read_weights()))


def test_an_epoch_passes_over_units_not_over_photographs(
    tmp_path: Path, visits: TrainingData
) -> None:
    fit = make_fit(pooled("copies"), tmp_path, visits)
    pictures = fit._trained_on()
    num_units = visits.samples.iloc[fit.roles.train][["subject", "visit"]].drop_duplicates()
    assert len(pictures) == 3 * len(num_units)
    rows, copies = fit._rows_and_copies(pictures)
    assert sorted(set(copies.tolist())) == [0, 1, 2]
    assert fit.pictures_each(rows).tolist() == [3] * len(rows)


@pytest.mark.parametrize("kind", ["none", "flips", "copies"])
@pytest.mark.parametrize("study", ["mosaics", "visits"])
def test_it_goes_on_with_the_same_bits(
    tmp_path: Path, request: pytest.FixtureRequest, study: str, kind: str
) -> None:
    """From a checkpoint, and from features that another fit has put into the cache."""
    data: TrainingData = request.getfixturevalue(study)
    cached = replace(data, cache=tmp_path / "cache", pictures="0123456789abcdef")
    config = pooled(kind)
    make_fit(config, tmp_path / "whole", data).run()
    stopped = make_fit(config, tmp_path / "parts", cached)
    stopped.run_epoch()
    stopped.save_checkpoint()
    later = make_fit(config, tmp_path / "parts", cached)
    assert later.epoch == 1
    later.run()
    whole, parts = (outcome(folder_of(config, tmp_path / name)) for name in ("whole", "parts"))
    assert whole == parts


def test_photographs_features_are_those_of_other_heads(tmp_path: Path, kept: TrainingData) -> None:
    make_fit(pooled(), tmp_path / "a", kept).run()
    known = files(kept)
    assert len(known) == 1
    make_fit(pooled(pooling="network", head="mlp"), tmp_path / "b", kept).run()
    assert files(kept) == known


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"head": "ridge"}, "head: ridge is solved at once. Take head: linear or mlp"),
        ({"phases": []}, "without phases the backbone is trained too"),
        (
            {"phases": [{"name": "a", "frozen": "backbone", "epochs": 1}, {"name": "b"}]},
            "in the phase b the backbone is trained too",
        ),
        ({"num_raters": 2}, "num_raters is about each photograph"),
        ({"stage_heads": True}, "Drop one of the two"),
    ],
)
def test_what_does_not_go_together_is_refused(training: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        pooled(**training)


def test_pictures_that_are_drawn_anew_have_no_features_to_pool(
    tmp_path: Path, visits: TrainingData
) -> None:
    with pytest.raises(SweepError, match="the augmentation draws other pictures at each epoch"):
        make_fit(pooled(augmentation={}), tmp_path, visits)


@pytest.fixture(scope="module")
def thickness(tmp_path_factory: pytest.TempPathFactory) -> Any:
    study = StudySettings(study="skin_thickness", num_subjects=16, photo_width=48, photo_height=48)
    data = DataSpec(tile_pixels=32, synthetic=study)
    return data, open_dataset(data, tmp_path_factory.mktemp("cache"), photographs="measured")


def test_new_photographs_are_predicted_by_unit(tmp_path: Path, thickness: Any) -> None:
    data, dataset = thickness
    recipe = TrainingRecipe.model_validate_json(pooled().training.model_dump_json())
    task = RegressionSpec()
    store = train_run(tmp_path / "tiny", dataset, (NETWORK,), task=task, data=data, training=recipe)
    learner = open_learner(store, NETWORK)
    tables = [store.read_predictions(copy.fit_id) for copy in learner.copies]
    test = pd.concat(tables).query("partition == 'test'")
    expected = test.groupby("sample")["predicted_value"].mean()
    found = predict_samples(learner, dataset).set_axis(dataset.samples["sample"])
    np.testing.assert_allclose(found["predicted"].loc[expected.index], expected, rtol=1e-4)
    unit = dataset.samples.groupby(["subject", "visit"]).ngroup().to_numpy()
    assert found["predicted"].groupby(unit).nunique().eq(1).all()
    assert found["predicted"].nunique() > 3
    # Without the others of its visit a photograph has another prediction.
    lonely = replace(
        dataset, samples=dataset.samples.iloc[:1], mosaics_NHWC=dataset.mosaics_NHWC[:1]
    )
    assert predict_outputs(learner, lonely).shape == (1, 1)
