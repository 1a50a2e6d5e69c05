"""One launch of a search, from the command line's options to what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import pandas as pd
from rich.console import Console

from foldgrid.execution.events import Listeners
from foldgrid.execution.feature_job import FeatureTrainer, missing_features
from foldgrid.execution.trainer import Executor
from foldgrid.launching.failure_table import FailedJob, print_failures
from foldgrid.launching.frame import LaunchFrame
from foldgrid.launching.interrupt import Interrupt
from foldgrid.launching.options import Options
from foldgrid.launching.planning.changes_text import changed_facts
from foldgrid.launching.planning.plan_text import print_facts
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.launching.planning.recorded_inputs import search_results
from foldgrid.launching.progress.file import ProgressFile
from foldgrid.launching.sweep_run import write_run_files
from foldgrid.launching.tracking.projecting import project_context
from foldgrid.metrics import METRICS, best_trials
from foldgrid.records import SearchStore
from foldgrid.search.display import SearchDisplay
from foldgrid.search.lockstep import TrialTrainer
from foldgrid.search.outcome import Certainties, trial_rows, write_outcome
from foldgrid.search.plan import StudyPlan, plan_studies, search_facts, training_units
from foldgrid.search.projecting import project_missing_trials, search_summary, trial_listener
from foldgrid.search.retrain_corrupt import RetrainSteering, corrupt_facts, find_corrupt, set_aside
from foldgrid.search.schedulers.rules import Searched
from foldgrid.search.storage.choice import choose_storage
from foldgrid.search.study import SearchStudy, count_done
from foldgrid.search.study_feed import StudyFeed, TrialSteering
from foldgrid.search.trial_log import TrialLog
from foldgrid.search.trials import TrialJob, TrialListener
from foldgrid.specs.errors import SweepError
from foldgrid.specs.failure import Failure
from foldgrid.specs.schedulers import SCHEDULERS
from foldgrid.specs.search_fit import most_epochs
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import SearchPlan, StudyEntry, TrialCertainty, TrialRecord
from foldgrid.tasks.registry import make_scoring
from foldgrid.tracking import Tracker, TrialRuns
from foldgrid.training import TrainingData

JOURNAL = "search/journal.log"
"""Optuna's journal inside the run folder."""

POLL_SECONDS = 1.0
"""How often a launch that waits for others looks at the study."""


def _check_executor(settings: SearchSettings, executor: Literal["ray", "inline"]) -> None:
    """Refuses a scheduler that pauses trials where one runs at a time."""
    if executor == "inline" and settings.scheduling.pauses:
        others = [name for name, scheduler in SCHEDULERS.items() if not scheduler.pauses]
        raise SweepError(
            f"search.scheduler: found {settings.scheduler}, which pauses trials, and --executor "
            f"inline runs one to its end.\nLeave --executor out, or take {', '.join(others)}."
        )


def _known_of_all(
    certainties: Mapping[int, TrialCertainty], num_elsewhere: int
) -> Mapping[int, TrialCertainty]:
    """What holds of the trials where those of other run folders were chosen from too."""
    if not num_elsewhere:
        return certainties
    # Corrected for the choice among some, a score is too good for the best of all.
    return {n: each.model_copy(update={"corrected": {}}) for n, each in certainties.items()}


