"""The launcher is killed while it projects; the next launch makes every run whole, once."""

from killing import kill_when_ready
from miniature_sweep import CONTEXT, all_configs, make_history, make_record, make_sweep
from offline_runs import read_folds, steps
from projectors import wandb_projector

from foldgrid.tracking import FitRuns


def project_missing(folder):
    with wandb_projector(folder, FitRuns(make_sweep(), CONTEXT), "offline") as projector:
        missing = [each for each in all_configs() if not projector.is_projected(each)]
        for config in missing:
            projector.project_whole(config, make_history(), make_record(config))
    assert projector.warnings == ()
    return missing


def test_after_a_kill_each_epoch_of_each_fit_is_there_exactly_once(tmp_path):
    kill_when_ready("killed_projector.py", tmp_path)
    missing = project_missing(tmp_path)
    assert [config.fit_id for config in missing] == [each.fit_id for each in all_configs()[1:]]
    runs = read_folds(tmp_path)
    assert sorted(runs) == sorted(config.fit_id for config in all_configs())
    for run in runs.values():
        assert steps(run) == [1, 2, 3]
        assert run.is_finished
    assert project_missing(tmp_path) == []


def test_a_lost_ledger_makes_every_run_again_once(tmp_path):
    project_missing(tmp_path)
    (tmp_path / "wandb/projected.json").write_text("{ torn")
    assert len(project_missing(tmp_path)) == len(all_configs())
    assert len(read_folds(tmp_path)) == len(all_configs())
