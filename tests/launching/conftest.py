from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.analysis.report.conftest import quickly_made
from tests.launching.tiny_sweep import Launcher
from tests.made_once import MadeOnce
from tests.outside.packages import installed


@pytest.fixture(scope="session")
def shared_cache(made_once: MadeOnce) -> Path:
    """One cache for all launches: the tiny synthetic trial is drawn once."""
    return made_once("cache", lambda folder: None)


@pytest.fixture(autouse=True)
def quickly() -> Iterator[None]:
    """Nobody here looks at a report's PNGs, nor at how wide intervals are; others do."""
    with quickly_made():
        yield


@pytest.fixture
def launcher(
    tmp_path: Path,
    shared_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made_once: MadeOnce,
) -> Launcher:
    """Launches sweeps into a temporary folder."""
    monkeypatch.setenv("FOLDGRID_CACHE", str(shared_cache))
    monkeypatch.chdir(tmp_path)
    return Launcher(tmp_path, capsys, made_once)


@pytest.fixture
def package() -> Iterator[None]:
    """The packages of `tests/outside`, as if they were installed."""
    with installed():
        yield
