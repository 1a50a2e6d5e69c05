"""Results in an object store; fits on a Ray cluster that was there before."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from foldgrid.execution import ray_session
from foldgrid.records import RunStore
from tests.chaos.processes import wait_until
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


ASK = """\
import sys
from foldgrid.execution.cluster import ask_cluster
(node,) = ask_cluster(sys.argv[1])
print(node.num_cpus, node.num_gpus, node.card, node.card_gib, node.memory_gib > 0)
"""


@contextmanager
def cluster(
    launcher: Launcher,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_token: bool,
    has_gpus: bool = False,
) -> Iterator[str]:
    """The address of a Ray cluster that this user, with a token or without one, has started."""
    home = launcher.folder / "home"
    (home / ".ray").mkdir(parents=True)
    if has_token:
        (home / ".ray" / "auth_token").write_text("0" * 64)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    ray = str(Path(sys.executable).parent / "ray")
    port = free_port()
    start = [ray, "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}"]
    start += ["--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats", "--block"]
    # Nothing trains on them: they are said, not there.
    start += ["--num-gpus=2", '--resources={"accelerator_type:L4": 1}'] if has_gpus else []
    with subprocess.Popen(
        start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as head:
        try:
            wait_until(lambda: _answers(port), 60.0, "a cluster's head answers")
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            head.wait(timeout=60)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.mark.slow
def test_a_cluster_that_asks_for_a_token_is_joined_and_says_what_it_has(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ray guards a new cluster by a token as soon as the user has one.
    with cluster(launcher, monkeypatch, has_token=True, has_gpus=True) as address:
        run = _python("-c", ASK, address)
    assert (run.returncode, run.stdout) == (0, "1 2 L4 24.0 True\n"), run.stderr


@pytest.mark.parametrize("has_token", [False, True])
def test_the_token_is_sent_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_token: bool
) -> None:
    for name in ("RAY_AUTH_MODE", *ray_session.TOKEN_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    # What is set without it is taken back at the end as well.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(ray_session, "TOKEN_FILE", tmp_path / "auth_token")
    if has_token:
        (tmp_path / "auth_token").touch()
    ray_session._send_token()
    assert os.environ.get("RAY_AUTH_MODE") == ("token" if has_token else None)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("has_token", [False, True])
def test_a_sweep_on_a_cluster_that_was_there_before(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch, has_token: bool
) -> None:
    root = Path(__file__).parents[2]
    with cluster(launcher, monkeypatch, has_token=has_token) as address:
        sweep = (
            "--sweep",
            str(launcher.write()),
            "--budget",
            "smoke",
            "--storage",
            str(launcher.storage),
        )
        run = _python(str(root / "launch.py"), *sweep, "--address", address)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(launcher.store().finished_fits()) == 4


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    # In a process of its own: this one may hold another Ray already.
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        env=dict(os.environ),
        check=False,
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
