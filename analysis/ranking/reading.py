"""The reading behind a ranking: what its figures rest on, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foldgrid.analysis.evaluation import Judgement
from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.predictions.predictions import BaseLearner
from foldgrid.analysis.predictions.validation import some
from foldgrid.records import RunStore
from foldgrid.tasks.scoring import Scoring


def write_notes(store: RunStore, judgement: Judgement) -> tuple[Note, ...]:
    """All notes of a ranking, the warnings first."""
    notes = [
        _budget(judgement),
        _early_stopping(judgement),
        _order(judgement),
        _weights(judgement),
        _data(store),
        output_note(judgement),
        *_stacking(judgement),
        *_split(store, judgement),
        *_left_out(judgement),
        *scale_notes(judgement),
    ]
    return warnings_first(notes)


def table_notes(judgement: Judgement, *, has_folds: bool) -> tuple[Note, ...]:
    """The notes of a ranking of a table of predictions, of which nothing else is known."""
    samples = judgement.table.samples
    text = (
        f"A table of predictions: {len(samples)} rows of {samples['subject'].nunique()} subjects. "
        "How they were made is not known here: whether a subject's predictions come from a model "
        "that had not seen it is the table's claim."
    )
    notes = [Note(topic="data", text=text), *_order_of(judgement, has_folds)]
    return warnings_first([*notes, output_note(judgement), *_left_out(judgement)])


def _order_of(judgement: Judgement, has_folds: bool) -> list[Note]:
    if has_folds:
        return [_order(judgement), *_stacking(judgement)]
    text = (
        "Without a column `fold` there are no meta-learners, and the baseline of a subject is the "
        "mean over all others."
    )
    return [Note(topic="stacking", text=text)]


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
    test, noun = judgement.test, judgement.table.scoring.noun
    text = (
        f"Out-of-fold (OOF) figures order the table: every training {noun.one}, predicted by the "
        "fit that held its subject out; meta-learners and the baseline keep the same folds. The "
        "test set, predicted by the mean of a learner's fits, cannot order it: "
        f"{noun.count(test.num_units)} of {test.num_subjects} subjects are too few."
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
    return Note(
        topic="data", text="The embedded synthetic photographs: drawn pictures, no patients."
    )


def _stacking(judgement: Judgement) -> list[Note]:
    if not judgement.meta_learners:
        text = "No meta-learners: stacking needs two complete base learners and two folds."
        return [Note(topic="stacking", text=text)]
    return [stacking_note(judgement)]


def _split(store: RunStore, judgement: Judgement) -> list[Note]:
    try:
        facts = store.read_split_facts()
    except FileNotFoundError:
        return []
    imbalance = facts.get("imbalance")
    if not isinstance(imbalance, int | float):
        return []
    what = judgement.table.scoring.balanced
    text = f"Imbalance of the {what} between train and test: {imbalance:.4f} (0 is none)."
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
        count = judgement.table.scoring.noun.count(visits)
        text = f"{count} without all of: {', '.join(sorted(judgement.parts))}."
        notes.append(Note(topic="left out", text=text, is_warning=True))
    return notes


def _why(learner: BaseLearner) -> str:
    return f"{learner.name}, {learner.folds} folds: {learner.left_out}."


def output_note(judgement: Judgement) -> Note:
    """What the models predict, what the figures compare, and which end is better."""
    scoring = judgement.table.scoring
    text = f"{scoring.explained(judgement.parts)} {_directions(scoring)}"
    return Note(topic="output", text=text)


def _directions(scoring: Scoring) -> str:
    ends = {"lower": "lower is better", "higher": "higher", "zero": "nearer to 0"}
    told = []
    for direction, words in ends.items():
        shown = [scoring.metrics[name] for name in scoring.shown]
        titles = [metric.title for metric in shown if metric.direction == direction]
        if titles:
            listed = " and ".join([", ".join(titles[:-1]), titles[-1]]) if titles[1:] else titles[0]
            told.append(f"{listed}: {words}")
    text = "; ".join(told)
    return f"{text if 'better' in text else text + ' is better'}."


def scale_notes(judgement: Judgement) -> list[Note]:
    """What figures of this task are held against."""
    yardstick = judgement.table.scoring.yardstick
    return [Note(topic="raters", text=yardstick)] if yardstick else []


def stacking_note(judgement: Judgement) -> Note:
    """How the meta-learners combine."""
    words = judgement.table.scoring.stacking_words(len(judgement.meta_learners))
    return Note(topic="stacking", text=words)
