"""A whole miniature sweep through real offline W&B, read back from its files."""

import math

import pytest
from miniature_sweep import (
    BACKBONES,
    CONTEXT,
    NUM_EPOCHS,
    all_configs,
    make_config,
    make_epoch,
    make_history,
    make_record,
    make_sweep,
)
from offline_runs import read_all, read_folds, steps
from projectors import wandb_projector

from foldgrid.tasks.classification.spec import ClassificationSpec
from foldgrid.tracking import FitRuns


def make_projector(folder, **changes):
    return wandb_projector(folder, FitRuns(make_sweep(), CONTEXT), "offline", **changes)


def project(folder, config, history=None):
    with make_projector(folder) as projector:
        projector.project_whole(config, history or make_history(), make_record(config))
    assert projector.warnings == ()


@pytest.fixture(scope="module")
def whole_sweep(tmp_path_factory):
    """Six fits that run in two waves of three, their epochs interleaved."""
    folder = tmp_path_factory.mktemp("runs") / "mini"
    with make_projector(folder) as projector:
        for wave in (all_configs()[:3], all_configs()[3:]):
            for config in wave:
                projector.start(config)
            for epoch in make_history():
                for config in wave:
                    projector.log_epoch(config, epoch)
            for config in wave:
                projector.finish(config, make_record(config))
        assert projector.wait()
        assert all(projector.is_projected(config) for config in all_configs())
    assert projector.warnings == ()
    return read_folds(folder)


def test_every_epoch_of_every_fit_exactly_once(whole_sweep):
    assert sorted(whole_sweep) == sorted(config.fit_id for config in all_configs())
    for run in whole_sweep.values():
        assert steps(run) == [1, 2, 3]
        assert [row["train/loss"] for _, row in run.history] == [1.0, 0.5, pytest.approx(1 / 3)]
        assert [row["validation/mae"] for _, row in run.history][:2] == [2.0, 1.0]
        assert [row["epoch"] for _, row in run.history] == [1, 2, 3]
        assert run.is_finished
        assert run.exit_code == 0
        assert not run.is_truncated


def test_runs_are_filed_by_base_learner_fold_data_and_code(whole_sweep):
    for config in all_configs():
        run = whole_sweep[config.fit_id]
        assert run.group == config.backbone
        assert run.group in BACKBONES
        assert run.job_type == "fold"
        assert run.run_id == f"mini-{config.fit_id}"
        assert set(run.tags) == {
            "mini",
            f"fold-{config.fold}",
            "data-da7ada7ada",
            "budget-smoke",
            "git-c0ffee1",
        }


def test_the_configuration_is_nested_and_has_no_dots(whole_sweep):
    config = make_config()
    run = whole_sweep[config.fit_id]
    assert run.config["training"]["plateau"]["patience"] == 10
    assert run.config["training"]["learning_rate"] == 0.01
    assert run.config["fold"] == 0
    assert run.config["fit_id"] == config.fit_id
    assert not [key for key in run.config if "." in key]


def test_the_summary_holds_the_records_last_word(whole_sweep):
    summary = whole_sweep[make_config().fit_id].summary
    assert summary["oof/mae"] == 3.25
    assert summary["best_epoch"] == NUM_EPOCHS
    assert summary["status"] == "complete"
    assert summary["seconds/train"] == 12.5
    assert summary["weights_source"] == "random"
    assert summary["environment/device"] == "cpu"


def test_a_retried_fit_repeats_itself_and_nothing_is_doubled(tmp_path):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config)
        for epoch in (1, 2):
            projector.log_epoch(config, make_epoch(epoch))
        projector.start(config)
        for epoch in (1, 2, 3):
            projector.log_epoch(config, make_epoch(epoch))
        projector.finish(config, make_record(config), make_history())
    assert steps(read_folds(tmp_path)[config.fit_id]) == [1, 2, 3]


def test_a_retry_that_went_another_way_replaces_the_first_try(tmp_path):
    config = make_config()
    history = [make_epoch(1), make_epoch(2, loss=9.0)]
    with make_projector(tmp_path) as projector:
        projector.start(config)
        for epoch in make_history():
            projector.log_epoch(config, epoch)
        projector.finish(config, make_record(config, num_epochs=2), history)
    run = read_folds(tmp_path)[config.fit_id]
    assert [row["train/loss"] for _, row in run.history] == [1.0, 9.0]


def test_epochs_that_were_not_received_are_filled_in_from_the_history(tmp_path):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1))
        projector.log_epoch(config, make_epoch(3))
        projector.finish(config, make_record(config, num_epochs=4), make_history(4))
    assert steps(read_folds(tmp_path)[config.fit_id]) == [1, 2, 3, 4]


def test_a_fit_that_goes_on_brings_its_earlier_epochs(tmp_path):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config, make_history(2))
        projector.log_epoch(config, make_epoch(3))
        projector.finish(config, make_record(config))
    assert steps(read_folds(tmp_path)[config.fit_id]) == [1, 2, 3]


