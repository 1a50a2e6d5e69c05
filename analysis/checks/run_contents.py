"""The contents of a run folder that can be read, and its faults: corrupt files never raise here.

A check looks at one of these and never at the disk, so that a corrupt file costs the checks that
need it and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd

from foldgrid.analysis.checks.evaluated import Evaluated, evaluated_fits, subject_errors
from foldgrid.analysis.checks.report import checked_state
from foldgrid.analysis.predictions.finished_fits import READ_ERRORS, FinishedFits, fault_of
from foldgrid.analysis.predictions.predictions import PredictionTable, read_prediction_table
from foldgrid.analysis.predictions.validation import FoldPredictions
from foldgrid.records import PlannedFit, RunStore, SearchStore
from foldgrid.records.verification import fit_faults
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import FitRecord
from foldgrid.specs.label_permutation import LabelPermutation

SPLIT_COLUMNS = ("sample", "subject", "partition", "fold")
PHOTO_COLUMNS = ("sample", "photo")

Content = TypeVar("Content")


@dataclass(frozen=True)
class RunContents:
    """A run folder as far as it can be read.

    Attributes:
        store: The run folder.
        plan: The grid; nothing where it cannot be read.
        split: The split's table; likewise.
        photos: Which photograph is which tile; nothing in run folders of earlier versions.
        permutation: What makes it the run of a label-permutation test; nothing for a sweep's own.
        fits: Complete fits whose predictions can be used.
        records: The record of every finished fit that can be read, by id; the diverged too.
        missing: Planned fits that are not finished.
        diverged: Planned fits that diverged.
        faults: What cannot be read or used, each with its place.
        finished: The finished fits, for whoever looks at them next.
        made_from: The digest of the state that was read; see ``checked_state``.
    """

    store: RunStore
    plan: tuple[PlannedFit, ...] | None
    split: pd.DataFrame | None
    photos: pd.DataFrame | None
    permutation: LabelPermutation | None
    fits: tuple[FoldPredictions, ...]
    records: Mapping[str, FitRecord]
    missing: tuple[PlannedFit, ...]
    diverged: tuple[PlannedFit, ...]
    faults: tuple[Problem, ...]
    finished: FinishedFits
    made_from: str

    @cached_property
    def samples(self) -> pd.DataFrame | None:
        """The split's table with each sample once, whatever else is wrong with it."""
        return None if self.split is None else self.split.drop_duplicates("sample")

    @cached_property
    def evaluated(self) -> tuple[Evaluated, ...]:
        """What is evaluated of each fit; nothing where the fits predict different things."""
        tasks = [fit.record.config.task for fit in self.fits]
        return tuple(evaluated_fits(self.fits)) if tasks == tasks[:1] * len(tasks) else ()

    @cached_property
    def errors(self) -> pd.DataFrame | str:
        """Of complete learners what ``subject_errors`` gives, or why there is nothing."""
        complete = self.complete_learners
        if not any(complete.values()):
            return "No base learner is complete yet."
        if self.samples is None:
            return "split.parquet cannot be read; see FG201."
        chosen = [each for each in self.evaluated if each.learner in complete]
        if not chosen:
            return "The fits predict different things; see FG204."
        subjects = self.samples.set_index("sample")["subject"]
        try:
            return subject_errors(chosen, subjects)
        except KeyError:
            return "Samples were predicted that the split does not have; see FG301."

    @cached_property
    def found_recipe(self) -> Mapping[str, Any] | None:
        """The search that found the recipe, as provenance names it; nothing where none did."""
        try:
            found = self.store.read_provenance().get("hyperparameters")
        except (*READ_ERRORS, KeyError, TypeError):
            return None
        return found if isinstance(found, dict) and "run" in found else None

    @property
    def complete_learners(self) -> dict[str, list[FoldPredictions]]:
        """The fits of the base learners all of whose planned folds can be used."""
        folds: dict[str, set[int]] = {}
        for cell in self.plan or ():
            folds.setdefault(cell.backbone, set()).add(cell.fold)
        fits: dict[str, list[FoldPredictions]] = {name: [] for name in folds}
        for fit in self.fits:
            fits[fit.backbone].append(fit)
        return {name: own for name, own in fits.items() if len(own) == len(folds[name])}

    @cached_property
    def table(self) -> PredictionTable:
        """What the ranking is made of.

        Raises:
            SweepError: See ``read_prediction_table``.
        """
        return read_prediction_table(self.store, self.finished)


def read_contents(store: RunStore) -> RunContents:
    """Reads a run folder, each file once."""
    # Before anything is read: a fit that ends meanwhile makes what is stored out of date.
    made_from = checked_state(store)
    finished = FinishedFits(store)
    faults: list[Problem] = []
    # A search has trials and no grid: there is nothing wrong with a plan that was never made.
    is_search = SearchStore.of(store).exists() and not store.root.exists("plan.json")
    plan = None if is_search else _read("plan.json", store.read_plan, faults)
    split = _with_columns("split.parquet", _read("split.parquet", store.read_split, faults), faults)
    photos = None
    if store.root.exists("photos.parquet"):
        photos = _read("photos.parquet", store.read_photos, faults)
        photos = _with_columns("photos.parquet", photos, faults, PHOTO_COLUMNS)
    permutation = _read("canary.json", store.read_permutation, faults)
    fits, records, diverged = [], {}, []
    missing = [cell for cell in plan or () if cell.fit_id not in finished.ids]
    for cell in plan or ():
        if cell.fit_id not in finished.ids:
            continue
        found = finished.read(cell)
        if found.has_diverged:
            diverged.append(cell)
        else:
            faults += _fit_faults(finished, cell, found.fault)
        if found.record is not None:
            records[cell.fit_id] = found.record
        if found.predictions is not None and not found.fault:
            fits.append(found.predictions)
    return RunContents(
        store=store,
        plan=plan,
        split=split,
        photos=photos,
        permutation=permutation,
        fits=tuple(fits),
        records=records,
        missing=tuple(missing),
        diverged=tuple(diverged),
        faults=tuple(faults),
        finished=finished,
        made_from=made_from,
    )


def cell_name(cell: PlannedFit) -> str:
    """What people call a fit: ``resnet34 fold 2``."""
    return f"{cell.backbone} fold {cell.fold}"


def _read(name: str, read: Callable[[], Content], faults: list[Problem]) -> Content | None:
    try:
        return read()
    except FileNotFoundError:
        faults.append(Problem(name, "", "is missing."))
    except (*READ_ERRORS, KeyError, TypeError) as error:
        faults.append(Problem(name, "", f"{fault_of(error)}."))
    return None


def _with_columns(
    name: str,
    table: pd.DataFrame | None,
    faults: list[Problem],
    columns: tuple[str, ...] = SPLIT_COLUMNS,
) -> pd.DataFrame | None:
    """The table where it has all its columns; else nothing, and a fault."""
    lacking = [column for column in columns if table is not None and column not in table]
    if lacking:
        faults.append(Problem(name, "", f"lacks the column {', '.join(lacking)}."))
        return None
    return table


def _fit_faults(finished: FinishedFits, cell: PlannedFit, fault: str) -> list[Problem]:
    """What is wrong with the files of one finished fit, and else with what they say."""
    found = fit_faults(finished.store.fit(cell.fit_id), finished.sizes)
    found = found or ((fault,) if fault else ())
    return [Problem(cell_name(cell), "", f"{each}.") for each in found]
