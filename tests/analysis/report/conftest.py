"""Made-up sweeps for reports: the same as next door, with the epochs of every fit.

The reports that several files look at are made once: those files follow one another in one worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from foldgrid.analysis.drawing import drawing
from foldgrid.analysis.drawing.blocks import Section
from foldgrid.analysis.exhibits.search import importance
from foldgrid.analysis.opening import opened
from foldgrid.analysis.report.build import report_of
from foldgrid.analysis.report.saving import Report, save_report
from foldgrid.analysis.statistics.resamples import SEED, SubjectResamples
from foldgrid.records import RunStore
from foldgrid.specs.fits import EpochRecord
from tests.analysis.conftest import FakeRun
from tests.analysis.fake_class_run import FakeClassRun
from tests.analysis.search.made_up_search import MadeUpSearch

LOSSES = (1.5, 0.9, 1.1)
LAUNCH = {
    "started_at": "2026-01-02T03:04:05+00:00",
    "command": ["launch.py", "--sweep", "tiny", "--data", "/home/somebody/study/manifest.csv"],
    "versions": {"foldgrid": "0.1.0", "python": "3.11.7", "torch": "2.15.0", "optuna": None},
    "git": {"commit": "a" * 40, "dirty": True},
    "machine": {"host": "somebodys-laptop"},
}


class ReportedRun(FakeRun):
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


HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>\"'&"
CLASS_SWEEPS = {
    "classification": "ssc_skin_stages",
    "binary": "referable_dr",
    "tree": "skin_taxonomy",
}
"""The names of the sweeps that repeat a study, by task."""


class Reported(NamedTuple):
    """An opened run and its report.

    Attributes:
        fake: The made-up records.
        run: A `Run` or a `SearchRun`; nobody may change it.
        report: Saved into the run folder too.
    """

    fake: Any
    run: Any
    report: Report

    @property
    def page(self) -> Path:
        return Path(self.run.store.location) / "report.html"

    def section(self, key: str) -> Section:
        return next(section for section in self.report.sections if section.key == key)


def tell(fake: Any, store: RunStore) -> Reported:
    """A run folder opened, and its report saved in it."""
    run = opened(store)
    with quickly_made():
        report = report_of(run)
        save_report(store, report)
    return Reported(fake, run, report)


@contextmanager
def quickly_made() -> Iterator[None]:
    """Rankings and reports with small PNGs, few resamples, and fewer of a search's importances."""
    draw, within = SubjectResamples.draw, SubjectResamples.within

    def few_drawn(num: int, num_resamples: int = 100, seed: int = SEED) -> SubjectResamples:
        return draw(num, min(num_resamples, 100), seed)

    def few_within(
        fold_S: NDArray[np.int64], num_resamples: int = 100, seed: int = SEED
    ) -> SubjectResamples:
        return within(fold_S, min(num_resamples, 100), seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SubjectResamples, "draw", few_drawn)
        patch.setattr(SubjectResamples, "within", few_within)
        patch.setattr(drawing, "PNG_DPI", 36)
        few = partial(importance.parameter_importances, num_resamples=20, num_shuffles=20)
        patch.setattr(importance, "parameter_importances", few)
        yield


@pytest.fixture(autouse=True)
def _quickly_made() -> Iterator[None]:
    with quickly_made():
        yield


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """A sweep of three base learners, one of which lacks two folds; two people share a photo."""
    run = ReportedRun(
        tmp_path_factory.mktemp("runs") / "tiny",
        num_subjects=14,
        num_test_subjects=4,
        num_visits=4,
        sweep={"title": HOSTILE},
    )
    run.unfinished.add(("vgg11", 3))
    run.diverged.add(("vgg11", 4))
    store = run.write()
    owners = run.split["subject"]
    shared = [run.split["sample"][owners == name].iloc[0] for name in ("s05", "s06")]
    photos = pd.DataFrame({"sample": list(run.split["sample"]), "photo": range(len(owners))})
    photos.loc[photos["sample"].isin(shared), "photo"] = -1
    store.write_photos(photos)
    return tell(run, store)


@pytest.fixture(scope="session")
def reported_by_task(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reported]:
    """A sweep of a task of classes and its report, by the task's name."""

    @cache
    def reported(task: str) -> Reported:
        ablation = {"training_fraction": (0.25,), "num_raters": (1, 2)} if task == "binary" else {}
        folder = tmp_path_factory.mktemp("runs") / CLASS_SWEEPS[task]
        fake = FakeClassRun(folder, task, ablation=ablation, has_features=True)
        store = fake.write()
        return tell(fake, store)

    return reported


@pytest.fixture(scope="session")
def reported_search(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """A search of 14 trials, three given up, one diverged."""
    search = MadeUpSearch(
        tmp_path_factory.mktemp("runs") / "tiny",
        num_trials=14,
        stopped=frozenset({3, 6, 9}),
        diverged=frozenset({5}),
        title=HOSTILE,
    )
    store = search.write()
    store.write_provenance(LAUNCH)
    return tell(search, store)


@pytest.fixture
def tell_run(tmp_path: Path) -> Callable[..., ReportedRun]:
    """Makes a ``ReportedRun`` whose folder is the test's own."""
    return lambda **settings: ReportedRun(tmp_path / "tiny", **settings)