class SearchSession(LaunchFrame[TrialJob]):
    """A launch of a search; see ``LaunchFrame``.

    Attributes:
        studies: What is searched.
        storage: Where the studies are remembered.
        store: The run folder's ``search/``.
        corrupt: Trials that are not what was written.
        failures: By trial, how it failed.

    Raises:
        SweepError: ``--search-storage`` cannot be used, or not with this scheduler.
    """

    def __init__(
        self,
        prepared: PreparedSweep,
        options: Options,
        trackers: Mapping[str, Tracker],
        console: Console,
    ) -> None:
        plan = f"{prepared.sweep.name}: a search"
        super().__init__(prepared, options, trackers, console, lambda job: job.name, plan)
        _check_executor(prepared.sweep.search, options.executor)
        self.studies = plan_studies(prepared)
        self.storage = choose_storage(options.search_storage, self.local_folder / JOURNAL)
        self.store = SearchStore.of(prepared.store)
        self.corrupt = find_corrupt(self.store, [study.name for study in self.studies])
        self.failures: dict[str, Failure] = {}

    def print_plan(self, budget_reason: str) -> None:
        """Prints what would be searched."""
        with self.storage.answering():
            left = sum(self._num_left(plan) for plan in self.studies)
            done = self._num_done()
        facts = search_facts(self.prepared, self.studies, done, left, budget_reason)
        remembers = ("remembers", self.storage.title)
        names = tuple(plan.name for plan in self.studies)
        changed = changed_facts(self.prepared, search_results(self.prepared, names, left))
        reported = self.tracker_rows("trial").items()
        rows = [*changed, *corrupt_facts(self.corrupt), *facts, remembers, *reported]
        print_facts(self.prepared.sweep.title, rows, self.console)

    def _open(self, plan: StudyPlan) -> SearchStudy:
        sweep = self.prepared.sweep
        return SearchStudy(
            self.storage, plan.name, plan.space, sweep.search, plan.first, sweep.seed
        )

    def train(self) -> int:
        """Searches until every study has its trials; returns how many trials failed."""
        prepared = self.prepared
        is_left = any(self._num_left(study) for study in self.studies)
        is_left = is_left or bool(self.corrupt) or bool(self._num_to_redo())
        with (
            self.storage.answering(),
            self.training(is_left=is_left) as (dataset, executor, interrupt),
        ):
            # The test set goes no further than here.
            data = TrainingData.from_dataset(dataset, prepared.split, self.shared).for_search()
            self._write_and_search(executor, data, interrupt)
        return len(self.failures)

    def _write_and_search(
        self, executor: Executor, data: TrainingData, interrupt: Interrupt
    ) -> None:
        prepared = self.prepared
        self._write_plan()
        for line in write_run_files(prepared):
            self.console.print(line, markup=False, soft_wrap=True)
        self._set_aside_corrupt()
        display = self._display()
        self.failures = display.failures
        progress: ProgressFile[TrialJob] = ProgressFile(
            prepared.store, lambda job: job.name, display.num_done, display.num_total
        )
        with progress, self.limit, self.deadline:
            listeners: list[TrialListener] = [
                interrupt,
                self.log,
                self._projecting(),
                display,
                progress,
                self.limit,
                self.deadline,
            ]
            for plan in self.studies:
                if self._has_features(plan, executor, data, interrupt):
                    self._search(plan, executor, data, listeners)

    def _has_features(
        self, plan: StudyPlan, executor: Executor, data: TrainingData, interrupt: Interrupt
    ) -> bool:
        """Computes the features that a study's trials share; whether they may follow."""
        # Each trial would compute them first, and all others wait.
        missing = missing_features(plan.feature_fits(), data, fewest=1)
        trainer = FeatureTrainer(data, self.store.trial(plan.name, 0).fits)
        return self.has_features(missing, trainer, executor, interrupt)

    def _set_aside_corrupt(self) -> None:
        if not self.corrupt:
            return
        reported = {
            (r.study, r.number): r for plan in self.studies for r in self._open(plan).records()
        }
        # Looked at once more: another launch may have mended it since the plan was made.
        corrupt = find_corrupt(self.store, [plan.name for plan in self.studies])
        set_aside(corrupt, reported, self.forget_run, self.prepared.sweep.name)

    def _num_to_redo(self) -> int:
        return sum(len(self.store.to_redo(plan.name)) for plan in self.studies)

    def _redo(
        self,
        plan: StudyPlan,
        executor: Executor,
        trainer: TrialTrainer,
        units: pd.DataFrame,
        listeners: Sequence[TrialListener],
    ) -> None:
        """Trains the trials of a study again that were set aside."""
        records = self.store.to_redo(plan.name)
        if records:
            trial_log = TrialLog(self.store, units, Listeners(listeners))
            jobs = [plan.job(number, record.values) for number, record in records.items()]
            executor.run(trainer, jobs, trial_log, RetrainSteering(records, trial_log))

    def _projecting(self) -> TrialListener:
        """Who streams trials to the trackers, which have those of earlier launches by then."""
        context = project_context(self.prepared.store)
        studies = tuple(plan.name for plan in self.studies)
        kind = TrialRuns(self.prepared.sweep, context, studies)
        projector = self.open_projector(kind, with_subjects=False)
        project_missing_trials(self.store, studies, projector)
        return trial_listener(projector, self.store)

    def _search(
        self,
        plan: StudyPlan,
        executor: Executor,
        data: TrainingData,
        listeners: Sequence[TrialListener],
    ) -> None:
        """Searches one study until it has its trials."""
        num_left = self._num_left(plan)
        study, settings = self._open(plan), self.prepared.sweep.search
        if study.close_stale():
            self.console.print("Trials that an earlier launch left open are tried again.")
        # `--trials` adds to whatever others train at the same time.
        total = settings.num_trials if self.options.trials is None else None
        feed = StudyFeed(study, plan, num_left, self.deadline, total)
        units = training_units(plan, data)
        most = most_epochs(plan.space, self.prepared.sweep)
        trainer = TrialTrainer(data, self.store)
        self._redo(plan, executor, trainer, units, listeners)
        metrics = make_scoring(self.prepared.sweep.task).metrics
        searched = Searched(
            settings, units, most, metrics, plan.space, self.prepared.sweep.seed, plan.job
        )
        rule = searched.rule()
        if rule is not None:
            for folder in self.store.trials(plan.name):
                record = folder.read_record()
                rule.ended(record.number, folder.read_epochs(), record.status)
        trial_log = TrialLog(self.store, units, Listeners([feed, *listeners]), rule)

        def run() -> None:
            jobs: Iterable[TrialJob] = list(feed) if settings.scheduling.draws_ahead else feed
            executor.run(trainer, jobs, trial_log, TrialSteering(rule, searched.tune(), trial_log))

        try:
            self._until_complete(feed, run)
        finally:
            study.hand_back()

    def _until_complete(self, feed: StudyFeed, run: Callable[[], None]) -> None:
        """Runs until the study has its trials, whoever trains the last of them."""
        run()
        if feed.waits_for_others and self.deadline.gives_room():
            self.console.print("Other launches train what is left; waiting for their trials.")
        while feed.waits_for_others and self.deadline.gives_room():
            time.sleep(POLL_SECONDS)
            if feed.has_room:
                run()

    def _num_left(self, plan: StudyPlan) -> int:
        """Trials that this launch adds to a study."""
        if self.options.trials is not None:
            return self.options.trials
        return max(self.prepared.sweep.search.num_trials - self._num_counted(plan), 0)

    def _num_counted(self, plan: StudyPlan) -> int:
        """A study's trials that are over; looks without making anything."""
        return count_done(self.storage, plan.name)

    def _num_done(self) -> int:
        return sum(self._num_counted(plan) for plan in self.studies)

    def _display(self) -> SearchDisplay:
        """What is shown: trials done, trials in all, the best of earlier launches."""
        left = sum(self._num_left(plan) for plan in self.studies) + self._num_to_redo()
        done = self._num_done() - self._num_to_redo()
        objective = self.prepared.sweep.search.objectives[0]
        found = self._records().values()
        best = [trial for trials in found for trial in best_trials(trials, (objective,))]
        score = min((t.oof[objective] for t in best), key=METRICS[objective].sort_key, default=None)
        return SearchDisplay(objective, done, done + left, score, self.console)

    def _write_plan(self) -> None:
        """Writes what is searched, for whoever reads the run folder later."""
        entries = tuple(
            StudyEntry(name=plan.name, backbones=plan.backbones, first=plan.first)
            for plan in self.studies
        )
        space, settings = self.studies[0].space, self.prepared.sweep.search
        self.store.write_plan(SearchPlan(space=space, settings=settings, studies=entries))

    def finalize(self, certainties: Certainties | None = None) -> dict[str, list[TrialRecord]]:
        """Writes ``best.yaml``, ``search/trials.csv`` and the trackers' summary.

        Args:
            certainties: How sure the best trials' scores are.

        Returns:
            By study, the best trials; several where no objective decides.
        """
        with self.storage.answering():
            trials = self._records()
        certainties = {
            name: _known_of_all(found, self._num_elsewhere(name, trials[name]))
            for name, found in (certainties or {}).items()
        }
        best = write_outcome(self.prepared.store, self.studies, trials, certainties)
        if self.projector is not None:
            rows = trial_rows([trial for records in trials.values() for trial in records])
            facts = search_summary(trials, best)
            self.projector.summarise(rows, facts=facts, table="trials")
        return best

    def _records(self) -> dict[str, list[TrialRecord]]:
        """By study, the trials that are over, those in other launches' run folders included."""
        found: dict[str, list[TrialRecord]] = {}
        for plan in self.studies:
            here, reported = self.store.read_trials(plan.name), self._open(plan).records()
            records = {record.number: record for record in (*here, *reported)}
            found[plan.name] = [records[number] for number in sorted(records)]
        return found

    def num_elsewhere(self) -> int:
        """Trials that are over and lie in other launches' run folders."""
        with self.storage.answering():
            trials = self._records()
        return sum(self._num_elsewhere(name, found) for name, found in trials.items())

    def _num_elsewhere(self, study: str, trials: Sequence[TrialRecord]) -> int:
        return len(trials) - len(self.store.trials(study))

    def close(self, *, is_hurried: bool = False) -> tuple[str, ...]:
        """Ends this launch for others that search with it, and all that surrounds it."""
        self.storage.close()
        return super().close(is_hurried=is_hurried)

    def print_failures(self) -> None:
        """Prints what failed, with the end of its log."""
        failed = [
            FailedJob(f"trial {name}", failure, f"search/trials/{name}/trial.log")
            for name, failure in self.failures.items()
        ]
        print_failures(failed, "trials", self.prepared.store.root, self.console)
