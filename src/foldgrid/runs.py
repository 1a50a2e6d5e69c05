"""The face for Python: a run folder opened, and all that can be asked of it.

What the exhibits know of a run is in `foldgrid.analysis.run`; here it is checked, reported and put
to use. Loads neither torch nor Ray before photographs are predicted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from foldgrid.analysis.checks.report import CheckReport
from foldgrid.analysis.run import Run as GridRun
from foldgrid.analysis.search.run import SearchRun as OpenedSearch
from foldgrid.records import RunStore, SearchStore, last_lines
from foldgrid.specs.errors import InputError, Problem, SweepError
from foldgrid.specs.given import is_given
from foldgrid.specs.learners import backbone_of, is_ablation

Photos: TypeAlias = str | PathLike[str] | pd.DataFrame | Sequence[str | PathLike[str]]


def open_run(location: str | PathLike[str], by: str | None = None) -> Run | SearchRun:
    """Opens a run folder, of a grid or a search; reads nothing of it yet that it need not.

    Args:
        location: The run folder, such as ``runs/quickstart``, or its URL in an object store.
        by: The out-of-fold metric that orders the ranking; of a search, which of its objectives
            is shown. The task's or the search's first without.

    Raises:
        SweepError: It is no run folder, ``by`` is unknown, or no trial of a search is over.

    Example:
        >>> run = foldgrid.open_run(folder)
        >>> run.ranking.frame()["kind"].value_counts()["base_learner"]
        np.int64(3)
        >>> run.predictions("resnet18").columns.tolist()
        ['subject', 'visit', 'day', 'fold', 'partition', 'truth', 'resnet18']
        >>> run.exhibit("ranking").frame().shape[0] > 3
        True
    """
    store = RunStore.open(fspath(location))
    return SearchRun(store, by or "") if SearchStore.of(store).exists() else Run(store, by)


def _report(store: RunStore, by: str | None) -> Path | str:
    from foldgrid.analysis.report.build import write_report

    written = write_report(store, by)
    return Path(written) if store.root.is_local else written


class Run(GridRun):
    """A run folder of a grid, opened: its ranking, predictions, exhibits, report and checks.

    Everything is read once, and when it is asked for. `open_run` and `launch` make one.

    Example:
        >>> run = foldgrid.open_run(folder)
        >>> run
        <Run tiny: 3 base learners x 5 folds, 15 of 15 fits done>
        >>> run.fits()["status"].value_counts().to_dict()
        {'complete': 15}
        >>> run.check().has_failed
        False
        >>> print(run.report().name)
        report.html
    """

    def fits(self) -> pd.DataFrame:
        """A row a planned fit: ``base_learner``, ``fold``, ``status`` and how it trained.

        ``status`` is ``complete``, ``diverged``, ``corrupt``, ``missing``, or ``failed``: then
        ``failure`` has the error.
        """
        return pd.DataFrame(_fit_rows(self))

    def check(self) -> CheckReport:
        """Runs every check of the run folder and writes ``checks.json`` there.

        Returns:
            The report: ``failures``, ``frame()``.
        """
        from foldgrid.analysis.checks.catalogue import check_and_save

        return check_and_save(self.store)

    def report(self) -> Path | str:
        """Writes ``report.html`` and its figures into the run folder; returns where it is.

        Raises:
            SweepError: Nothing is complete yet, or the predictions cannot be compared.
        """
        return _report(self.store, self.by)

    def predict(self, photos: Photos, model: str | None = None) -> pd.DataFrame:
        """Inference on new photographs: a trained base learner, as the mean over its folds' models.

        Args:
            photos: The path of a manifest; or its rows as a frame (``photo`` and ``subject``, of
                the PASI task ``visit`` and ``region``, too); or the photographs' paths.
            model: A base learner; the best of the ranking without.

        Returns:
            Of the PASI task a row a visit (``pasi`` and the regions' scores); else a row a
            photograph: ``predicted``, and of classes ``probability_<class>``.

        Raises:
            SweepError: A photograph cannot be used, or the weights were not kept (``keep: best``).

        Example:
            >>> run = foldgrid.open_run(folder)
            >>> table = run.predict([photo], model="plain_cnn")
            >>> table[["subject", "predicted"]].shape
            (1, 2)
            >>> table.filter(like="probability_").columns.tolist()
            ['probability_eczema_atopic_dermatitis_or_healthy', 'probability_psoriasis']
        """
        from foldgrid.cli.prediction import predict_photographs, refuse_permutation
        from foldgrid.predict.trained_learner import open_learner

        refuse_permutation(self.store)
        learner = open_learner(self.store, model or self._best_learner())
        with _manifest(photos) as manifest:
            table = predict_photographs(learner, manifest.path).table
        return manifest.named(table)

    def _best_learner(self) -> str:
        ranked = [
            row.model
            for row in self.ranking.rows
            if row.kind == "base_learner"
            and row.rank
            and not is_ablation(row.model)
            and not is_given(row.model)
        ]
        if not ranked:
            raise SweepError(f"{self.location}: no base learner is ranked yet. Name one.")
        return ranked[0]

    def __repr__(self) -> str:
        names = dict.fromkeys(cell.backbone for cell in self.plan)
        folds = len(dict.fromkeys(cell.fold for cell in self.plan))
        rows = [row["status"] for row in _fit_rows(self)]
        learners = f"{len(names)} base learner{'s' if len(names) != 1 else ''}"
        words = f"{learners} x {folds} folds, {rows.count('complete')} of {len(rows)} fits done"
        for status in ("diverged", "failed", "corrupt", "missing"):
            words += f", {rows.count(status)} {status}" if status in rows else ""
        return f"<Run {self.name}: {words}>"

    def _repr_html_(self) -> str | None:
        """How a notebook shows it: its ranking, where there is one."""
        try:
            return self.ranking._repr_html_()
        except SweepError:
            return None


class SearchRun(OpenedSearch):
    """A run folder of a hyperparameter search, opened: its trials, exhibits and report.

    Example:
        >>> search = foldgrid.open_run(folder)
        >>> search
        <SearchRun tiny: 6 trials>
        >>> search.trials()["status"].value_counts().to_dict()
        {'complete': 5, 'stopped': 1}
        >>> print(search.report().name)
        report.html
    """

    def trials(self) -> pd.DataFrame:
        """A row a trial: ``study``, how it ended, its epochs, its scores and its configuration."""
        return pd.concat(
            [each.trials.assign(study=each.results.entry.name) for each in self.studies],
            ignore_index=True,
        )

    def report(self) -> Path | str:
        """Writes ``report.html`` and its figures into the run folder; returns where it is."""
        return _report(self.store, self.by)

    def __repr__(self) -> str:
        number = sum(len(each.results.trials) for each in self.studies)
        return f"<SearchRun {self.name}: {number} trials>"


def _fit_rows(run: GridRun) -> list[dict[str, Any]]:
    usable = {fit.record.fit_id for fit in run._contents.fits}
    finished = run.store.finished_fits()
    rows = []
    for cell in run.plan:
        record, failure = run.records.get(cell.fit_id), ""
        status = "complete" if cell.fit_id in usable else "corrupt"
        if record is not None and record.status == "diverged":
            status = "diverged"
        elif cell.fit_id not in finished:
            said = last_lines(run.store.root, f"fits/{cell.fit_id}/failure.txt", 1)
            status, failure = ("failed" if said else "missing"), "".join(said)
        row: dict[str, Any] = {
            "base_learner": cell.backbone,
            "backbone": backbone_of(cell.backbone),
            "fold": cell.fold,
            "fit_id": cell.fit_id,
            "status": status,
            "failure": failure,
        }
        if record is not None:
            row |= {
                "num_epochs": record.num_epochs,
                "best_epoch": record.best_epoch,
                "seconds": record.timings.get("total"),
                **record.metrics,
            }
        rows.append(row)
    return rows


class _Manifest:
    """A manifest on disk, and what its photographs are called by whoever gave them."""

    def __init__(self, path: Path, names: Mapping[str, str] | None = None) -> None:
        self.path, self._names = path, names

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        if self._names and "photo" in table:
            return table.assign(photo=[self._names[name] for name in table["photo"]])
        return table


@contextmanager
def _manifest(photos: Photos) -> Iterator[_Manifest]:
    """The manifest of photographs, however they were given.

    Paths in a manifest stay below its folder, so photographs that are given otherwise are linked or
    copied beside one for a moment.
    """
    if isinstance(photos, str | PathLike):
        yield _Manifest(Path(photos))
        return
    if not isinstance(photos, pd.DataFrame):
        paths = [fspath(each) for each in photos]
        subjects = [f"photo-{place}" for place in range(len(paths))]
        photos = pd.DataFrame({"photo": paths, "subject": subjects})
    missing = [str(name) for name in photos.get("photo", []) if not Path(name).is_file()]
    if missing or "photo" not in photos:
        found = [Problem(name, "", "not found.") for name in missing]
        raise InputError("photos", found or [Problem("columns", "photo", "not found.")])
    with tempfile.TemporaryDirectory(prefix="foldgrid-photos-") as folder:
        names = {}
        for place, given in enumerate(map(str, photos["photo"])):
            name = f"{place:06}{Path(given).suffix}"
            _link(Path(given), Path(folder, name))
            names[name] = given
        path = Path(folder, "photos.csv")
        photos.assign(photo=list(names)).to_csv(path, index=False)
        yield _Manifest(path, names)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)
