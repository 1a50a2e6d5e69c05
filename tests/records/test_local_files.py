"""Crashes in the midst of writing, and places that cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foldgrid.records import RunStore, run_location
from foldgrid.records.files import FileRoot
from foldgrid.specs.errors import SweepError
from tests.records.finished_fits import make_config, make_record, write_fit


def test_a_failed_rename_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = FileRoot(str(tmp_path))
    root.write_bytes("a/state", b"old")

    def refuse(*_: object) -> None:
        raise OSError("the disk went away")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="the disk went away"):
        root.write_bytes("a/state", b"new")
    assert root.read_bytes("a/state") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["state"]


def test_a_process_killed_before_the_rename_leaves_the_old_content(tmp_path: Path) -> None:
    RunStore(str(tmp_path)).write_text("state", "old")
    script = (
        "import os, signal, sys, pathlib\n"
        "from foldgrid.records import RunStore\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "RunStore(sys.argv[1]).write_text('state', 'new')\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -9
    store = RunStore(str(tmp_path))
    assert store.root.read_bytes("state") == b"old"
    store.write_text("state", "newer")
    assert store.root.read_bytes("state") == b"newer"


def test_a_fit_killed_while_completing_is_finished_or_not_but_never_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, config = RunStore(str(tmp_path)), make_config()
    folder = store.fit(config.fit_id)
    folder.write_checkpoint(b"checkpoint")
    steps: list[tuple[bool, bool]] = []

    def monitor(target: object, name: str) -> None:
        real = getattr(target, name)

        def step(*arguments: object, **options: object) -> None:
            steps.append((folder.is_finished(), folder.has_checkpoint()))
            real(*arguments, **options)
            steps.append((folder.is_finished(), folder.has_checkpoint()))

        monkeypatch.setattr(target, name, step)

    monitor(store.root, "write_bytes")
    monitor(store.root, "remove")
    write_fit(folder, config)
    assert (False, False) not in steps, "the checkpoint went before the record came"
    assert steps[-1] == (True, False)
    assert folder.read_record() == make_record(config)


@pytest.mark.parametrize("location", ["s3:///prefix", "nonsense://bucket/prefix"])
def test_a_place_that_cannot_be_opened_is_named(location: str) -> None:
    with pytest.raises(SweepError) as caught:
        FileRoot(location).exists("a")
    assert str(caught.value).startswith(f"{location}: cannot be opened (")
    assert "s3://bucket/prefix" in str(caught.value)


@pytest.mark.parametrize(
    ("storage", "location"),
    [
        ("runs", "runs/a"),
        ("runs/", "runs/a"),
        ("odd?folder", "odd?folder/a"),
        ("s3://bucket", "s3://bucket/a"),
        ("s3://bucket/prefix/", "s3://bucket/prefix/a"),
        (
            "s3://bucket/prefix?scheme=http&endpoint_override=1.2.3.4:5",
            "s3://bucket/prefix/a?scheme=http&endpoint_override=1.2.3.4:5",
        ),
    ],
)
def test_a_run_folder_is_below_its_storage(storage: str, location: str) -> None:
    assert run_location(storage, "a") == location
