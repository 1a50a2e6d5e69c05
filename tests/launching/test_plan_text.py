from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from foldgrid.execution.resources import Node, Resources, Slot, plan_resources
from foldgrid.launching.planning.disk import check_disk, disk_need
from foldgrid.launching.planning.plan_text import plan_facts, size_words
from foldgrid.launching.planning.preparation import PreparedSweep, prepare_sweep
from foldgrid.models.weights import WeightFile
from foldgrid.specs.errors import SweepError
from foldgrid.specs.phases import Phase
from foldgrid.specs.recipe_keys import with_values
from foldgrid.specs.resolving import resolve_sweep

SWEEP = {
    "title": "two networks",
    "data": {
        "tile_pixels": 32,
        "synthetic": {
            "num_subjects": 6,
            "num_visits": 30,
            "photo_width": 48,
            "photo_height": 32,
        },
    },
    "split": {"num_folds": 2, "num_seeds": 5, "test_fraction": 0.2},
    "backbones": ["resnet18", "squeezenet1_1"],
    "weights": "none",
    "training": {"max_epochs": 3},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedSweep:
    folder = tmp_path_factory.mktemp("plan")
    path = folder / "two.yaml"
    path.write_text(json.dumps(SWEEP))
    resolved = resolve_sweep(path, "paper")
    return prepare_sweep(resolved, storage=str(folder / "runs"), cache=folder / "cache")


def said(prepared: PreparedSweep, topic: str) -> str:
    return dict(plan_facts(prepared))[topic]


def test_preparing_decodes_nothing_and_makes_no_run_folder(prepared: PreparedSweep) -> None:
    assert not prepared.survey.is_cached
    assert not prepared.store.root.local_path.exists()


def test_the_plan_counts_what_is_there(prepared: PreparedSweep) -> None:
    assert said(prepared, "fits") == "0 of 4 done, 4 to train"
    assert "6 subjects, 30 visits" in said(prepared, "data")
    assert "90 mosaics of 64x64 (to be decoded once)" in said(prepared, "data")
    assert said(prepared, "backbones") == "2 x 2 folds"
    assert "imbalance" in said(prepared, "split")


def test_what_may_surprise_comes_first(prepared: PreparedSweep) -> None:
    topics = [topic for topic, _ in plan_facts(prepared)]
    assert topics[:6] == ["fits", "budget", "time", "memory", "disk", "weights"]


@pytest.mark.parametrize(
    ("gib", "words"),
    [
        (0.001, "2 MiB"),
        (0.05, "52 MiB"),
        (0.1, "0.1 GiB"),
        (9.96, "10.0 GiB"),
        (1234.5, "1,234 GiB"),
    ],
)
def test_sizes_are_never_nothing(gib: float, words: str) -> None:
    assert size_words(gib) == words


def test_the_plan_says_which_early_stopping(prepared: PreparedSweep) -> None:
    assert "set aside from the training folds" in said(prepared, "training")


def test_the_plan_names_backbones_without_weights_one_by_one(prepared: PreparedSweep) -> None:
    file = WeightFile("resnet18", "IMAGENET1K_V1", "http://localhost/none.pth", Path("none.pth"))
    mixed = replace(
        prepared,
        sweep=prepared.sweep.model_copy(update={"weights": "auto"}),
        weights={"resnet18": file, "squeezenet1_1": None},
    )
    words = said(mixed, "weights")
    assert words.startswith("auto: squeezenet1_1 start")
    assert "resnet18" not in words


def test_the_plan_tells_missing_weights_from_those_that_nobody_published(
    prepared: PreparedSweep,
) -> None:
    file = WeightFile("resnet18", "IMAGENET1K_V1", "http://localhost/none.pth", Path("none.pth"))
    required = prepared.sweep.model_copy(update={"weights": "required"})
    nobody_s = replace(prepared, sweep=required, weights={"resnet18": file, "plain_cnn": None})
    assert said(nobody_s, "weights") == (
        "required: plain_cnn starts from random weights (none are published)"
    )
    auto = prepared.sweep.model_copy(update={"weights": "auto"})
    both = replace(prepared, sweep=auto, weights={"squeezenet1_1": None, "plain_cnn": None})
    assert said(both, "weights") == (
        "auto: squeezenet1_1 starts from random weights (files missing; "
        f"`{prepared.fetch_command}` gets them); plain_cnn starts from random weights "
        "(none are published)"
    )


def test_what_fits_take_on_gpus_is_said(prepared: PreparedSweep) -> None:
    slots = (Slot(0.25, 8),)
    with_gpus = replace(prepared, resources=Resources(16, 2, 2, 0.25, 8, slots=slots))
    assert (
        said(with_gpus, "resources") == "2 cores and 0.25 GPU a fit, 8 at a time (16 cores, 2 GPUs)"
    )
    assert "GPUs not known yet" in said(with_gpus, "time")


def test_the_plan_says_what_a_cluster_has_and_what_stays_unused(prepared: PreparedSweep) -> None:
    nodes = [
        Node("a", 8, 2, "T4", 16.0, 62.0),
        Node("b", 8, 2, "T4", 16.0, 62.0),
        Node("c", 32, 4, "A100", 40.0, 250.0),
    ]
    needs = {"squeezenet1_1": 3.0, "resnet18": 20.0}
    cluster = replace(prepared, resources=plan_resources(prepared.sweep.resources, needs, nodes))
    assert said(cluster, "resources") == (
        "1 core and 0.25 T4 or 1 A100 a fit, 20 at a time (3 machines of the cluster: 2 x 8 cores, "
        "2 T4 of 16 GiB, 62 GiB of memory; 1 x 32 cores, 4 A100 of 40 GiB, 250 GiB of memory)"
    )
    assert "on each machine" in said(cluster, "memory")
    large = replace(
        prepared, resources=plan_resources(prepared.sweep.resources, {"vgg11": 20.0}, nodes)
    )
    assert said(large, "unused GPUs").startswith("4 T4: no network of this sweep fits them")
    waiting = replace(prepared, resources=plan_resources(prepared.sweep.resources, {}, []))
    assert "the first that joins" in said(waiting, "resources")


def test_fits_are_planned_on_cards_that_hold_them(prepared: PreparedSweep) -> None:
    nodes = [Node("a", 8, 2, "T4", 16.0), Node("c", 32, 4, "A100", 40.0)]
    needs = {"squeezenet1_1": 3.0, "resnet18": 20.0}
    placed = prepared.grid.placed(plan_resources(prepared.sweep.resources, needs, nodes))
    assert [job.config for job in placed.jobs] == [job.config for job in prepared.grid.jobs]
    cards = {(job.learner, job.card, job.gpus) for job in placed.jobs}
    assert {each for each in cards if each[0] == "resnet18"} == {("resnet18", "A100", 1.0)}


def test_a_finished_sweep_has_nothing_left(prepared: PreparedSweep) -> None:
    every = frozenset(job.config.fit_id for job in prepared.grid.jobs)
    done = replace(prepared, grid=replace(prepared.grid, finished=every))
    assert said(done, "fits") == "4 of 4 done, 0 to train"
    assert said(done, "time") == "nothing to train"
    assert said(done, "disk") == "nothing more"


def test_the_room_on_the_disk_is_said_and_what_cannot_fit_is_refused(
    prepared: PreparedSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = disk_need(prepared)
    assert need.weights > 0
    assert need.total == need.weights + need.checkpoints + need.records
    assert f"about {size_words(need.weights)} of weights" in said(prepared, "disk")
    check_disk(prepared)
    usage = SimpleNamespace(free=0.5 * need.total * 2**30)
    monkeypatch.setattr("foldgrid.launching.planning.disk.shutil.disk_usage", lambda path: usage)
    with pytest.raises(SweepError, match=rf"needs about {need.total:.1f} GiB.*\n.*--keep none"):
        check_disk(prepared)
    every = frozenset(job.config.fit_id for job in prepared.grid.jobs)
    check_disk(replace(prepared, grid=replace(prepared.grid, finished=every)))


def test_without_weights_only_checkpoints_and_records_take_room(prepared: PreparedSweep) -> None:
    bare = replace(prepared, sweep=prepared.sweep.model_copy(update={"keep": "none"}))
    assert disk_need(bare).weights == 0
    assert 0 < disk_need(bare).total < disk_need(prepared).total
    assert "no weights are kept (`--keep best` keeps them)" in said(bare, "disk")


def test_a_recipe_of_today_is_said_in_the_plan(prepared: PreparedSweep) -> None:
    assert "decay" not in said(prepared, "training")
    modern = {"optimizer": "adamw", "schedule": "cosine", "warmup.epochs": 2, "ema_decay": 0.9}
    training = with_values(prepared.sweep.training, {**modern, "layer_decay": 0.75})
    sweep = prepared.sweep.model_copy(update={"training": training})
    words = said(replace(prepared, sweep=sweep), "training")
    assert "AdamW (Loshchilov and Hutter 2019) with betas of 0.9 and 0.999" in words
    assert "warm-up of 2 epochs, schedule cosine, layer_decay 0.75, ema_decay 0.9," in words


def test_phases_are_shown_and_the_epochs_are_theirs(prepared: PreparedSweep) -> None:
    assert "phases" not in dict(plan_facts(prepared))
    head, rest = Phase(name="head", epochs=1, frozen="backbone"), Phase(name="rest", epochs=1)
    training = with_values(prepared.sweep.training, {"phases": (head, rest)})
    sweep = prepared.sweep.model_copy(
        update={"training": training, "per_backbone": {"resnet18": {"phases": ()}}}
    )
    facts = dict(plan_facts(replace(prepared, sweep=sweep)))
    assert facts["training"].startswith("at most 2 epochs, ")
    assert facts["phases"] == "head (1 epoch, backbone frozen), then rest (1 epoch, nothing frozen)"
    assert facts["per backbone"] == "resnet18: phases none"
