"""Made-up sweeps for reports: the same as next door, with the epochs of every fit.

The reports that several files look at are made once: those files follow one another in one worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from analysis.drawing import drawing
from analysis.drawing.blocks import Section
from analysis.exhibits.search import importance
from analysis.report.making import make_report
from analysis.report.saving import Report, save_report
from analysis.run import Run
from analysis.search.run import SearchRun
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


HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>\"'&"
CLASS_SWEEPS = {
    "classification": "ssc_skin_stages",
    "binary": "referable_dr",
    "tree": "skin_taxonomy",
}
"""The names of the sweeps that repeat a study, by task."""


class Told(NamedTuple):
    """A run, its report, and what the first lines of the report's own code make of it again.

    Attributes:
        fake: The made-up records.
        report: Saved into the run folder too.
        names: What the code defines: ``run`` and its imports.
    """

    fake: Any
    report: Report
    names: dict[str, Any]

    @property
    def run(self) -> Any:
        found: Run | SearchRun = self.names["run"]
        return found

    @property
    def page(self) -> Path:
        return Path(self.run.store.location) / "report.html"

    def section(self, key: str) -> Section:
        return next(section for section in self.report.sections if section.key == key)


def _told(fake: Any, store: RunStore, report: Report) -> Told:
    save_report(store, report)
    names: dict[str, Any] = {}
    found = re.search(r"<pre[^>]*><code>(import .*?)</code>", report.html, re.DOTALL)
    assert found is not None
    exec(unescape(found[1]).replace(f"runs/{fake.folder.name}", store.location), names)
    return Told(fake, report, names)


@contextmanager
def quickly_made() -> Iterator[None]:
    """Reports with small PNGs and few resamples of a search's importances."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "PNG_DPI", 36)
        few = partial(importance.parameter_importances, num_resamples=20, num_shuffles=20)
        patch.setattr(importance, "parameter_importances", few)
        yield


@pytest.fixture(autouse=True)
def _quickly_made() -> Iterator[None]:
    with quickly_made():
        yield


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A sweep of three base learners, one of which lacks two folds; two people share a photo."""
    run = ToldRun(
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
    with quickly_made():
        return _told(run, store, make_report(store))


@pytest.fixture(scope="session")
def told_by_task(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Told]:
    """A sweep of a task of classes and its report, by the task's name."""

    @cache
    def tell(task: str) -> Told:
        vary = {"training_share": (0.25,), "num_grades": (1, 2)} if task == "binary" else {}
        folder = tmp_path_factory.mktemp("runs") / CLASS_SWEEPS[task]
        fake = FakeClassRun(folder, task, vary=vary, has_features=True)
        store = fake.write()
        with quickly_made():
            return _told(fake, store, make_report(store))

    return tell


@pytest.fixture(scope="session")
def told_search(tmp_path_factory: pytest.TempPathFactory) -> Told:
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
    with quickly_made():
        return _told(search, store, make_report(store))


@pytest.fixture
def tell_run(tmp_path: Path) -> Callable[..., ToldRun]:
    """Makes a ``ToldRun`` whose folder is the test's own."""
    return lambda **settings: ToldRun(tmp_path / "tiny", **settings)
