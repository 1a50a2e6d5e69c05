"""Made-up sweeps for reports: the same as next door, with the epochs of every fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foldgrid.records import RunStore
from foldgrid.specs.fits import EpochRecord
from tests.analysis.conftest import FakeRun

LOSSES = (1.5, 0.9, 1.1)
LAUNCH = {
    "started_at": "2026-01-02T03:04:05+00:00",
    "command": ["launch.py", "--sweep", "tiny", "--data", "/home/somebody/study/manifest.csv"],
    "versions": {"foldgrid": "0.1.0", "python": "3.11.7", "torch": "2.15.0", "optuna": None},
    "git": {"commit": "a" * 40, "dirty": True},
    "machine": {"host": "somebodys-laptop"},
}


class ToldRun(FakeRun):
    """A made-up sweep that also kept its epochs and its provenance."""

    def write(self) -> RunStore:
        store = super().write()
        store.write_provenance(LAUNCH)
        for (backbone, fold), place in zip(self.predictions, range(10_000), strict=False):
            folder = store.fit(self.config(backbone, fold).fit_id)
            for epoch, loss in enumerate(LOSSES, start=1):
                folder.append_epoch(
                    EpochRecord(
                        epoch=epoch,
                        learning_rate=0.01,
                        train_loss=loss + 0.01 * place,
                        validation_loss=1.1 * loss,
                        is_best=epoch == 2,
                        wall_seconds=0.1,
                    )
                )
        return store


@pytest.fixture
def tell_run(tmp_path: Path) -> Callable[..., ToldRun]:
    """Makes a ``ToldRun`` whose folder is the test's own."""
    return lambda **settings: ToldRun(tmp_path / "tiny", **settings)


@pytest.fixture(scope="module")
def tell_run_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ToldRun]:
    """The same for a run that the tests of a module share and do not change."""

    def tell(**settings: Any) -> ToldRun:
        return ToldRun(tmp_path_factory.mktemp("runs") / "tiny", **settings)

    return tell
