"""The records of a sweep as one table: every sample and base learner, what is evaluated of each.

That is one number (PASI: a region's composite C, 0 to 72), or a probability for each class. A
training sample's prediction comes from the copy that held its fold out (out-of-fold, OOF); a test
sample's from the mean of what all copies said, then decoded by the task. Base learners with a
missing or diverged fold have no full set of OOF predictions: they are named and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.analysis.predictions.finished_fits import READ_ERRORS, FinishedFits, scoring_of
from foldgrid.analysis.predictions.validation import (
    ADVICE,
    FoldPredictions,
    SplitSamples,
    agreement_problems,
    comparison_problems,
    fold_problems,
    split_problems,
    target_problems,
)
from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.errors import InputError, Problem, SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring, by_model
from foldgrid.tasks.units import model_names


@dataclass(frozen=True)
class BaseLearner:
    """A backbone with its fold fits, complete or not.

    Attributes:
        name: The backbone.
        planned_folds: Folds that the sweep plans.
        fits: The fits that can be used, by fold.
        left_out: Why it cannot be ranked; "" where all its folds can be used.
    """

    name: str
    planned_folds: tuple[int, ...]
    fits: tuple[FoldPredictions, ...]
    left_out: str

    @property
    def folds(self) -> str:
        """Usable over planned folds: ``4/5``; "" where nothing is known of its fits."""
        return f"{len(self.fits)}/{len(self.planned_folds)}" if self.planned_folds else ""

    @property
    def weights(self) -> str:
        """Where its first weights came from: ``random`` or torchvision's name of them."""
        return ", ".join(sorted({fit.record.weights.source for fit in self.fits}))

    @property
    def is_untrained(self) -> bool:
        """Whether its network was never trained: random weights, and a frozen backbone."""
        return self.weights == "random" and not any(
            fit.record.config.training.trains_backbone for fit in self.fits
        )


@dataclass(frozen=True)
class PredictionTable:
    """Everything that ranking and stacking need of a sweep's records.

    Attributes:
        learners: All base learners in the sweep's order.
        samples: By sample: subject, partition, fold, what else the split knows of it, and
            ``reference``, the truth: the physician's C, or the index of the class.
        oof: What is evaluated of the training samples, by complete base learners; see
            ``UnitTable.predicted``.
        test: The same of the test samples.
        task: What is predicted.
        fitted: Of a run folder, what all fits have in common; nothing of a table that was given.
    """

    learners: tuple[BaseLearner, ...]
    samples: pd.DataFrame
    oof: pd.DataFrame
    test: pd.DataFrame
    task: TaskSpec
    fitted: FitConfig | None = None

    @property
    def config(self) -> FitConfig:
        """What all fits have in common, as one of them has it; of a run folder only."""
        assert self.fitted is not None
        return self.fitted

    @cached_property
    def scoring(self) -> Scoring:
        """What the predictions mean."""
        return make_scoring(self.task)

    @property
    def complete_learners(self) -> tuple[str, ...]:
        """The base learners that ``oof`` and ``test`` have."""
        return model_names(self.oof)

    @property
    def train_samples(self) -> pd.DataFrame:
        """The rows of ``samples`` that ``oof`` predicts, in its order."""
        return self.samples.loc[self.oof.index]

    @property
    def test_samples(self) -> pd.DataFrame:
        """The rows of ``samples`` that ``test`` predicts, in its order."""
        return self.samples.loc[self.test.index]


