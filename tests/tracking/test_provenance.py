"""Where results come from: complete, free of secrets, and honest about the code's commit."""

import json
import subprocess
import sys
from datetime import datetime

import pytest

from foldgrid.specs.fits import WeightsRecord
from foldgrid.tracking import collect_provenance, provenance
from foldgrid.tracking.provenance import git_state, package_versions


def git(folder, *arguments):
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    code = tmp_path / "src"
    code.mkdir()
    (code / "a.py").write_text("a = 1\n")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_everything_asked_for_is_there_and_is_json(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "hunter2-hunter2")
    facts = collect_provenance(
        data_fingerprint="da7a",
        split_fingerprint="5911",
        seed=3,
        devices=[{"name": "cpu"}],
        weights={"resnet18": WeightsRecord(source="IMAGENET1K_V1", file="r.pth", sha256="ab")},
    )
    text = json.dumps(facts)
    assert json.loads(text) == facts
    assert "hunter2" not in text
    assert facts["command"] == sys.argv
    assert datetime.fromisoformat(facts["started_at"]).utcoffset().total_seconds() == 0
    assert facts["weights"]["resnet18"]["sha256"] == "ab"
    assert facts["versions"]["python"].startswith("3.")
    assert set(facts["machine"]) == {"host", "platform", "num_cpus", "memory_gib"}
    assert facts["machine"]["num_cpus"] >= 1


def test_a_password_on_the_command_line_is_hidden():
    command = ["launch.py", "--search-storage", "postgresql://me:hunter2@host/trials"]
    facts = collect_provenance(
        data_fingerprint="da7a", split_fingerprint="5911", seed=3, command=command
    )
    assert facts["command"] == [*command[:2], "postgresql://me:***@host/trials"]


def test_a_missing_package_is_null():
    assert package_versions(["numpy", "no-such-package"])["no-such-package"] is None


def test_the_commit_and_whether_the_code_differs(repository):
    clean = git_state(repository / "src")
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (repository / "results.csv").write_text("not tracked")
    assert git_state(repository / "src") == clean
    (repository / "src/a.py").write_text("a = 2\n")
    assert git_state(repository / "src") == clean | {"dirty": True}


def test_code_that_only_lies_in_a_repository_has_no_commit(repository):
    installed = repository / ".venv/foldgrid"
    installed.mkdir(parents=True)
    assert git_state(installed) is None


def test_outside_a_repository_and_without_git_there_is_no_commit(repository, monkeypatch):
    assert git_state(repository.parent / "nowhere") is None
    monkeypatch.setenv("PATH", "")
    assert git_state(repository / "src") is None


def test_a_system_that_does_not_tell_its_memory(monkeypatch):
    monkeypatch.delattr(provenance.os, "sysconf")
    assert provenance.machine_facts()["memory_gib"] is None
