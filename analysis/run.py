"""What every section of a report may ask of a run folder; each thing is read or computed once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from analysis.evaluation import Judgement
from analysis.predictions.read_once import ReadOnceStore
from analysis.predictions.task import scoring_of_run
from analysis.ranking.board import RankedModel, Ranking, known_figure
from analysis.ranking.making import judge_and_rank
from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.fits import FitConfig, FitRecord
from foldgrid.tasks.scoring import Scoring


class RecordedRun:
    """The launch of a run folder.

    Args:
        store: The run folder.
    """

    def __init__(self, store: RunStore) -> None:
        self.store = store

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
        return not (self.sweep.get("data") or {}).get("manifest")

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


P = ParamSpec("P")
T = TypeVar("T")


class RunFacts(RecordedRun):
    """The facts of one run folder.

    Args:
        store: The run folder.
        by: The out-of-fold figure that orders the ranking.
    """

    def __init__(self, store: RunStore, by: str | None = None) -> None:
        super().__init__(ReadOnceStore(store.location))
        self.by = known_figure(by, scoring_of_run(self.store))
        self._found: dict[object, object] = {}

    @cached_property
    def _computed(self) -> tuple[Judgement, Ranking]:
        return judge_and_rank(self.store, self.by)

    @property
    def judgement(self) -> Judgement:
        """Every model on every visit."""
        return self._computed[0]

    @property
    def ranking(self) -> Ranking:
        """The models in order, with how sure that is."""
        return self._computed[1]

    def once(
        self, compute: Callable[Concatenate[RunFacts, P], T], *args: P.args, **named: P.kwargs
    ) -> T:
        """What ``compute(run, ...)`` gives, computed when it is asked for the first time."""
        key = compute, args, tuple(named.items())
        if key not in self._found:
            self._found[key] = compute(self, *args, **named)
        return cast(T, self._found[key])

    @property
    def scoring(self) -> Scoring:
        """What is predicted, and how it counts."""
        return self.judgement.table.scoring

    @property
    def best(self) -> RankedModel:
        """The model that the report is about: the first that learned something."""
        return self.ranking.best

    @property
    def baseline(self) -> RankedModel:
        """The row that says the mean for everybody."""
        return next(row for row in self.ranking.rows if row.kind == "baseline")

    @property
    def rivals(self) -> list[RankedModel]:
        """The models that were compared with the best, the baseline apart."""
        standings = [(row, self.ranking.standing(row)) for row in self.ranking.rows]
        return [row for row, each in standings if each.difference and row.kind != "baseline"]

    @property
    def tied(self) -> list[RankedModel]:
        """The rivals that cannot be told from the best."""
        return [row for row in self.rivals if self.ranking.standing(row).is_tied]

    @property
    def config(self) -> FitConfig:
        """What all fits have in common, as one of them has it."""
        return self.judgement.table.config

    @cached_property
    def plan(self) -> tuple[PlannedFit, ...]:
        """The grid of the current settings."""
        return self.store.read_plan()

    @cached_property
    def records(self) -> dict[str, FitRecord]:
        """The finished fits of the plan by fit id, in the plan's order."""
        finished = self.store.finished_fits()
        planned = [fit.fit_id for fit in self.plan if fit.fit_id in finished]
        return {fit_id: self.store.read_fit(fit_id) for fit_id in planned}

    @property
    def opened(self) -> str:
        """The lines that make these facts again, where the run folder is below ``runs/``."""
        by = "" if self.by == next(iter(self.scoring.metrics)) else f", by={self.by!r}"
        opened = f"RunFacts(RunStore.open({f'runs/{self.name}'!r}){by})"
        return f"from analysis.run import RunFacts\nrun = {opened}"

    @cached_property
    def subject_labels(self) -> dict[str, str]:
        """What a report calls each subject: a number, in the order of their names.

        A report is sent around; who is meant can be looked up in the run folder only.
        """
        names = sorted({str(name) for name in self.judgement.table.samples["subject"]})
        return {name: f"subject {number}" for number, name in enumerate(names, start=1)}

    def without_names(self, text: str) -> str:
        """A sentence of a check without the names of samples and subjects."""

        def numbered(found: re.Match[str]) -> str:
            words = re.split(r"( and |, )", found[1])
            if not any(word in self.subject_labels for word in words):
                return found[0]
            return "".join(self.subject_labels.get(word, word) for word in words)

        text = re.sub(r"\bsubjects? ([^:.]+)", numbered, text)
        owners = self.judgement.table.samples["subject"]
        for sample in sorted(map(str, owners.index), key=len, reverse=True):
            text = text.replace(sample, f"one of {self.subject_labels[str(owners[sample])]}")
        return text

    @property
    def has_test(self) -> bool:
        """Whether there is a test set to speak of."""
        return self.judgement.test.num_units > 0