def test_without_all_epochs_a_run_is_not_called_whole(tmp_path):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(2))
        projector.finish(config, make_record(config))
    assert not projector.is_projected(config)
    assert "lacks epochs" in projector.warnings[0]
    project(tmp_path, config)
    assert steps(read_folds(tmp_path)[config.fit_id]) == [1, 2, 3]


def test_an_abandoned_fit_is_made_again(tmp_path):
    config = make_config()
    with make_projector(tmp_path) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1))
        projector.abandon(config)
        projector.wait()
        assert not projector.is_projected(config)
        assert read_folds(tmp_path)[config.fit_id].exit_code == 1
        projector.start(config)
        projector.finish(config, make_record(config), make_history())
    run = read_folds(tmp_path)[config.fit_id]
    assert (steps(run), run.exit_code) == ([1, 2, 3], 0)


def test_a_whole_run_is_left_alone_by_the_next_launch(tmp_path):
    config = make_config()
    project(tmp_path, config)
    before = list(tmp_path.glob("wandb/offline-run-*"))
    project(tmp_path, config, make_history(1))
    assert list(tmp_path.glob("wandb/offline-run-*")) == before
    assert steps(read_folds(tmp_path)[config.fit_id]) == [1, 2, 3]


def test_a_fit_that_is_trained_again_gets_its_run_made_again(tmp_path):
    config = make_config()
    project(tmp_path, config)
    with make_projector(tmp_path) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1, loss=5.0))
        projector.finish(config, make_record(config, num_epochs=1))
    run = read_folds(tmp_path)[config.fit_id]
    assert [row["train/loss"] for _, row in run.history] == [5.0]


def test_a_diverged_fit_keeps_its_infinite_losses(tmp_path):
    config = make_config()
    history = [make_epoch(1), make_epoch(2, loss=math.nan), make_epoch(3, loss=math.inf)]
    record = make_record(config, status="diverged", stopped_because="diverged", best_epoch=0)
    with make_projector(tmp_path) as projector:
        projector.start(config, history)
        projector.finish(config, record, history)
    assert projector.warnings == ()
    run = read_folds(tmp_path)[config.fit_id]
    losses = [row["train/loss"] for _, row in run.history]
    assert math.isnan(losses[1])
    assert math.isinf(losses[2])
    assert run.exit_code == 1
    assert run.summary["status"] == "diverged"


def test_two_sweeps_with_the_same_fit_do_not_share_a_run(tmp_path):
    config = make_config()
    for name in ("one", "two"):
        with wandb_projector(
            tmp_path, FitRuns(make_sweep(name=name), CONTEXT), "offline"
        ) as projector:
            projector.project_whole(config, make_history(), make_record(config))
    assert sorted(read_all(tmp_path)) == [f"one-{config.fit_id}", f"two-{config.fit_id}"]


def test_disabled_writes_and_imports_nothing(tmp_path):
    config = make_config()
    folder = tmp_path / "run"
    with wandb_projector(folder, FitRuns(make_sweep(), CONTEXT), "disabled") as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1))
        projector.finish(config, make_record(config), make_history())
        projector.summarise([{"backbone": "resnet18", "mae": 3.0}])
        assert projector.is_projected(config)
    assert not folder.exists()


def test_trouble_becomes_a_warning_and_the_next_fit_goes_on(tmp_path):
    blocked = tmp_path / "run"
    blocked.mkdir()
    (blocked / "wandb").write_text("a file where W&B needs a folder")
    first, second, *_ = all_configs()
    with make_projector(blocked) as projector:
        projector.project_whole(first, make_history(), make_record(first))
        projector.project_whole(second, make_history(), make_record(second))
    assert len(projector.warnings) == 1
    assert first.fit_id in projector.warnings[0]


@pytest.mark.parametrize(
    ("ending", "tag"),
    [("@training_fraction=0.1", "training_fraction=0.1"), ("+fine_tuned", "fine_tuned")],
)
def test_an_ablation_and_a_labelled_learner_are_filed_under_their_own_names(tmp_path, ending, tag):
    config, other = make_config(fold=0), make_config(fold=1)
    name = f"{config.backbone}{ending}"
    kind = FitRuns(make_sweep(), CONTEXT, {config.fit_id: name})
    with wandb_projector(tmp_path, kind, "offline") as projector:
        for each in (config, other):
            projector.project_whole(each, make_history(), make_record(each))
    assert projector.warnings == ()
    runs = read_folds(tmp_path)
    assert runs[config.fit_id].group == name
    assert tag in runs[config.fit_id].tags
    assert runs[config.fit_id].run_id == f"mini-{config.fit_id}"
    # Fits of earlier settings are in no plan any more.
    assert runs[other.fit_id].group == other.backbone
    assert len(runs[other.fit_id].tags) == len(runs[config.fit_id].tags) - 1


def test_classes_with_dots_in_their_names_are_no_paths(tmp_path):
    words = ClassificationSpec(classes={"v1.0": ("a.b",), "v2": ("c",)})
    config = make_config().model_copy(update={"task": words})
    with make_projector(tmp_path) as projector:
        projector.project_whole(config, make_history(), make_record(config))
    (run,) = read_folds(tmp_path).values()
    assert run.config["task"]["classes"] == {"v1_0": ["a.b"], "v2": ["c"]}
