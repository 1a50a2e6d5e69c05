"""Optuna's dashboard, as ``Next:`` says to start it, in a real browser."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.free_port import free_port
from tests.launching.test_search_end_to_end import SEARCH, trials_of
from tests.launching.tiny_sweep import Launched, Launcher
from tests.postgresql_on_localhost import PASSWORD, PostgresqlServer

START_SECONDS = 60


@pytest.fixture(params=[pytest.param("journal", marks=pytest.mark.exhaustive), "postgresql"])
def searched(
    request: pytest.FixtureRequest,
    launcher: Launcher,
    postgresql: PostgresqlServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Launched:
    """A finished search."""
    options: list[str] = []
    if request.param == "postgresql":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        url = postgresql.url(postgresql.new_database(), password=None)
        options = ["--search-storage", url]
    done = launcher(launcher.write(SEARCH), *options)
    assert done.code == 0, done.err
    return done


def printed_command(done: Launched) -> list[str]:
    (line,) = [line for line in done.out.splitlines() if line.strip().startswith("optuna-dash")]
    program, *words = shlex.split(line)
    return [str(Path(sys.executable).parent / program), *words]


@contextmanager
def dashboard(command: list[str], folder: Path) -> Iterator[str]:
    """Runs it on this machine only; gives its address."""
    port = free_port()
    with (folder / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
            env=os.environ,
        )
    try:
        _wait_for(port, process, folder / "dashboard.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)


def test_the_dashboard_shows_the_search(
    searched: Launched, launcher: Launcher, browser: Browser
) -> None:
    trials = trials_of(launcher.storage / "tiny")
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.set_default_timeout(60_000)
    reached: set[str] = set()
    page.on("request", lambda request: reached.add(urlsplit(request.url).netloc))
    with dashboard(printed_command(searched), launcher.folder) as address:
        page.goto(f"{address}/dashboard/")
        page.get_by_text(trials["study"][0]).first.click()
        best = f"{trials['oof_mae'].min():.6f}"[:-1]
        expect(page.get_by_text(best).first).to_be_visible(timeout=60_000)
        expect(page.locator(".js-plotly-plot").first).to_contain_text("mae", timeout=60_000)
        page.screenshot(path=launcher.folder / "history.png")
        study = page.url
        for _, trial in trials.iterrows():
            page.goto(f"{study}/trials?numbers={trial['trial']}")
            for metric_value in (trial["oof_mae"], trial["learning_rate"]):
                shown = page.get_by_text(f"{metric_value:.12f}".rstrip("0")[:12]).first
                expect(shown).to_be_visible(timeout=60_000)
        page.screenshot(path=launcher.folder / "trial.png")
    page.close()
    assert reached == {urlsplit(address).netloc}, "it reaches for nothing else"
    pictures = [(launcher.folder / name).stat().st_size for name in ("history.png", "trial.png")]
    assert min(pictures) > 20_000, "an empty page is smaller"
