"""The laws of `foldgrid.tracking.tracker`, for every tracker, read back from what each wrote."""

import math
import socket
from pathlib import Path

import miniature_search
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killing import kill_when_ready
from miniature_search import make_epochs, make_kind, make_trial, with_other_values
from miniature_sweep import (
    CONTEXT,
    NUM_EPOCHS,
    SECRET_HOST,
    all_configs,
    make_config,
    make_epoch,
    make_history,
    make_record,
    make_sweep,
    with_images,
)
from projectors import place_in
from trackers import KITS

from foldgrid.tracking import TRACKERS, FitRuns, Pseudonyms, RunProjector
from foldgrid.tracking.projection import Projection
from foldgrid.tracking.runs import run_id_of

HOST, USER = "ward7-pc-0417", "dr_semmelweis"
RANKING = [
    {"rank": 1, "backbone": "resnet18", "mae": np.float64(3.25)},
    {"rank": 2, "backbone": "mobilenet|v2", "mae": None},
]
VISITS = pd.DataFrame(
    {
        "subject": ["Ada Lovelace", "Ada Lovelace", "Grace Hopper"],
        "visit": ["2019-03-04", "2018-11-30", "2020-01-01"],
        "day": [94, 0, 0],
        "photo": ["ada/1.jpg", "ada/2.jpg", "grace/1.jpg"],
        "predicted": [13.0, 28.0, 5.5],
    }
)
IMAGES = [np.zeros((8, 8, 3), dtype=np.uint8)]
WHOLE = list(range(1, NUM_EPOCHS + 1))


