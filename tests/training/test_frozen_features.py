"""Features of a frozen backbone: the same bits as without a cache, the same fit as by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from foldgrid.models import build_network, freeze, train_mode
from foldgrid.models.cut import CutNetwork, cut_of
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.training import Fit, TrainingData
from foldgrid.training.augmentation import apply_draws, draw, draw_copies
from foldgrid.training.feature_plan import CHUNK, FeaturePlan, plan_features
from foldgrid.training.features import mirror_images, mirrored, predicting
from tests.training.tiny_study import TIMED, folder_of, make_config, make_data, make_fit, outcome

STILL: dict[str, Any] = {
    "rotate_tiles": False,
    "shuffle_tiles": False,
    "brightness": 0.0,
    "contrast": 0.0,
}
KINDS: dict[str, dict[str, Any]] = {
    "none": STILL,
    "flips": {**STILL, "flip_horizontally": True, "flip_vertically": True},
    "one_flip": {**STILL, "flip_vertically": True},
    "copies": {"rotate_tiles": True, "zoom": 0.2, "copies": 3},
}
HEAD = {"name": "head", "epochs": 3, "frozen": "backbone"}
BACKBONE = "mobilenet_v3_small"
"""With dropout before its last layer, and batch normalisation."""


def frozen(kind: str = "none", backbone: str = BACKBONE, **training: Any) -> FitConfig:
    return make_config(
        backbone,
        **{"max_epochs": 3, "phases": [HEAD], "augmentation": KINDS[kind], **training},
    )


@pytest.fixture(scope="module")
def single() -> TrainingData:
    """Single photographs, small ones."""
    return replace(make_data(pixels=48), grid=1)


@pytest.fixture
def kept(single: TrainingData, tmp_path: Path) -> TrainingData:
    """The same, with a cache."""
    return replace(single, cache=tmp_path / "cache", pictures="0123456789abcdef")


def are_kept(fit: Fit) -> bool:
    assert fit.features is not None
    return all(table.is_kept for table in fit.features.tables)


def files(data: TrainingData) -> list[Path]:
    assert data.cache is not None
    return sorted((data.cache / "features").glob("*.npy"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_changes_no_bit(
    kind: str, single: TrainingData, kept: TrainingData, tmp_path: Path
) -> None:
    config = frozen(kind)
    make_fit(config, tmp_path / "without", single).run()
    make_fit(config, tmp_path / "first", kept).run()
    written = {path: path.stat().st_mtime_ns for path in files(kept)}
    assert len(written) == (1 if kind == "none" else 2)
    make_fit(config, tmp_path / "again", kept).run()
    assert {path: path.stat().st_mtime_ns for path in files(kept)} == written, "computed once"
    without, first, again = (
        outcome(folder_of(config, tmp_path / run)) for run in ("without", "first", "again")
    )
    assert first == without
    assert again == without


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_on_features_is_the_fit_that_runs_the_backbone_each_step(
    kind: str, single: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = frozen(kind, early_stopping={"policy": "held_out_fold"})
    on_features = make_fit(config, tmp_path / "features", single)
    on_features.run()
    monkeypatch.setattr("foldgrid.training.state.plan_features", lambda *_: "not today")
    on_pictures = make_fit(config, tmp_path / "pictures", single)
    on_pictures.run()
    assert on_features.head is not None
    assert on_pictures.head is None
    assert torch.equal(on_features.generator.get_state(), on_pictures.generator.get_state())
    ours, theirs = (each.folder.read_history() for each in (on_features, on_pictures))
    for one, other in zip(ours, theirs, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-5)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=1e-5)
    for key, value in on_pictures.network.state_dict().items():
        torch.testing.assert_close(
            on_features.network.state_dict()[key], value, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("kind", KINDS)
def test_in_float64_head_of_features_is_the_network(kind: str, single: TrainingData) -> None:
    """Values and gradients, of the pictures that a step draws; dropout draws the same."""
    settings = frozen(kind).training.augmentation
    torch.manual_seed(0)
    network = build_network(BACKBONE, 4).double()
    freeze(network, BACKBONE, "backbone")
    cut = CutNetwork(network, cut_of(BACKBONE))
    images = torch.rand(9, 3, 48, 48)
    draws = draw(9, settings, torch.Generator().manual_seed(1), 1)
    seen = apply_draws(images, draws, 1).double()
    if kind in ("flips", "one_flip"):
        views = mirror_images(draws)
        assert views is not None
        assert set(views) == set(range(4 if kind == "flips" else 2))
        assert torch.equal(apply_draws(images, mirrored(views, settings), 1).double(), seen)
    train_mode(network, head=cut_of(BACKBONE).head)
    results = []
    for is_whole in (True, False):
        network.zero_grad()
        torch.manual_seed(2)
        if is_whole:
            outputs = network(seen)
        else:
            with predicting(network), torch.no_grad():
                features = torch.cat([cut.features(seen[:5]), cut.features(seen[5:])])
            outputs = cut.head(features)
        outputs.square().sum().backward()
        gradients = [each.grad.clone() for each in network.parameters() if each.grad is not None]
        results.append([outputs.detach(), *gradients])
    assert len(results[0]) == 3
    assert (results[0][0] == 0).sum() == 0
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_no_neighbour_changes_a_feature(single: TrainingData, tmp_path: Path) -> None:
    """The last chunk is padded; what it is padded with may be anything."""
    fit = make_fit(frozen(), tmp_path, single)
    assert fit.features is not None
    rows = np.arange(CHUNK["cpu"])
    others = rows.copy()
    others[5:] = rows[:4:-1]
    zeros = np.zeros_like(rows)
    one = fit.features._forward(rows, zeros, is_varied=False)
    other = fit.features._forward(others, zeros, is_varied=False)
    assert torch.equal(one[:5], other[:5])
    assert torch.equal(one, torch.from_numpy(fit.features_of(rows)))


def test_copies_are_drawn_once_by_sample_and_copy(single: TrainingData, tmp_path: Path) -> None:
    settings = frozen("copies").training.augmentation
    names = single.samples["sample"].tolist()[:4]
    draws = draw_copies([*names, *names], [0] * 4 + [1] * 4, settings, 0, 1)
    again = draw_copies([names[2]], [1], settings, 0, 1)
    assert draws.moves_4N is not None
    assert again.moves_4N is not None
    assert torch.equal(draws.moves_4N[:, 6:7], again.moves_4N)
    assert len(set(draws.moves_4N[0].tolist())) == 8
    other = draw_copies([names[2]], [1], settings, 1, 1)
    assert other.moves_4N is not None
    assert not torch.equal(other.moves_4N, again.moves_4N)


def test_an_epoch_passes_over_all_copies_frozen_or_not(
    single: TrainingData, tmp_path: Path
) -> None:
    for phases in ([HEAD], []):
        config = frozen("copies", phases=phases, max_batches_per_epoch=None, max_epochs=3)
        fit = make_fit(config, tmp_path / f"{len(phases)}", single)
        pictures = fit._trained_on()
        rows, copies = fit._rows_and_copies(pictures)
        assert len(set(pictures.tolist())) == 3 * len(fit.roles.train)
        assert sorted(set(copies.tolist())) == [0, 1, 2]
        assert set(rows.tolist()) == set(fit.roles.train.tolist())
        fit.run_epoch()


@pytest.mark.parametrize("kind", ["flips", "copies"])
def test_a_fit_goes_on_within_the_frozen_phase_with_the_same_bits(
    kind: str, single: TrainingData, kept: TrainingData, tmp_path: Path
) -> None:
    fine = {"name": "fine", "frozen": 2}
    config = frozen(kind, phases=[HEAD, fine], max_epochs=4)
    make_fit(config, tmp_path / "whole", single).run()
    fit = make_fit(config, tmp_path / "parts", kept)
    fit.run_epoch()
    fit.save_checkpoint()
    fit.run_epoch()
    make_fit(config, tmp_path / "parts", kept).run()
    whole, parts = (outcome(folder_of(config, tmp_path / run)) for run in ("whole", "parts"))
    assert parts == whole


def test_nothing_is_read_under_another_key(kept: TrainingData, tmp_path: Path) -> None:
    config = frozen("copies")
    others = {
        "seed": make_config(BACKBONE, seed=1, **config.training.model_dump(mode="json")),
        "normalization": frozen("copies", normalization="zero_to_one"),
        "dtype": frozen("copies", features={"dtype": "float16"}),
        "input_size": frozen("copies", input_size=40, interpolation="bicubic"),
        "augmentation": frozen("copies", augmentation={"zoom": 0.3, "copies": 3}),
        "num_copies": frozen("copies", augmentation={**KINDS["copies"], "copies": 2}),
        "fold": make_config(BACKBONE, fold=1, **config.training.model_dump(mode="json")),
    }
    make_fit(config, tmp_path / "own", kept).features_of(np.arange(3), np.zeros(3, int))
    before = set(files(kept))
    for name, other in others.items():
        fit = make_fit(other, tmp_path / name, kept)
        assert fit.features is not None
        assert not are_kept(fit), name
    pictures = make_fit(config, tmp_path / "p", replace(kept, pictures="other"))
    assert pictures.features is not None
    assert not are_kept(pictures)
    again = make_fit(config, tmp_path / "again", kept)
    assert again.features is not None
    assert are_kept(again)
    # A file of that name that says it is of something else.
    label = files(kept)[0].with_suffix(".json")
    content = json.loads(label.read_text())
    assert content["about"]["backbone"] == BACKBONE
    label.write_text(json.dumps(content | {"about": content["about"] | {"chunk": 7}}))
    assert not are_kept(again)
    found = make_fit(config, tmp_path / "again", kept).features_of(np.arange(3))
    assert np.array_equal(found, again.features_of(np.arange(3)))
    assert set(files(kept)) == before


def test_float16_halves_the_room_and_rounds(kept: TrainingData, tmp_path: Path) -> None:
    exact = make_fit(frozen(), tmp_path / "32", kept)
    half = make_fit(frozen(features={"dtype": "float16"}), tmp_path / "16", kept)
    assert exact.folder.fit_id != half.folder.fit_id
    rows = np.arange(9)
    found = half.features_of(rows)
    assert found.dtype == np.float32
    assert np.array_equal(found, exact.features_of(rows).astype(np.float16).astype(np.float32))
    sizes = sorted(path.stat().st_size - 128 for path in files(kept))
    assert sizes[1] == 2 * sizes[0]


def test_what_float16_cannot_hold_is_refused(single: TrainingData, tmp_path: Path) -> None:
    fit = make_fit(frozen(features={"dtype": "float16"}), tmp_path, single)
    torch.nn.init.constant_(fit.network.get_parameter("classifier.0.bias"), 1e6)
    with pytest.raises(SweepError, match=r"features.dtype.*65504"):
        fit.features_of(np.arange(3))


def test_a_cache_that_cannot_be_written_costs_only_time(
    single: TrainingData, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    data = replace(single, cache=blocked, pictures="x")
    config = frozen()
    make_fit(config, tmp_path / "a", data).run()
    make_fit(config, tmp_path / "b", single).run()
    assert outcome(folder_of(config, tmp_path / "a")) == outcome(folder_of(config, tmp_path / "b"))


PLANS = {
    "no frozen phase": ({"phases": []}, BACKBONE, 1, ""),
    "trained before": (
        {"phases": [{"name": "all", "epochs": 1}, {"name": "head", "frozen": "backbone"}]},
        BACKBONE,
        1,
        "trained before",
    ),
    "drawn anew": ({"augmentation": {}}, BACKBONE, 1, "draws other pictures at each epoch"),
    "mosaics": ({"augmentation": KINDS["flips"]}, BACKBONE, 2, "draws other pictures"),
    "stage heads": ({"stage_heads": True}, "resnet18", 1, "heads at stages"),
    "auxiliary heads": ({}, "googlenet", 1, "auxiliary_loss_weight: 0"),
    "convolution": ({}, "squeezenet1_1", 1, "it ends in a convolution"),
}


@pytest.mark.parametrize("case", PLANS)
def test_why_nothing_is_computed_once(case: str) -> None:
    changes, backbone, grid, reason = PLANS[case]
    found = plan_features(backbone, frozen(backbone=backbone, **changes).training, grid)
    assert isinstance(found, str)
    assert reason in found
    assert bool(found) == bool(reason)


def test_what_is_computed_once() -> None:
    two = [HEAD, {"name": "slow", "epochs": 2, "frozen": "backbone"}, {"name": "fine"}]
    recipe = frozen("flips", phases=two, max_epochs=9).training
    assert plan_features(BACKBONE, recipe, 1) == FeaturePlan(1024, 4, 2, 5)
    assert plan_features("googlenet", frozen(auxiliary_loss_weight=0.0).training, 1) == (
        FeaturePlan(1024, 0, 1, 3)
    )
    # Four tiles may be shuffled, one may not.
    shuffled = frozen(augmentation={**STILL, "shuffle_tiles": True}).training
    assert plan_features(BACKBONE, shuffled, 1) == FeaturePlan(1024, 0, 1, 3)
    assert isinstance(plan_features(BACKBONE, shuffled, 2), str)
    copied = frozen("copies").training
    assert plan_features(BACKBONE, copied, 2) == FeaturePlan(1024, 3, 1, 3)


def test_copies_of_what_does_not_vary_are_refused() -> None:
    with pytest.raises(ValidationError, match="the copies would be alike"):
        Augmentation.model_validate({**STILL, "copies": 3})


def test_below_a_head_of_its_own_random_features_are_shared_by_folds(
    kept: TrainingData, tmp_path: Path
) -> None:
    """With the network's own last layer each fold draws its weights."""
    for fold in (0, 1):
        config = make_config(BACKBONE, fold=fold, max_epochs=1, head="ridge")
        make_fit(config, tmp_path / "ridge", kept).features_of(np.arange(3))
    assert len(files(kept)) == 1
    for fold in (0, 1):
        config = make_config(BACKBONE, fold=fold, **frozen().training.model_dump(mode="json"))
        make_fit(config, tmp_path / "linear", kept).features_of(np.arange(3))
    assert len(files(kept)) == 3


@pytest.mark.parametrize("head", ["ridge", "mlp", "linear"])
def test_who_finds_features_in_the_cache_builds_no_network(
    head: str, kept: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever asks for the network afterwards is given the very same."""
    config = frozen(head=head, start_from_mean=True)
    first = make_fit(config, tmp_path / "first", kept, keep_weights=False)
    one = first.run()
    after = torch.get_rng_state()
    with monkeypatch.context() as patch:
        patch.setattr("foldgrid.training.state.build_first", lambda *_: pytest.fail("was built"))
        second = make_fit(config, tmp_path / "second", kept, keep_weights=False)
        other = second.run()
    assert torch.equal(torch.get_rng_state(), after)
    assert other.model_dump(exclude=TIMED) == one.model_dump(exclude=TIMED)
    assert second.folder.read_predictions().equals(first.folder.read_predictions())
    states = first.network.state_dict(), second.network.state_dict()
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    trained = [each for each in second.network.parameters() if each.requires_grad]
    assert sum(map(torch.numel, trained)) == one.phases[0].trained_parameters
    assert one.num_parameters == sum(map(torch.numel, second.network.parameters()))
