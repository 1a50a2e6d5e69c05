"""One launch of a search, from the command line's options to what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

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
from foldgrid.tuning.search.outcome import best_trials, write_outcome
from foldgrid.tuning.search.plan import StudyPlan, plan_studies, search_facts
from foldgrid.tuning.search.running import SearchDisplay, StudyFeed
from foldgrid.tuning.search.storage_choice import choose_storage
from foldgrid.tuning.search.study import SearchStudy, count_done
from foldgrid.tuning.search.trials import TrialListeners, TrialRecord
from foldgrid.tuning.session import Options, decoding
from foldgrid.tuning.sweep_run import write_run_files

JOURNAL = "search/journal.log"
"""Optuna's journal inside the run folder."""

POLL_SECONDS = 1.0
"""How often a launch that waits for others looks at the study."""


class SearchSession:
    """A prepared search.

    Args:
        prepared: The sweep, which names a search space.
        options: The command line's.
        console: Where to show progress.
        local_folder: Where the study's journal goes, if nothing else is named.

    Raises:
        SweepError: ``--search-storage`` cannot be used.
    """

    def __init__(
        self, prepared: PreparedSweep, options: Options, console: Console, local_folder: Path
    ) -> None:
        self.prepared, self.options, self.console = prepared, options, console
        self.studies = plan_studies(prepared)
        self.storage = choose_storage(options.search_storage, local_folder / JOURNAL)
        self.search_store = RunStore(run_location(prepared.store.location, "search"))
        self.failures: dict[str, str] = {}

    def print_plan(self, budget_reason: str) -> None:
        """Prints what would be searched."""
        with self.storage.answering():
            num_done = self._num_done()
        facts = search_facts(self.prepared, self.studies, num_done, budget_reason)
        remembers = ("remembers", self.storage.title)
        print_facts(self.prepared.sweep.title, [*facts, remembers], self.console)

    def _num_done(self) -> int:
        """Trials of earlier launches; looks without making anything."""
        most = self.prepared.sweep.search.num_trials
        return sum(min(count_done(self.storage, study.name), most) for study in self.studies)

    def _open(self, plan: StudyPlan) -> SearchStudy:
        sweep = self.prepared.sweep
        return SearchStudy(
            self.storage, plan.name, plan.space, sweep.search, plan.first, sweep.seed
        )

    def train(self) -> int:
        """Searches until every study has its trials; returns how many trials failed."""
        prepared, settings = self.prepared, self.prepared.sweep.search
        num_total = settings.num_trials * len(self.studies)
        is_left = self._num_done() < num_total
        with (
            self.storage.answering(),
            Interrupt() as interrupt,
            decoding(prepared.survey, self.console) as dataset,
            self._executor(is_left) as runner,
        ):
            # The test set goes no further than here.
            data = TrainingData.from_dataset(dataset.result(), prepared.split).without_test()
            write_run_files(prepared)
            studies = {plan.name: self._open(plan) for plan in self.studies}
            display = SearchDisplay(
                settings.objectives[0],
                self._num_done(),
                num_total,
                self._best(studies.values()),
                self.console,
            )
            for plan in self.studies:
                feed = StudyFeed(studies[plan.name], plan, settings.num_trials)
                listeners = TrialListeners(interrupt, feed, display)
                self._search(
                    studies[plan.name],
                    feed,
                    partial(runner.run, feed, data, self.search_store, listeners),
                )
        self.failures = display.failures
        return len(self.failures)

    def _search(self, study: SearchStudy, feed: StudyFeed, run: Callable[[], None]) -> None:
        """Trains until the study is complete, whoever completes it."""
        if study.close_stale():
            self.console.print("Trials that an earlier launch left open are tried again.")
        try:
            run()
            if feed.waits_for_others:
                self.console.print("Other launches train what is left; waiting for their trials.")
            while feed.waits_for_others:
                time.sleep(POLL_SECONDS)
                if feed.has_room:
                    run()
        finally:
            study.hand_back()

    def _best(self, studies: Iterable[SearchStudy]) -> float | None:
        """The best score of earlier launches in the first objective."""
        objective = self.prepared.sweep.search.objectives[0]
        found = [study.records() for study in studies]
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
        with self.storage.answering():
            trials = {plan.name: self._open(plan).records() for plan in self.studies}
        return write_outcome(self.prepared.store, self.studies, trials)

    def close(self) -> tuple[str, ...]:
        """Ends this launch for others that search with it."""
        self.storage.close()
        return ()

    def print_failures(self) -> None:
        """Prints what failed, with where its traceback is."""
        for name, message in self.failures.items():
            where = f"{self.search_store.location}/trials/{name}.failure.txt"
            self.console.print(f"failed  {message}\n        {where}", markup=False, soft_wrap=True)