@pytest.fixture(params=KITS)
def kit(request):
    return KITS[request.param]


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No network, and a machine and a user whose names would be noticed."""
    connect = socket.socket.connect

    def connect_here(self, address):
        assert self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1"), address
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setenv("USER", USER)
    monkeypatch.setenv("LOGNAME", USER)


def make_grid(sweep=None):
    return FitRuns(sweep or make_sweep(), CONTEXT)


def run_of(kit, folder, config):
    return kit.read(folder)[run_id_of("mini", config.fit_id)]


def test_every_epoch_of_every_fit_is_there_once_in_order(kit, tmp_path):
    """Six fits in two waves, their epochs interleaved."""
    with kit.projector(tmp_path, make_grid()) as projector:
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
    seen = kit.read(tmp_path)
    assert sorted(seen) == sorted(run_id_of("mini", each.fit_id) for each in all_configs())
    for config in all_configs():
        run = run_of(kit, tmp_path, config)
        assert run.steps == WHOLE
        for (_, reported), epoch in zip(run.history, make_history(), strict=True):
            expected = dict(make_grid().point(epoch).values)
            assert reported == pytest.approx(expected)
        assert (run.name, run.group, run.job_type) == (config.fit_id, config.backbone, "fold")
        assert run.tags == set(make_grid().header(config).tags)
        assert run.config["training"]["momentum"] == config.training.momentum
        assert run.last_word["oof/mae"] == 3.25
        assert run.last_word["status"] == "complete"


def test_trials_of_a_search_end_as_they_ended(kit, tmp_path):
    trials = {0: "complete", 1: "stopped", 2: "diverged"}
    with kit.projector(tmp_path, make_kind()) as projector:
        for number, status in trials.items():
            trial, num_epochs = make_trial(number), 4 if status == "complete" else 2
            projector.start(trial)
            for epoch in make_epochs(num_epochs):
                projector.log_epoch(trial, epoch)
            record = miniature_search.make_record(trial, num_epochs, status)
            projector.finish(trial, record, make_epochs(num_epochs))
    assert projector.warnings == ()
    runs = sorted(kit.read(tmp_path).values(), key=lambda run: run.config["trial"])
    assert [run.last_word["status"] for run in runs] == list(trials.values())
    assert [run.steps for run in runs] == [[1, 2, 3, 4], [1, 2], [1, 2]]
    assert ["stopped" in run.tags for run in runs] == [False, True, False]
    assert runs[1].history[1][1]["oof/mae"] == 5.0
    assert runs[1].last_word["epochs_saved"] == 2
    assert runs[0].config["values"]["learning_rate"] == 0.01


def test_a_lost_worker_that_tells_its_epochs_again_doubles_nothing(kit, tmp_path):
    config = make_config()
    with kit.projector(tmp_path, make_grid()) as projector:
        for num_epochs in (2, 3):
            projector.start(config)
            for epoch in make_history(num_epochs):
                projector.log_epoch(config, epoch)
        projector.finish(config, make_record(config), make_history())
    assert run_of(kit, tmp_path, config).steps == WHOLE


def test_a_try_that_went_another_way_replaces_the_first(kit, tmp_path):
    config = make_config()
    with kit.projector(tmp_path, make_grid()) as projector:
        projector.start(config)
        for epoch in make_history():
            projector.log_epoch(config, epoch)
        history = [make_epoch(1), make_epoch(2, loss=9.0)]
        projector.finish(config, make_record(config, num_epochs=2), history)
    run = run_of(kit, tmp_path, config)
    assert [values["train/loss"] for _, values in run.history] == [1.0, 9.0]


def test_what_goes_on_brings_its_earlier_epochs_and_gaps_are_filled(kit, tmp_path):
    first, second = all_configs()[:2]
    with kit.projector(tmp_path, make_grid()) as projector:
        projector.start(first, make_history(2))
        projector.log_epoch(first, make_epoch(3))
        projector.finish(first, make_record(first))
        projector.start(second)
        for epoch in (1, 3):
            projector.log_epoch(second, make_epoch(epoch))
        projector.finish(second, make_record(second, num_epochs=4), make_history(4))
    assert projector.warnings == ()
    assert run_of(kit, tmp_path, first).steps == [1, 2, 3]
    assert run_of(kit, tmp_path, second).steps == [1, 2, 3, 4]


def test_without_all_epochs_a_run_is_not_called_whole(kit, tmp_path):
    config = make_config()
    with kit.projector(tmp_path, make_grid()) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(2))
        projector.finish(config, make_record(config))
    assert not projector.is_projected(config)
    (warning,) = projector.warnings
    assert warning.startswith(f"{kit.tracker().title}: {config.fit_id} was not written")
    assert "run the sweep again" in warning


def test_after_a_kill_the_next_launch_makes_every_run_whole_once(kit, tmp_path):
    kill_when_ready("killed_tracker.py", tmp_path, kit.name)
    trials = [make_trial(number) for number in range(3)]
    for name, kind, things, history, make in (
        ("grid", make_grid(), all_configs(), make_history(), make_record),
        ("search", make_kind(), trials, make_epochs(), miniature_search.make_record),
    ):
        folder = tmp_path / name
        with kit.projector(folder, kind) as projector:
            missing = [each for each in things if not projector.is_projected(each)]
            assert missing == things[1:]
            for each in missing:
                projector.project_whole(each, history, make(each))
        assert projector.warnings == ()
        assert all(map(projector.is_projected, things))
        seen = kit.read(folder)
        assert len(seen) == len(things)
        for each in things:
            run = seen[kind.header(each).run_id]
            assert run.steps == [epoch.epoch for epoch in history]
            assert run.last_word["status"] == "complete"


def test_what_failed_is_shown_as_failed_and_made_again(kit, tmp_path):
    config = make_config()
    with kit.projector(tmp_path, make_grid()) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1))
        projector.abandon(config)
        assert projector.wait()
        assert not projector.is_projected(config)
        assert run_of(kit, tmp_path, config).last_word["status"] == "failed"
        projector.start(config)
        projector.finish(config, make_record(config), make_history())
    run = run_of(kit, tmp_path, config)
    assert (run.steps, run.last_word["status"]) == (WHOLE, "complete")


def test_what_a_launch_leaves_open_is_not_whole(kit, tmp_path):
    config = make_config()
    with kit.projector(tmp_path, make_grid()) as projector:
        projector.start(config, make_history())
    assert not kit.projector(tmp_path, make_grid()).is_projected(config)


def test_a_whole_run_is_left_alone_until_it_is_forgotten(kit, tmp_path):
    config = make_config()
    kind = make_grid()
    for num_epochs in (3, 1):
        with kit.projector(tmp_path, kind) as projector:
            history = make_history(num_epochs)
            projector.project_whole(config, history, make_record(config, num_epochs))
        assert run_of(kit, tmp_path, config).steps == WHOLE
    assert kit.writer(tmp_path, kind).is_whole(kind.header(config).run_id)
    other = "a-run-that-never-was"
    for run_id in (kind.header(config).run_id, other):
        kit.tracker().forget(place_in(tmp_path, kind, kit.name), run_id)
    with kit.projector(tmp_path, kind) as projector:
        assert not projector.is_projected(config)
        projector.project_whole(config, make_history(1), make_record(config, 1))
    assert run_of(kit, tmp_path, config).steps == [1]


def test_losses_that_are_no_numbers_are_kept(kit, tmp_path, capfd):
    config = make_config()
    history = [make_epoch(1), make_epoch(2, loss=math.nan), make_epoch(3, loss=math.inf)]
    record = make_record(config, status="diverged", stopped_because="diverged", best_epoch=0)
    with kit.projector(tmp_path, make_grid()) as projector:
        projector.project_whole(config, history, record)
    assert projector.warnings == ()
    losses = [values["train/loss"] for _, values in run_of(kit, tmp_path, config).history]
    assert losses == pytest.approx([1.0, math.nan, math.inf], nan_ok=True)
    assert capfd.readouterr() == ("", "")


def summarise(kit, folder, sweep=None, **content):
    with kit.projector(folder, make_grid(sweep), Pseudonyms.open(folder)) as projector:
        projector.summarise(RANKING, VISITS, **content)
    (run,) = kit.read(folder).values()
    return run, projector.warnings


def test_a_summary_has_the_tables_and_facts_and_replaces_an_earlier_one(kit, tmp_path):
    summarise(kit, tmp_path, facts={"num_fits": 5})
    run, warnings = summarise(kit, tmp_path, facts={"best": {"mae": 3.25}, "num_fits": 6})
    assert warnings == ()
    assert (run.job_type, run.group) == ("summary", "mini")
    assert (run.last_word["best/mae"], run.last_word["num_fits"]) == (3.25, 6)
    assert set(run.tables) == {"ranking", "visits"}
    ada = Pseudonyms.open(tmp_path).pseudonym("Ada Lovelace")
    reported = str(run.tables)
    for words in ("resnet18", "3.25", "mobilenet", ada, "28.0"):
        assert words in reported


def test_images_go_only_where_the_sweep_says_so(kit, tmp_path):
    kept, warnings = summarise(kit, tmp_path / "kept", sample_images=IMAGES)
    assert kept.num_images == 0
    assert "tracking.images" in warnings[0]
    sent, warnings = summarise(kit, tmp_path / "sent", with_images(), sample_images=IMAGES)
    assert (sent.num_images, warnings) == (1, ())


def test_nothing_that_names_anyone_or_this_machine_is_written(kit, tmp_path):
    config = make_config()
    with kit.projector(tmp_path, make_grid(), Pseudonyms.open(tmp_path)) as projector:
        projector.start(config, make_history(1))
        projector.finish(config, make_record(config), make_history())
        projector.summarise(RANKING, VISITS, {"num_fits": 1})
    names = [*VISITS.subject, *VISITS.visit, *VISITS.photo, HOST, USER, SECRET_HOST]
    secrets = [*names, str(tmp_path), str(Path.cwd())]
    files = [path for path in (tmp_path / kit.name).rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [each for each in secrets if each.encode() in content], path
        assert not [each for each in names if each in str(path)]
    # The key never leaves, and nothing else is beside the tracker's own folder.
    assert {path.name for path in tmp_path.iterdir()} == {kit.name, "pseudonym.key"}


def test_trouble_becomes_a_warning_and_the_next_goes_on(kit, tmp_path):
    (tmp_path / kit.name).write_text("a file where the tracker needs a folder")
    first, second, *_ = all_configs()
    with kit.projector(tmp_path, make_grid()) as projector:
        for config in (first, second):
            projector.project_whole(config, make_history(), make_record(config))
    (warning,) = projector.warnings
    assert warning.startswith(f"{kit.tracker().title}: {first.fit_id} was not written")


def test_trackers_do_not_know_of_each_other(tmp_path):
    """One has no folder to write to; the others miss nothing."""
    (tmp_path / "tensorboard").write_text("a file where the tracker needs a folder")
    config, kind = make_config(), make_grid()
    writers = [kit.writer(tmp_path, kind) for kit in KITS.values()]
    with RunProjector(kind, writers) as projector:
        projector.start(config)
        for epoch in make_history():
            projector.log_epoch(config, epoch)
        projector.finish(config, make_record(config), make_history())
        assert projector.wait()
        assert not projector.is_projected(config), "not in all of them"
    assert all(line.startswith("TensorBoard: ") for line in projector.warnings)
    for name in ("wandb", "json_lines"):
        assert run_of(KITS[name], tmp_path, config).steps == WHOLE


def test_what_is_written_is_what_was_recorded_where_settings_changed_on_the_way(tmp_path):
    """TensorBoard's table of settings takes the last ones, as population based training left."""
    kit, trial = KITS["tensorboard"], make_trial()
    changed = with_other_values(trial, learning_rate=0.02)
    record = miniature_search.make_record(changed)
    with kit.projector(tmp_path, make_kind()) as projector:
        projector.project_whole(trial, make_epochs(), record)
    (path,) = tmp_path.glob("tensorboard/*/events*")
    assert b"_hparams_/session_start_info" in path.read_bytes()
    assert b"values/learning_rate" in path.read_bytes()


