"""The trials of a search as the analysis sees them: records, epochs, predicted visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from foldgrid.analysis.predictions.task import scoring_of_run
from foldgrid.metrics import METRICS, Metric, best_trials
from foldgrid.records import RunStore, SearchStore
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.specs.recipe_keys import Value, recipe_value
from foldgrid.specs.search_space import BACKBONE
from foldgrid.specs.trials import SearchPlan, StudyEntry, TrialEpoch, TrialRecord
from foldgrid.tasks.scoring import Scoring
from foldgrid.tasks.units import UNIT_COLUMNS, UnitName, UnitTable


@dataclass(frozen=True)
class StudyResults:
    """One study.

    Attributes:
        plan: What was searched, and how.
        entry: Which study this is.
        objectives: What for; the first is the one that values show.
        trials: All that are over, by number.
        courses: By number, a trial's epochs, without their predictions.
        scoring: What the values mean.
        units: The units as the trials that trained to their end predicted them, a column a
            trial, named by its number. Stopped trials have none: they stood at other epochs.
    """

    plan: SearchPlan
    entry: StudyEntry
    objectives: tuple[str, ...]
    trials: tuple[TrialRecord, ...]
    courses: dict[int, tuple[TrialEpoch, ...]]
    scoring: Scoring
    units: UnitTable

    @property
    def metric(self) -> Metric:
        """The first objective."""
        return self.scoring.metrics[self.objectives[0]]

    def decimals(self, metric: str) -> int:
        """Digits after the point that a metric's values are worth where trials lie close."""
        of_task = self.scoring.decimals(metric)
        return 3 if METRICS[metric].direction == "higher" and of_task == 2 else of_task

    @property
    def label(self) -> str:
        """What it is of, for people."""
        return self.entry.backbones[0] if len(self.entry.backbones) == 1 else "all backbones"

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """The trials that trained to their end."""
        return tuple(trial for trial in self.trials if trial.status == "complete")

    @cached_property
    def best(self) -> tuple[TrialRecord, ...]:
        """The best trial; with several objectives the front, best in the first objective first."""
        return tuple(best_trials(self.trials, self.objectives))

    @property
    def own(self) -> TrialRecord | None:
        """Trial 0, the sweep's default configuration, if it is complete."""
        return next((trial for trial in self.complete if trial.number == 0), None)

    def score(self, trial: TrialRecord) -> float:
        """The first objective's value; NaN where the trial diverged."""
        return trial.oof.get(self.metric.name, float("nan"))

    def value(self, trial: TrialRecord, name: str) -> Value:
        """What a parameter was, drawn or not: where its conditions fail the recipe decides it."""
        return trial.backbone if name == BACKBONE else recipe_value(trial.training, name)


def read_studies(store: RunStore, by: str = "") -> tuple[StudyResults, ...]:
    """The studies of a search's run folder, in the sweep's order; those without a trial too.

    Args:
        store: The run folder.
        by: The objective that is to be the first; "" for the search's own.

    Raises:
        SweepError: Nothing was searched here, ``by`` was not searched for, or the trials of a
            study did not predict the same units.
    """
    search = SearchStore.of(store)
    if not search.exists():
        raise SweepError(
            f"{store.location}: nothing was searched here (it holds no search/plan.json).\n"
            "`foldgrid launch lr_plateau` searches."
        )
    plan = search.read_plan()
    objectives = _objectives(plan.settings.objectives, by)
    scoring = scoring_of_run(store)
    return tuple(_read_study(search, plan, entry, objectives, scoring) for entry in plan.studies)


def _objectives(known: Sequence[str], by: str) -> tuple[str, ...]:
    first = [each for each in known if each == by]
    if by and not first:
        raise SweepError(
            f'--by: "{by}" was not searched for. {did_you_mean(by, known)}\n'
            f"This search was for {', '.join(known)}."
        )
    return tuple(dict.fromkeys([*first, *known]))


def _read_study(
    search: SearchStore,
    plan: SearchPlan,
    entry: StudyEntry,
    objectives: tuple[str, ...],
    scoring: Scoring,
) -> StudyResults:
    folders = search.trials(entry.name)
    trials = tuple(folder.read_record() for folder in folders)
    complete = {
        trial.number: folder.read_units()
        for trial, folder in zip(trials, folders, strict=True)
        if trial.status == "complete"
    }
    return StudyResults(
        plan=plan,
        entry=entry,
        objectives=objectives,
        trials=trials,
        courses={
            trial.number: tuple(folder.read_history())
            for trial, folder in zip(trials, folders, strict=True)
        },
        units=_unit_table(entry.name, complete, scoring.unit_name),
        scoring=scoring,
    )


def _unit_table(study: str, tables: dict[int, UnitTable], unit_name: UnitName) -> UnitTable:
    if not tables:
        return UnitTable(pd.DataFrame(columns=list(UNIT_COLUMNS)), pd.DataFrame())
    units = next(iter(tables.values())).units
    for number, table in tables.items():
        if not table.units.equals(units):
            raise SweepError(
                f"study {study}: trial {number} did not predict the {unit_name.many} of the "
                f"others.\nRemove its folder, search/trials/{study}/{number:04}, and search again."
            )
    predicted = {str(n): table.predicted["predicted"] for n, table in tables.items()}
    has_classes = any(each.ndim > 1 for each in predicted.values())
    return UnitTable(
        units, pd.concat(predicted, axis=1) if has_classes else pd.DataFrame(predicted)
    )
