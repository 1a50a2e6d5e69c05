"""An opened run folder: what every exhibit may ask of it; each thing is read or computed once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import pandas as pd

from foldgrid.analysis.checks.catalogue import check_before_ranking, complete_checks
from foldgrid.analysis.checks.report import CheckReport
from foldgrid.analysis.checks.run_contents import RunContents, read_contents
from foldgrid.analysis.evaluation import Evaluation, evaluate, predictions_of
from foldgrid.analysis.exhibit import ShownExhibit, chosen_exhibit, exhibits_of
from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.predictions.task import scoring_of_run
from foldgrid.analysis.ranking.build import rank_evaluation, ranking_notes
from foldgrid.analysis.ranking.leaderboard import made_from_now
from foldgrid.analysis.ranking.ranking import RankedModel, Ranking, known_metric
from foldgrid.analysis.ranking.uncertainty import all_notes
from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.fits import FitConfig, FitRecord
from foldgrid.tasks.scoring import Scoring

P = ParamSpec("P")
T = TypeVar("T")
Self_ = TypeVar("Self_", bound="Remembering")


class Remembering:
    """Something that computes nothing twice."""

    def __init__(self) -> None:
        self._found: dict[object, object] = {}

    def once(
        self: Self_, compute: Callable[Concatenate[Self_, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """What ``compute(self, ...)`` gives, computed when it is asked for the first time."""
        key = compute, args, tuple(named.items())
        if key not in self._found:
            self._found[key] = compute(self, *args, **named)
        return cast(T, self._found[key])


class RecordedRun(Remembering):
    """The launch of a run folder.

    Args:
        store: The run folder.
        by: What orders its models or trials.
    """

    is_search: bool = False

    def __init__(self, store: RunStore, by: str) -> None:
        super().__init__()
        self.store, self.by = store, by

    @property
    def location(self) -> str:
        """The run folder, as it was given."""
        return self.store.location

    @property
    def asked(self) -> tuple[str, ...]:
        """The exhibits that its task names."""
        return ()

    @property
    def usual(self) -> str:
        """What orders it where nobody says so."""
        return ""

    @property
    def opened(self) -> str:
        """The lines that open it again, where the run folder is below ``runs/``."""
        by = "" if self.by == self.usual else f", by={self.by!r}"
        return f"import foldgrid\nrun = foldgrid.open_run({f'runs/{self.name}'!r}{by})"

    @property
    def exhibits(self) -> tuple[str, ...]:
        """The names of its exhibits, in the order of the report."""
        return tuple(exhibits_of(self))

    def exhibit(self, name: str) -> ShownExhibit:
        """A part of the report: its numbers, its pictures, and what stands on the page.

        Args:
            name: One of ``exhibits``.

        Raises:
            SweepError: This run has no such exhibit; the message lists those that it has.
        """
        return self.once(_shown, name)

    @cached_property
    def sweep(self) -> dict[str, Any]:
        """``sweep.yaml``."""
        return self.store.read_sweep()

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """``provenance.json``; empty where there is none."""
        return _optional(self.store.read_provenance)

    @cached_property
    def split_facts(self) -> dict[str, Any]:
        """``split.json``; empty where there is none."""
        return _optional(self.store.read_split_facts)

    @property
    def is_synthetic(self) -> bool:
        """Whether the photographs are the embedded synthetic trial's."""
        data = self.sweep.get("data") or {}
        return not (data.get("manifest") or data.get("example"))

    @property
    def name(self) -> str:
        """The run folder's own name; the folders above it are nobody's business."""
        location = self.store.location.partition("?")[0].rstrip("/")
        return str(self.sweep.get("name") or PurePosixPath(location).name)

    @property
    def title(self) -> str:
        """The sweep's title."""
        return str(self.sweep.get("title") or self.name)

    @property
    def private_words(self) -> dict[str, str]:
        """Paths that may name a person or a machine, and what a report says in their place."""
        paths = {self.store.location: self.name}
        manifest = str((self.sweep.get("data") or {}).get("manifest") or "")
        words = list(self.provenance.get("command") or [])
        for path in (manifest, *words):
            if "/" in path or "\\" in path:
                paths[path] = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return paths


def _optional(read: Callable[[], Any]) -> dict[str, Any]:
    try:
        return dict(read())
    except FileNotFoundError:
        return {}


def _shown(run: RecordedRun, name: str) -> ShownExhibit:
    return ShownExhibit(chosen_exhibit(run, name), run)


