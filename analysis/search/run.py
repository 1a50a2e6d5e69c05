"""An opened search: what every exhibit may ask of it; each thing is read or computed once."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from foldgrid.analysis.run import RecordedRun, Remembering
from foldgrid.analysis.search.certainty import StudyCertainty
from foldgrid.analysis.search.course import EpochsSaved, optimisation_history, trial_curves
from foldgrid.analysis.search.results import StudyResults, read_studies
from foldgrid.analysis.search.summary import StudySummary, summarize_study
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.trials import TrialCertainty, TrialRecord


class StudyFacts(Remembering):
    """The facts of one study.

    Args:
        results: Its trials.
        place: Its place among the studies of the search, from 0.
        suffix: What tells its values from those of other studies; "" for the only one.
    """

    def __init__(self, results: StudyResults, place: int, suffix: str) -> None:
        super().__init__()
        self.results, self.place, self.suffix = results, place, suffix

    def key(self, name: str) -> str:
        """The anchor of an exhibit."""
        return f"{name}{self.suffix}"

    @cached_property
    def summary(self) -> StudySummary:
        """What it came to."""
        return summarize_study(self.results)

    @property
    def certainty(self) -> StudyCertainty:
        """How sure its scores are."""
        return self.summary.certainty

    @property
    def saved(self) -> EpochsSaved:
        """What became of its epochs."""
        return self.summary.saved

    @property
    def best(self) -> TrialRecord | None:
        """Its best trial in the first objective."""
        return self.results.best[0] if self.results.best else None

    @property
    def best_certainty(self) -> TrialCertainty:
        """How sure the best trial's score is."""
        best = self.best
        return self.summary.best[best.number] if best else TrialCertainty()

    @cached_property
    def history(self) -> pd.DataFrame:
        """The best so far, trial by trial."""
        return optimisation_history(self.results)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The score by trial and epoch."""
        return trial_curves(self.results)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a trial: how it ended, its epochs, its values and its values as trained."""
        objectives, names = self.results.objectives, list(self.results.plan.space.parameters)
        rows = [
            {
                "trial": trial.number,
                "status": trial.status,
                "num_epochs": trial.num_epochs,
                "num_planned_epochs": trial.num_planned_epochs,
                **{name: trial.oof.get(name, float("nan")) for name in objectives},
                **{name: self.results.value(trial, name) for name in names},
            }
            for trial in self.results.trials
        ]
        return pd.DataFrame(rows)


class SearchRun(RecordedRun):
    """The run folder of a search.

    Args:
        store: The run folder.
        by: The objective that is shown; "" for the search's first.

    Raises:
        SweepError: Nothing was searched here, ``by`` was not searched for, or no trial is over.

    Example:
        >>> run = foldgrid.open_run("runs/lr_plateau")
        >>> run.exhibit("history").plot().save("history.png")
    """

    is_search = True

    def __init__(self, store: RunStore, by: str = "") -> None:
        super().__init__(store, by)
        found = [each for each in read_studies(store, by) if each.trials]
        if not found:
            raise SweepError(
                f"{store.location}: no trial of the search is over yet.\n"
                f"Search on with: {store.relaunch_command()}"
            )
        is_one = len(found) == 1
        self.studies = tuple(
            StudyFacts(each, place, "" if is_one else f"_{place + 1}")
            for place, each in enumerate(found)
        )
