"""The reading behind a ranking: what its figures rest on, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analysis.evidence.laws import some
from analysis.evidence.notes import Note
from analysis.evidence.predictions import BaseLearner
from analysis.judging import Judgement
from foldgrid.records import RunStore
from foldgrid.scoring import max_pasi

RATER_FLOOR = Note(
    topic="raters",
    text=(
        "For scale: trained physicians scoring the same photographs differ by 3.3 PASI points "
        "between raters and by 2.2 within one (Fink et al. 2018; other patients than these)."
    ),
)


def write_notes(store: RunStore, judgement: Judgement) -> tuple[Note, ...]:
    """All notes of a ranking, the warnings first."""
    notes = [
        _budget(judgement),
        _early_stopping(judgement),
        _order(judgement),
        _weights(judgement),
        _data(store),
        _output(judgement),
        *_stacking(judgement),
        *_split(store),
        *_left_out(judgement),
        RATER_FLOOR,
    ]
    return warnings_first(notes)


def warnings_first(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The same notes, the warnings before the facts."""
    return tuple(sorted(notes, key=lambda note: not note.is_warning))


def _budget(judgement: Judgement) -> Note:
    recipe = judgement.table.config.training
    extent = f"at most {recipe.max_epochs} epoch{'s' if recipe.max_epochs != 1 else ''}"
    if recipe.max_batches_per_epoch:
        extent += f" of {recipe.max_batches_per_epoch} batches"
    if judgement.table.config.budget == "smoke" and recipe.max_batches_per_epoch is not None:
        text = (
            f"Smoke budget, {extent}: these figures show that the machinery works, "
            "they are not results."
        )
        return Note(topic="budget", text=text, is_warning=True)
    return Note(topic="budget", text=f"{judgement.table.config.budget}: {extent} a fit.")


def _early_stopping(judgement: Judgement) -> Note:
    policy = judgement.table.config.training.early_stopping.policy
    if policy == "held_out_fold":
        text = (
            "Each fit stopped on the very fold that it then predicts (held_out_fold, the paper's "
            "way): the OOF figures are optimistic."
        )
        return Note(topic="stopping", text=text, is_warning=True)
    if policy == "none":
        text = (
            "Each fit trained all of its epochs and predicted with its last weights (none): "
            "nothing was chosen, and OOF is unseen."
        )
        return Note(topic="stopping", text=text)
    text = "Each fit stopped on subjects of its own training folds (inner_split): OOF is unseen."
    return Note(topic="stopping", text=text)


def _order(judgement: Judgement) -> Note:
    test = judgement.test
    text = (
        "Out-of-fold (OOF) figures order the table: every training visit, predicted by the fit "
        "that held its subject out; meta-learners and the baseline keep the same folds. The test "
        "set, predicted by the mean of a learner's fits, cannot order it: "
        f"{test.num_visits} visits of {test.num_subjects} subjects are too few."
    )
    return Note(topic="order", text=text)


def _weights(judgement: Judgement) -> Note:
    complete = [each for each in judgement.table.learners if not each.left_out]
    random = [each.name for each in complete if "random" in each.weights.split(", ")]
    if not random:
        return Note(topic="weights", text="Every base learner started from pre-trained weights.")
    if len(random) == len(complete):
        text = "Every base learner started from random weights, none from pre-trained ones."
        return Note(topic="weights", text=text, is_warning=True)
    text = (
        f"Unlike starts: {some(random, 'base learner')} from random weights, "
        f"the other {len(complete) - len(random)} from pre-trained ones."
    )
    return Note(topic="weights", text=text, is_warning=True)


def _data(store: RunStore) -> Note:
    data: dict[str, Any] = store.read_sweep().get("data") or {}
    manifest = data.get("manifest")
    if manifest:
        return Note(topic="data", text=f"The photographs of {manifest}.")
    return Note(topic="data", text="The embedded synthetic trial: drawn pictures, no patients.")


def _output(judgement: Judgement) -> Note:
    outputs = {
        "scores": "The models predict erythema, induration, scaling and involvement of a region",
        "composite": "The models predict a region's composite (E + I + S) x involvement directly",
    }
    text = (
        f"{outputs[judgement.table.config.task.output]}; the figures compare the PASI of "
        f"a visit, 0 to {max_pasi(judgement.regions):g}. MAE and MSE: lower is better; PCC "
        "and CCC: higher."
    )
    return Note(topic="output", text=text)


def _stacking(judgement: Judgement) -> list[Note]:
    if not judgement.meta_learners:
        text = "No meta-learners: stacking needs two complete base learners and two folds."
        return [Note(topic="stacking", text=text)]
    text = (
        "The paper's four meta-learners (meta_learner to meta_learner_ridge_w_intercept) are read "
        "as logit, fractional logistic regressions of a region's composite over its maximum, and "
        "as their linear counterparts, least_squares and ridge."
    )
    return [Note(topic="stacking", text=text)]


def _split(store: RunStore) -> list[Note]:
    try:
        facts = store.read_split_facts()
    except FileNotFoundError:
        return []
    imbalance = facts.get("imbalance")
    if not isinstance(imbalance, int | float):
        return []
    text = f"Imbalance of the scaling scores between train and test: {imbalance:.4f} (0 is none)."
    return [Note(topic="split", text=text)]


def _left_out(judgement: Judgement) -> list[Note]:
    left_out = [learner for learner in judgement.table.learners if learner.left_out]
    begun = [learner for learner in left_out if not learner.folds.startswith("0/")]
    untrained = [learner.name for learner in left_out if learner.folds.startswith("0/")]
    notes = [Note(topic="left out", text=_why(learner), is_warning=True) for learner in begun]
    if untrained:
        text = f"{some(untrained, 'base learner')} without a complete fit yet."
        notes.append(Note(topic="left out", text=text, is_warning=True))
    visits = judgement.oof.num_left_out + judgement.test.num_left_out
    if visits:
        count = f"{visits} visit{'s' if visits != 1 else ''}"
        text = f"{count} without all of: {', '.join(sorted(judgement.regions))}."
        notes.append(Note(topic="left out", text=text, is_warning=True))
    return notes


def _why(learner: BaseLearner) -> str:
    return f"{learner.name}, {learner.folds} folds: {learner.left_out}."