class Run(RecordedRun):
    """The run folder of a grid: everything of it is read once, and when it is asked for.

    Args:
        store: The run folder.
        by: The out-of-fold metric that orders the ranking; the task's first without.

    Raises:
        SweepError: The task has no such metric.

    Example:
        >>> run = foldgrid.open_run("runs/ssc_skin")
        >>> run.best.model
        'mobilenet_v2'
        >>> run.exhibit("roc").frame()
    """

    def __init__(self, store: RunStore, by: str | None = None) -> None:
        super().__init__(store, known_metric(by, scoring_of_run(store)))

    @property
    def asked(self) -> tuple[str, ...]:
        """See ``RecordedRun``."""
        return self.scoring.exhibits

    @property
    def usual(self) -> str:
        """See ``RecordedRun``."""
        return next(iter(self.scoring.metrics))

    @cached_property
    def _contents(self) -> RunContents:
        """All that can be read of it; each fit is read once, for checks and values alike."""
        return read_contents(self.store)

    @cached_property
    def _first_checks(self) -> CheckReport:
        return check_before_ranking(self._contents)

    @cached_property
    def evaluation(self) -> Evaluation:
        """Every model on every visit."""
        return evaluate(self.store, self._contents.table)

    @cached_property
    def ranking(self) -> Ranking:
        """The models in order, with how sure that is."""
        made_from = made_from_now(self.store)
        return rank_evaluation(self.store, self.evaluation, self.by, self._first_checks, made_from)

    @cached_property
    def checks(self) -> CheckReport:
        """Every check, those too that no ranking waits for."""
        return complete_checks(self._contents, self._first_checks)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What to know before believing the values, by every check."""
        notes = ranking_notes(self.store, self.evaluation, self.checks)
        return all_notes(self.ranking.model_copy(update={"notes": notes}))

    def predictions(self, *models: str, samples: bool = False) -> pd.DataFrame:
        """The predictions of one model or several beside the truth, a row a unit.

        Args:
            models: Base learners, meta-learners or the baseline; every complete base learner
                without.
            samples: A row a sample instead: of the PASI task a region, in units of C.

        Returns:
            ``subject``, ``sample`` or ``visit`` and ``day``, ``fold`` (which one held the subject
            out; NA in the test set), ``partition`` (``oof`` or ``test``), ``truth``, and a column
            a model in the task's unit; of classes ``truth`` is a class's name, and each model has
            a column of probabilities a class, ``model:class``. `foldgrid.rank` reads such a table.

        Raises:
            SweepError: There is no such model, or nothing is complete yet.

        Example:
            >>> run = foldgrid.open_run("runs/quickstart")
            >>> run.predictions("shufflenet_v2_x0_5").columns.tolist()
            ['subject', 'visit', 'day', 'fold', 'partition', 'truth', 'shufflenet_v2_x0_5']
        """
        return predictions_of(self.evaluation, models, samples=samples)

    @property
    def scoring(self) -> Scoring:
        """What is predicted, and how it counts."""
        return self.evaluation.table.scoring

    @property
    def best(self) -> RankedModel:
        """The model that the report is about: the first that learned something."""
        return self.ranking.best

    @property
    def names_best(self) -> bool:
        """Whether ``best`` may be called so: it is not made of networks that were never trained."""
        learners = [each for each in self.evaluation.table.learners if not each.left_out]
        trained = {each.name for each in learners if not each.is_untrained}
        is_learner = any(each.name == self.best.model for each in learners)
        return self.best.model in trained if is_learner else bool(trained) or not learners

    @property
    def baseline(self) -> RankedModel:
        """The row that predicts the mean for everybody."""
        return next(row for row in self.ranking.rows if row.kind == "baseline")

    @property
    def rivals(self) -> list[RankedModel]:
        """The models that were compared with the best, the baseline apart."""
        standings = [(row, self.ranking.standing(row)) for row in self.ranking.rows]
        return [row for row, each in standings if each.difference and row.kind != "baseline"]

    @property
    def tied(self) -> list[RankedModel]:
        """The rivals that cannot be distinguished from the best."""
        return [row for row in self.rivals if self.ranking.standing(row).is_tied]

    @property
    def config(self) -> FitConfig:
        """What all fits have in common, as one of them has it."""
        return self.evaluation.table.config

    @cached_property
    def plan(self) -> tuple[PlannedFit, ...]:
        """The grid of the current settings."""
        return self.store.read_plan()

    @cached_property
    def records(self) -> dict[str, FitRecord]:
        """The finished fits of the plan that can be read, by fit id, in the plan's order."""
        return dict(self._contents.records)

    @cached_property
    def subject_labels(self) -> dict[str, str]:
        """What a report calls each subject: a number, in the order of their names.

        A report is sent around; who is meant can be looked up in the run folder only.
        """
        names = sorted({str(name) for name in self.evaluation.table.samples["subject"]})
        return {name: f"subject {number}" for number, name in enumerate(names, start=1)}

    def without_names(self, text: str) -> str:
        """A sentence of a check without the names of samples and subjects."""

        def numbered(found: re.Match[str]) -> str:
            words = re.split(r"( and |, )", found[1])
            if not any(word in self.subject_labels for word in words):
                return found[0]
            return "".join(self.subject_labels.get(word, word) for word in words)

        text = re.sub(r"\bsubjects? ([^:.]+)", numbered, text)
        owners = self.evaluation.table.samples["subject"]
        for sample in sorted(map(str, owners.index), key=len, reverse=True):
            text = text.replace(sample, f"one of {self.subject_labels[str(owners[sample])]}")
        return text

    @property
    def has_test(self) -> bool:
        """Whether there is a test set to speak of."""
        return self.evaluation.test.num_units > 0
