"""Results in an object store; fits on a Ray cluster that was there before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from foldgrid.records import RunStore
from tests.free_port import free_port
from tests.launching.tiny_sweep import ONE_BACKBONE, Launcher
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS, s3_server


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A prefix in an S3 server on this machine."""
    with s3_server() as address:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        yield f"s3://{BUCKET}/mine"


def test_a_sweep_into_s3_and_its_ranking_from_there(launcher: Launcher, storage: str) -> None:
    path = launcher.write(ONE_BACKBONE)
    done = launcher(path, "--storage", storage, ranked=True)
    assert done.code == 0, done.err
    store = RunStore.open(f"{storage}/tiny")
    assert len(store.finished_fits()) == 2
    assert store.root.exists("leaderboard.csv")
    again = launcher(path, "--storage", storage)
    assert "2 of 2 done, 0 to train" in again.out


@pytest.mark.slow
@pytest.mark.parametrize("has_token", [False, True])
def test_a_sweep_on_a_cluster_that_was_there_before(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, has_token: bool
) -> None:
    # Ray guards a new cluster by a token as soon as the user has one.
    home = launcher.folder / "home"
    (home / ".ray").mkdir(parents=True)
    if has_token:
        (home / ".ray" / "auth_token").write_text("0" * 64)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    ray = str(Path(sys.executable).parent / "ray")
    port = free_port()
    start = [ray, "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}"]
    start += ["--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    with subprocess.Popen(
        start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as head:
        try:
            run = _launch_on(f"127.0.0.1:{port}", launcher)
        finally:
            head.terminate()
            head.wait(timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(launcher.store().finished_fits()) == 4


def _launch_on(address: str, launcher: Launcher) -> subprocess.CompletedProcess[str]:
    # In a process of its own: this one may hold another Ray already.
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "launch.py"), "--sweep", str(launcher.write())]
    command += ["--storage", str(launcher.storage), "--address", address]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=200, env=os.environ, check=False
    )


def test_an_address_where_no_cluster_answers(launcher: Launcher) -> None:
    done = launcher(launcher.write(), "--address", f"127.0.0.1:{free_port()}", executor="ray")
    assert done.code == 2
    assert "no Ray cluster answers" in done.err


def test_a_ray_client_address_is_refused_with_what_works(launcher: Launcher) -> None:
    done = launcher(launcher.write(), "--address", "ray://127.0.0.1:10001", executor="ray")
    assert done.code == 2
    assert "head node" in done.err


def test_a_uri_without_a_bucket_is_refused(launcher: Launcher) -> None:
    done = launcher(launcher.write(), "--storage", "s3://")
    assert done.code == 2
    assert "names no bucket" in done.err
