"""What a sweep did unlike the published study, and what may therefore be compared.

Every sentence follows from the run's own records: the sweep, one finished fit, the ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foldgrid.analysis.ranking.ranking import Ranking
from foldgrid.records import RunStore
from foldgrid.specs.base import Spec
from foldgrid.specs.counted import counted
from foldgrid.specs.fits import FitConfig

Forbids = Literal["order", "sizes", "nothing"]

PAPER_TILE_PIXELS = 128
PAPER_PATIENCE = 50
PAPER_NUM_FOLDS = 5
PAPER_NUM_VISITS = 338
PAPER_NUM_SUBJECTS = 60
PAPER_TEST_VISITS = 34
PAPER_TEST_SUBJECTS = 6


class Difference(Spec):
    """One thing that this sweep did unlike the study.

    Attributes:
        topic: One or two words.
        ours: What this sweep did.
        theirs: What the study did.
        forbids: What cannot be compared because of it: ``order`` (neither the order of the models
            nor the sizes of their errors), ``sizes`` (the order can be), ``nothing`` (both can be,
            knowing it).
        reason: Why, as part of a sentence; "" where it forbids nothing.
    """

    topic: str
    ours: str
    theirs: str
    forbids: Forbids
    reason: str = ""


@dataclass(frozen=True)
class _Run:
    """What the records say of a run."""

    sweep: dict[str, object]
    data: dict[str, object]
    config: FitConfig | None
    num_folds: int
    ranking: Ranking


def differences_from_paper(
    store: RunStore, ranking: Ranking, config: FitConfig | None = None
) -> tuple[Difference, ...]:
    """What this sweep did unlike the study, the gravest first.

    Args:
        store: The run folder.
        ranking: Ours.
        config: Of its first finished fit, where that was read already.
    """
    sweep = store.read_sweep()
    plan = store.read_plan()
    if config is None:
        finished = store.finished_fits()
        config = next((store.read_fit(f.fit_id).config for f in plan if f.fit_id in finished), None)
    data = sweep.get("data")
    run = _Run(
        sweep=sweep,
        data=data if isinstance(data, dict) else {},
        config=config,
        num_folds=len({fit.fold for fit in plan}),
        ranking=ranking,
    )
    found = [
        *_data(run),
        *_weights(run),
        *_training(run),
        *_pixels(run),
        *_folds(run),
        *_cohort(run),
        *_stopping(run),
    ]
    gravity = {"order": 0, "sizes": 1, "nothing": 2}
    return tuple(sorted(found, key=lambda difference: gravity[difference.forbids]))


def verdict(differences: tuple[Difference, ...]) -> str:
    """What may and what may not be compared with the study, in words."""
    grave = [each.reason for each in differences if each.forbids == "order"]
    sizes = [each.reason for each in differences if each.forbids == "sizes"]
    if grave:
        return (
            "Neither the order of the models nor the sizes of their errors may be compared with "
            f"the paper's: {_listed(grave)}. What may be compared is the procedure; the published "
            "values stand here for orientation."
        )
    if sizes:
        return (
            "The order of the models may be compared with the paper's, the sizes of their errors "
            f"may not: {_listed(sizes)}."
        )
    return (
        "Order and sizes may be compared with the paper's, within what its "
        f"{PAPER_TEST_VISITS} test visits of {PAPER_TEST_SUBJECTS} subjects can tell apart."
    )


def _data(run: _Run) -> list[Difference]:
    theirs = f"photographs of {PAPER_NUM_SUBJECTS} trial patients"
    if run.data.get("manifest"):
        reason = "the photographs are of other patients, whose PASI spreads otherwise"
        ours = f"the photographs of {run.data['manifest']}"
        return [Difference(topic="data", ours=ours, theirs=theirs, forbids="sizes", reason=reason)]
    reason = "the photographs are drawn, not taken of patients"
    ours = "the synthetic trial"
    return [Difference(topic="data", ours=ours, theirs=theirs, forbids="order", reason=reason)]


def _weights(run: _Run) -> list[Difference]:
    starts = [row.weights.split(", ") for row in run.ranking.rows if row.weights]
    num_random = sum("random" in start for start in starts)
    if not num_random:
        return []
    is_all = num_random == len(starts)
    ours = "random weights" if is_all else f"random weights for {num_random} of {len(starts)}"
    reason = (
        "the base learners started from random weights"
        if is_all
        else f"{num_random} of {counted(len(starts), 'base learner')} started from random weights"
    )
    theirs = "weights pre-trained on ImageNet"
    return [Difference(topic="weights", ours=ours, theirs=theirs, forbids="order", reason=reason)]


def _training(run: _Run) -> list[Difference]:
    if run.config is None:
        return []
    recipe = run.config.training
    is_cut = recipe.max_batches_per_epoch is not None
    # A fit that ends before the paper's patience runs out cannot have stopped as the paper's did.
    if not is_cut and recipe.max_epochs > PAPER_PATIENCE:
        return []
    extent = f"at most {counted(recipe.max_epochs, 'epoch')}"
    if is_cut:
        extent += f" of {recipe.max_batches_per_epoch} batches"
    return [
        Difference(
            topic="training",
            ours=f"{run.config.budget} budget, {extent}",
            theirs=f"until {PAPER_PATIENCE} epochs brought nothing better",
            forbids="order",
            reason=f"a fit trained for {extent}",
        )
    ]


def _pixels(run: _Run) -> list[Difference]:
    pixels = run.data.get("tile_pixels")
    if not isinstance(pixels, int) or pixels == PAPER_TILE_PIXELS:
        return []
    return [
        Difference(
            topic="pixels",
            ours=f"{pixels} a photograph's side",
            theirs=str(PAPER_TILE_PIXELS),
            forbids="sizes",
            reason=f"a photograph has {pixels} pixels a side, not {PAPER_TILE_PIXELS}",
        )
    ]


def _folds(run: _Run) -> list[Difference]:
    if run.num_folds == PAPER_NUM_FOLDS:
        return []
    return [
        Difference(
            topic="folds",
            ours=counted(run.num_folds, "fold"),
            theirs=f"{PAPER_NUM_FOLDS} folds",
            forbids="sizes",
            reason=f"a test prediction is the mean of {counted(run.num_folds, 'fit')}, "
            f"not of {PAPER_NUM_FOLDS}",
        )
    ]


def _cohort(run: _Run) -> list[Difference]:
    visits, subjects = run.ranking.num_units, run.ranking.num_subjects
    found = (sum(visits.values()), sum(subjects.values()), visits["test"], subjects["test"])
    paper = (PAPER_NUM_VISITS, PAPER_NUM_SUBJECTS, PAPER_TEST_VISITS, PAPER_TEST_SUBJECTS)
    if found == paper:
        return []
    words = "{} visits of {} subjects, {} of {} for testing"
    return [
        Difference(
            topic="cohort",
            ours=words.format(*found),
            theirs=words.format(*paper),
            forbids="nothing",
        )
    ]


def _stopping(run: _Run) -> list[Difference]:
    if run.config is None or run.config.training.early_stopping.policy == "held_out_fold":
        return []
    return [
        Difference(
            topic="stopping",
            ours={
                "inner_split": "on subjects of the training folds (inner_split)",
                "none": "after all epochs (none)",
            }[run.config.training.early_stopping.policy],
            theirs="on the fold that was then predicted",
            forbids="nothing",
        )
    ]


def _listed(reasons: list[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{', '.join(reasons[:-1])}, and {reasons[-1]}"