TELLING = st.lists(
    st.one_of(
        st.tuples(st.just("lost worker"), st.integers(0, 5)),
        st.tuples(st.just("killed"), st.integers(0, 5)),
        st.tuples(st.just("epochs"), st.integers(1, 3)),
        st.just(("unheard epoch", 1)),
        st.just(("failed", 0)),
    ),
    max_size=8,
)


@pytest.mark.parametrize("name", ["tensorboard", "json_lines"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(telling=TELLING)
def test_whatever_happens_every_epoch_arrives_once(name, telling, tmp_path_factory):
    """A fit of five epochs; its worker or launcher dies, and goes on from some checkpoint."""
    folder, kit, kind, config = tmp_path_factory.mktemp("t"), KITS[name], make_grid(), make_config()
    header, history = kind.header(config), [kind.point(epoch) for epoch in make_history(5)]
    projection, dead, trained = Projection(kit.writer(folder, kind)), [], 0
    projection.start(header, [])
    for what, number in telling:
        if what in ("lost worker", "killed", "failed"):
            if what == "killed":
                dead.append(projection)
                projection = Projection(kit.writer(folder, kind))
            if what == "failed":
                projection.abandon(header.run_id)
            trained = min(trained, number)
            projection.start(header, history[:trained])
            continue
        reported = history[trained : trained + number]
        for point in reported if what == "epochs" else ():
            projection.log(header.run_id, point)
        trained += len(reported)
    projection.finish(header, kind.ending(make_record(config, 5)), history)
    assert kit.writer(folder, kind).is_whole(header.run_id)
    assert run_of(kit, folder, config).steps == [1, 2, 3, 4, 5]
    for each in dead:
        each.abandon_all()


@pytest.mark.parametrize(("name", "way"), [("none", ""), ("wandb", "disabled")])
def test_none_writes_nothing_and_lacks_nothing(name, way, tmp_path):
    tracker, kind, config = TRACKERS.named(name).asked(way), make_grid(), make_config()
    writer = tracker.open(place_in(tmp_path, kind, name))
    assert writer is None
    with RunProjector(kind, []) as projector:
        projector.start(config)
        projector.log_epoch(config, make_epoch(1))
        projector.finish(config, make_record(config), make_history())
        projector.summarise(RANKING, VISITS)
        assert projector.is_projected(config)
    tracker.forget(place_in(tmp_path, kind, name), "mini-a-run")
    assert projector.warnings == ()
    assert list(tmp_path.iterdir()) == []
