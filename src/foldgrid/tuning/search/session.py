"""One launch of a search, from the command line's options to what it found."""

from __future__ import annotations

from pathlib import Path

import optuna
from optuna.storages.journal import JournalFileBackend
from rich.console import Console

from foldgrid.records import RunStore, run_location
from foldgrid.scoring import METRICS
from foldgrid.training import TrainingData
from foldgrid.tuning.interrupt import Interrupt
from foldgrid.tuning.plan_text import print_facts
from foldgrid.tuning.preparation import PreparedSweep
from foldgrid.tuning.search.executors import (
    InlineTrialExecutor,
    RayTrialExecutor,
    TrialExecutor,
)
from foldgrid.tuning.search.outcome import best_trials, read_trials, write_outcome
from foldgrid.tuning.search.plan import StudyPlan, plan_studies, search_facts
from foldgrid.tuning.search.running import SearchDisplay, StudyFeed
from foldgrid.tuning.search.study import SearchStudy
from foldgrid.tuning.search.trials import TrialListeners, TrialRecord
from foldgrid.tuning.session import Options, decoding
from foldgrid.tuning.sweep_run import write_run_files

JOURNAL = "search/journal.log"
"""Optuna's journal inside the run folder."""


class SearchSession:
    """A prepared search.

    Args:
        prepared: The sweep, which names a search space.
        options: The command line's.
        console: Where to show progress.
        local_folder: Where the study's journal goes.
    """

    def __init__(
        self, prepared: PreparedSweep, options: Options, console: Console, local_folder: Path
    ) -> None:
        self.prepared, self.options, self.console = prepared, options, console
        self.studies = plan_studies(prepared)
        self.journal = local_folder / JOURNAL
        self.search_store = RunStore(run_location(prepared.store.location, "search"))
        self.failures: dict[str, str] = {}

    def print_plan(self, budget_reason: str) -> None:
        """Prints what would be searched."""
        facts = search_facts(self.prepared, self.studies, self._num_done(), budget_reason)
        print_facts(self.prepared.sweep.title, facts, self.console)

    def _num_done(self) -> int:
        """Trials of earlier launches; looks without making anything."""
        if not self.journal.exists():
            return 0
        known = optuna.study.get_all_study_names(self._storage())
        return sum(
            min(self._open(study).num_counted, self.prepared.sweep.search.num_trials)
            for study in self.studies
            if study.name in known
        )

    def _storage(self) -> optuna.storages.BaseStorage:
        return optuna.storages.JournalStorage(JournalFileBackend(str(self.journal)))

    def _open(self, plan: StudyPlan) -> SearchStudy:
        sweep = self.prepared.sweep
        return SearchStudy(
            self._storage(), plan.name, plan.space, sweep.search, plan.first, sweep.seed
        )

    def train(self) -> int:
        """Searches until every study has its trials; returns how many trials failed."""
        prepared, settings = self.prepared, self.prepared.sweep.search
        num_total = settings.num_trials * len(self.studies)
        is_left = self._num_done() < num_total
        with (
            Interrupt() as interrupt,
            decoding(prepared.survey, self.console) as dataset,
            self._executor(is_left) as runner,
        ):
            # The test set goes no further than here.
            data = TrainingData.from_dataset(dataset.result(), prepared.split).without_test()
            write_run_files(prepared)
            self.journal.parent.mkdir(parents=True, exist_ok=True)
            display = SearchDisplay(
                settings.objectives[0], self._num_done(), num_total, self._best(), self.console
            )
            for plan in self.studies:
                study = self._open(plan)
                if study.close_stale():
                    self.console.print("Trials that an earlier launch left open are tried again.")
                feed = StudyFeed(study, plan, settings.num_trials)
                runner.run(feed, data, self.search_store, TrialListeners(interrupt, feed, display))
        self.failures = display.failures
        return len(self.failures)

    def _best(self) -> float | None:
        """The best score of earlier launches in the first objective."""
        objective = self.prepared.sweep.search.objectives[0]
        found = [read_trials(self.search_store, study.name) for study in self.studies]
        best = [trial for trials in found for trial in best_trials(trials, (objective,))]
        return min((t.oof[objective] for t in best), key=METRICS[objective].sort_key, default=None)

    def _executor(self, is_left: bool) -> TrialExecutor:
        # Where nothing is left to train, Ray need not start.
        if self.options.executor == "inline" or not is_left:
            return InlineTrialExecutor()
        retries = self.prepared.sweep.resources.max_retries
        return RayTrialExecutor(self.prepared.resources, retries, self.options.address)

    def conclude(self) -> dict[str, list[TrialRecord]]:
        """Writes ``best.yaml`` and ``search/trials.csv``; returns by study the best trials."""
        return write_outcome(self.prepared.store, self.search_store, self.studies)

    def close(self) -> tuple[str, ...]:
        """Nothing is open."""
        return ()

    def print_failures(self) -> None:
        """Prints what failed, with where its traceback is."""
        for name, message in self.failures.items():
            where = f"{self.search_store.location}/trials/{name}.failure.txt"
            self.console.print(f"failed  {message}\n        {where}", markup=False, soft_wrap=True)
