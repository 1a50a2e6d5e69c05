"""Nothing that names a person, a machine or a path leaves, or waits to leave."""

import getpass
import os
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fake_wandb_server import FakeWandbServer
from miniature_search import PREDICTED, make_epoch, make_kind, make_search, make_trial
from miniature_search import make_record as make_trial_record
from miniature_sweep import CONTEXT, SECRET_HOST, make_config, make_history, make_record, make_sweep
from projectors import wandb_projector

import foldgrid
from foldgrid.specs.sweep import DataSpec
from foldgrid.tracking import FitRuns, Pseudonyms

USER = "dr_semmelweis"
HOST = "clinic-pc-0417"
VISITS = pd.DataFrame(
    {
        "subject": ["MRN-0093841", "MRN-0093841"],
        "visit": ["2019-03-04", "2019-09-01"],
        "photo": ["ward/left_arm.jpg", "ward/right_arm.jpg"],
        "true": [10.0, 5.0],
    }
)


@pytest.fixture
def as_someone(monkeypatch, tmp_path):
    """A user, a host and a folder with names that can be searched for."""
    monkeypatch.setenv("USER", USER)
    monkeypatch.setenv("LOGNAME", USER)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr(getpass, "getuser", lambda: USER)
    folder = tmp_path / f"home_of_{USER}" / "runs" / "mini"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def secrets_of(folder):
    names = [*VISITS.subject, *VISITS.visit, *VISITS.photo, "lesions.csv", SECRET_HOST]
    machine = [USER, HOST, os.uname().nodename, str(folder), str(Path.home()), sys.executable]
    code = [str(Path(foldgrid.__file__).parent), str(Path(__file__).parent), sys.argv[0]]
    # A machine may have a very short name, which then turns up by chance.
    return [text for text in [*names, *machine, *code] if len(text) > 5]


def project_everything(folder, mode):
    manifest = Path("/srv/photographs/lesions.csv")
    sweep = make_sweep(data=DataSpec(manifest=manifest), title="Sister Agnes's patients")
    config = make_config()
    with wandb_projector(
        folder, FitRuns(sweep, CONTEXT), mode, Pseudonyms.open(folder)
    ) as projector:
        projector.start(config)
        projector.finish(config, make_record(config), make_history())
        projector.summarise([{"backbone": "resnet18", "mae": 3.0}], VISITS, {"num_fits": 1})
    assert projector.warnings == ()
    search = make_search(
        data=DataSpec(manifest=manifest),
        search_space=f"{manifest}.yaml",
        title="Sister Agnes's patients",
    )
    with wandb_projector(folder, make_kind(search), mode) as projector:
        for number, status in enumerate(("complete", "stopped", "diverged")):
            trial = make_trial(number)
            projector.start(trial)
            projector.log_epoch(trial, make_epoch(1))
            projector.finish(trial, make_trial_record(trial, 1, status), [make_epoch(1)])
        projector.summarise([{"trial": 0, "oof_mae": 3.0}], table="trials")
    assert projector.warnings == ()


def test_no_byte_of_the_wandb_folder_names_anyone(as_someone):
    project_everything(as_someone, "offline")
    files = [path for path in as_someone.glob("wandb/**/*") if path.is_file()]
    assert {path.suffix for path in files} == {".wandb", ".json"}
    for path in files:
        content = path.read_bytes()
        for text in [*secrets_of(as_someone), "Agnes", *map(str, PREDICTED)]:
            assert text.encode() not in content, f"{text} in {path}"


def test_no_byte_sent_to_the_server_names_anyone(as_someone, monkeypatch):
    with FakeWandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        project_everything(as_someone, "online")
        assert len(server.runs) == 2 + 4
        for text in [*secrets_of(as_someone), "Agnes", *map(str, PREDICTED)]:
            assert text.encode() not in server.received, text


QUIET_SCRIPT = """
import sys
from pathlib import Path
from miniature_sweep import CONTEXT, make_config, make_history, make_record, make_sweep
from projectors import wandb_projector
from foldgrid.tracking import FitRuns
from foldgrid.tracking.wandb import resolve_mode
mode = resolve_mode("auto")
with wandb_projector(Path(sys.argv[1]), FitRuns(make_sweep(), CONTEXT), mode) as projector:
    config = make_config()
    projector.project_whole(config, make_history(), make_record(config))
    projector.summarise([{"mae": 1.0}])
sys.exit(mode != "offline" or projector.warnings != ())
"""


def test_the_terminal_stays_empty_and_the_home_folder_too(tmp_path, home):
    """In a process of its own, with a W&B settings file, whose loader likes to print."""
    settings = home / ".config/wandb/settings"
    settings.parent.mkdir(parents=True)
    settings.write_text("[default]\nentity = us\n")
    before = sorted(home.rglob("*"))
    (tmp_path / "tmp").mkdir()
    path = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", QUIET_SCRIPT, str(tmp_path / "run")],
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "TMPDIR": str(tmp_path / "tmp")},
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)
    assert sorted(home.rglob("*")) == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["run", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []
    left = {item.name for item in (tmp_path / "run/wandb").iterdir()}
    assert {name.split("-")[0] for name in left} == {"offline", "projected.json"}


def test_the_environment_is_given_back(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_CACHE_DIR", "/somewhere/else")
    before = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    with wandb_projector(tmp_path, FitRuns(make_sweep(), CONTEXT), "offline") as projector:
        config = make_config()
        projector.project_whole(config, make_history(), make_record(config))
    after = {name: os.environ.get(name) for name in before}
    assert after == before
    assert "WANDB_SILENT" not in os.environ
