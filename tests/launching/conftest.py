from __future__ import annotations

from pathlib import Path

import pytest

from tests.launching.tiny_sweep import Launcher


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all launches: the tiny synthetic trial is drawn once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def launcher(
    tmp_path: Path,
    shared_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Launcher:
    """Launches sweeps into a temporary folder."""
    monkeypatch.setenv("FOLDGRID_CACHE", str(shared_cache))
    monkeypatch.chdir(tmp_path)
    return Launcher(tmp_path, capsys)