def read_prediction_table(store: RunStore, finished: FinishedFits | None = None) -> PredictionTable:
    """Reads and checks every complete base learner of a run folder.

    Args:
        store: The run folder.
        finished: Its finished fits, where some of them were read already.

    Raises:
        SweepError: Nothing is complete yet, or a rule of honest stacking is broken.
    """
    try:
        plan, split = store.read_plan(), store.read_split()
    except FileNotFoundError as error:
        raise SweepError(
            f"{store.location}: nothing was trained here yet (no plan or no split).\n"
            "Launch the sweep that names this folder; `foldgrid list` shows the sweeps."
        ) from error
    except (*READ_ERRORS, KeyError, TypeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise SweepError(
            f"{store.location}: plan.json or split.parquet cannot be read ({first}).\n"
            f"Launch the sweep again, it writes them anew: {store.relaunch_command()}"
        ) from error
    learners = read_learners(finished or FinishedFits(store), plan)
    complete = [learner for learner in learners if not learner.left_out]
    if not complete:
        raise InputError(
            f"{store.location}: nothing can be ranked yet",
            [Problem(each.name, f"{each.folds} folds", each.left_out) for each in learners],
            "A base learner needs all its folds. Launch the sweep, it trains only what is "
            f"missing: {store.relaunch_command()}",
        )
    fits = [fit for learner in complete for fit in learner.fits]
    _check(store, split, fits, {cell.name: cell.planned_folds for cell in complete})
    config = fits[0].record.config
    samples = split.set_index("sample")
    references = given_references(fits)
    chosen = {learner.name: learner.fits for learner in complete}
    return PredictionTable(
        learners=learners,
        samples=samples.assign(reference=references.reindex(samples.index)),
        oof=_in_order(values_by_learner(chosen, "oof"), samples.index),
        test=_in_order(values_by_learner(chosen, "test"), samples.index),
        task=config.task,
        fitted=config,
    )


def read_learners(finished: FinishedFits, plan: Iterable[PlannedFit]) -> tuple[BaseLearner, ...]:
    """The base learners of a plan with the fits that can be used, in the plan's order."""
    cells: dict[str, list[PlannedFit]] = {}
    for planned in plan:
        cells.setdefault(planned.backbone, []).append(planned)
    return tuple(_read_learner(finished, name, fits) for name, fits in cells.items())


def _read_learner(finished: FinishedFits, name: str, planned: list[PlannedFit]) -> BaseLearner:
    fits: list[FoldPredictions] = []
    lacking: dict[str, list[int]] = {}
    for cell in planned:
        if cell.fit_id not in finished.ids:
            lacking.setdefault("not trained yet", []).append(cell.fold)
            continue
        found = finished.read(cell)
        if found.predictions is not None and not found.fault:
            fits.append(found.predictions)
        else:
            lacking.setdefault(found.fault, []).append(cell.fold)
    reasons = [f"{_folds(folds)} {reason}" for reason, folds in lacking.items()]
    folds = tuple(cell.fold for cell in planned)
    return BaseLearner(name, folds, tuple(fits), "; ".join(reasons))


def _folds(folds: list[int]) -> str:
    return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"


def _check(
    store: RunStore,
    split: pd.DataFrame,
    fits: list[FoldPredictions],
    planned: dict[str, tuple[int, ...]],
) -> None:
    problems = split_problems(split) + comparison_problems(fit.record.config for fit in fits)
    problems += agreement_problems(planned, ())
    if not problems:
        due = SplitSamples(split)
        problems = [problem for fit in fits for problem in fold_problems(fit, due)]
    if not problems:
        names = scoring_of(fits[0]).target_names
        reference = _targets(fits)
        problems = [problem for fit in fits for problem in target_problems(fit, reference, names)]
    if problems:
        raise InputError(store.location, problems, ADVICE)


def _targets(fits: list[FoldPredictions]) -> pd.DataFrame:
    """The truth by sample; where fits overlap, as the first one has it."""
    table = pd.concat([fit.table for fit in fits])
    return table.drop_duplicates("sample").set_index("sample")[
        list(scoring_of(fits[0]).target_names)
    ]


def _predictions(fits: Sequence[FoldPredictions], partition: str) -> pd.DataFrame:
    """What a base learner's fits said of one partition, by sample, one fit after another."""
    names = list(scoring_of(fits[0]).prediction_names)
    table = pd.concat([fit.table[["sample", "partition", *names]] for fit in fits])
    return table[table["partition"] == partition].set_index("sample")[names].astype(np.float64)


def given_references(fits: Sequence[FoldPredictions]) -> pd.Series[Any]:
    """The truth by sample, as the fits have it; they predict the same targets."""
    return scoring_of(fits[0]).reference(_targets(list(fits)))


def values_by_learner(
    learners: Mapping[str, Sequence[FoldPredictions]], partition: str
) -> pd.DataFrame:
    """What is evaluated, by sample and base learner, of the mean of its copies where several.

    Args:
        learners: The fits of each base learner.
        partition: ``oof`` or ``test``.
    """
    return by_model(
        {
            name: scoring_of(fits[0]).values(learner_predictions(fits, partition))
            for name, fits in learners.items()
        }
    )


def learner_predictions(fits: Sequence[FoldPredictions], partition: str) -> pd.DataFrame:
    """What a base learner predicted, by sample, before anything is evaluated of it.

    Args:
        fits: Its fits.
        partition: ``oof``, each sample by the copy that held it out; or ``test``, where the mean
            of what all copies said is taken.

    Returns:
        The task's ``prediction_names``: of a hierarchy the probabilities of its training classes.
    """
    return _predictions(fits, partition).groupby(level="sample").mean()


def _in_order(table: pd.DataFrame, order: pd.Index[str]) -> pd.DataFrame:
    return table.loc[order.intersection(table.index, sort=False)]


def fold_values(fit: FoldPredictions, partition: str = "oof") -> pd.DataFrame:
    """What is evaluated of one fit's predictions of a partition, by sample."""
    return scoring_of(fit).values(_predictions([fit], partition))
