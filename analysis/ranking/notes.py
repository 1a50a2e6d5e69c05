"""The reading behind a ranking: what its values rest on, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.predictions.notes import RANDOM_FEATURES, Note, synthetic_data_note
from foldgrid.analysis.predictions.predictions import BaseLearner
from foldgrid.analysis.predictions.validation import some
from foldgrid.records import RunStore
from foldgrid.specs.counted import counted
from foldgrid.specs.given import UNKNOWN_PROVENANCE, given_among, is_given
from foldgrid.tasks.scoring import Scoring


def write_notes(store: RunStore, evaluation: Evaluation) -> tuple[Note, ...]:
    """All notes of a ranking, the warnings first."""
    notes = [
        *_untrained(evaluation),
        _budget(evaluation),
        _early_stopping(evaluation),
        _order(evaluation),
        *_folds(evaluation),
        _weights(evaluation),
        *_given(evaluation),
        _data(store),
        output_note(evaluation),
        *_stacking(evaluation),
        *_split(store, evaluation),
        *_left_out(evaluation),
        *scale_notes(evaluation),
    ]
    return warnings_first(notes)


def table_notes(evaluation: Evaluation, *, has_folds: bool) -> tuple[Note, ...]:
    """The notes of a ranking of a table of predictions, of which nothing else is known."""
    samples = evaluation.table.samples
    text = (
        f"A table of predictions: {counted(len(samples), 'row')} of "
        f"{counted(samples['subject'].nunique(), 'subject')}. "
        "How they were made is not known here: whether a subject's predictions come from a model "
        "that had not seen it is the table's claim."
    )
    notes = [Note(topic="data", text=text), *_order_of(evaluation, has_folds)]
    return warnings_first([*notes, output_note(evaluation), *_left_out(evaluation)])


def _order_of(evaluation: Evaluation, has_folds: bool) -> list[Note]:
    if has_folds:
        return [_order(evaluation), *_folds(evaluation), *_stacking(evaluation)]
    text = (
        "Without a column `fold` there are no meta-learners, and the baseline of a subject is the "
        "mean over all others."
    )
    return [Note(topic="stacking", text=text)]


def warnings_first(notes: Iterable[Note]) -> tuple[Note, ...]:
    """The same notes, the warnings before the facts."""
    return tuple(sorted(notes, key=lambda note: not note.is_warning))


def _budget(evaluation: Evaluation) -> Note:
    recipe = evaluation.table.config.training
    extent = f"at most {counted(recipe.max_epochs, 'epoch')}"
    if recipe.max_batches_per_epoch:
        extent += f" of {counted(recipe.max_batches_per_epoch, 'batch')}"
    if evaluation.table.config.budget == "smoke" and recipe.max_batches_per_epoch is not None:
        text = (
            f"Smoke budget, {extent}: these values show that the machinery works, "
            "they are not results."
        )
        brief = f"Smoke budget, {extent}: no results."
        return Note(topic="budget", text=text, is_warning=True, brief=brief)
    return Note(topic="budget", text=f"{evaluation.table.config.budget}: {extent} a fit.")


def _early_stopping(evaluation: Evaluation) -> Note:
    policy = evaluation.table.config.training.early_stopping.policy
    if policy == "held_out_fold":
        text = (
            "Each fit stopped on the very fold that it then predicts (held_out_fold, the paper's "
            "way): the OOF values are optimistic."
        )
        brief = "Fits stopped on the fold that they predict: OOF is optimistic."
        return Note(topic="stopping", text=text, is_warning=True, brief=brief)
    if policy == "none":
        text = (
            "Each fit trained all of its epochs and predicted with its last weights (none): "
            "no fit has seen whom it predicts."
        )
        return Note(topic="stopping", text=text)
    text = (
        "Each fit stopped on subjects of its own training folds (inner_split): none has seen whom "
        "it predicts."
    )
    return Note(topic="stopping", text=text)


def _order(evaluation: Evaluation) -> Note:
    test, unit_name = evaluation.test, evaluation.table.scoring.unit_name
    text = (
        f"Out-of-fold (OOF) metrics order the table: every training {unit_name.one}, predicted by "
        "the fit that held its subject out; meta-learners and the baseline keep the same folds. "
        "The test set, predicted by the mean of a learner's fits, orders nothing: it has "
        f"{unit_name.count(test.num_units)} of {counted(test.num_subjects, 'subject')}, and models "
        "chosen on it would have no unseen subjects left."
    )
    return Note(topic="order", text=text)


def _folds(evaluation: Evaluation) -> list[Note]:
    """Which units an AUC compares, and the folds that have nothing to compare."""
    scoring, oof = evaluation.table.scoring, evaluation.oof
    if scoring.target_kind != "classes" or not oof.num_units:
        return []
    units = scoring.unit_name
    text = (
        f"AUC compares {units.many} of one fold: each fit's probabilities have a scale of their "
        f"own. Of all {units.many}, whichever fit predicted them, it is `auc_pooled`."
    )
    if not (lacking := _nothing_to_compare(evaluation)):
        return [Note(topic="folds", text=text)]
    named = "; ".join(f"fold {fold} for {listed}" for fold, listed in lacking.items())
    text += (
        f" A fold without a {units.one} of a class, or of any other, has no pair to compare: "
        f"{named}."
    )
    brief = f"AUC lacks pairs of {counted(len(lacking), 'fold')} without both classes."
    return [Note(topic="folds", text=text, is_warning=True, brief=brief)]


def _nothing_to_compare(evaluation: Evaluation) -> dict[int, str]:
    """By fold the classes of which it has no unit, or only such."""
    scoring, oof = evaluation.table.scoring, evaluation.oof
    classes = oof.predicted.columns.get_level_values(1).unique()
    truth_U, folds_U = oof.reference.astype(int), oof.units["fold"].to_numpy()
    asked = [1] if scoring.is_binary else sorted(set(truth_U.tolist()))
    found = {}
    for fold in sorted(set(folds_U.tolist())):
        of_fold_U = truth_U[folds_U == fold]
        counts = {place: int((of_fold_U == place).sum()) for place in asked}
        lacking = [str(classes[place]) for place in asked if counts[place] in (0, len(of_fold_U))]
        if lacking:
            found[fold] = ", ".join(lacking)
    return found


def _weights(evaluation: Evaluation) -> Note:
    learners = evaluation.table.learners
    complete = [each for each in learners if not each.left_out and not is_given(each.name)]
    random = [each.name for each in complete if "random" in each.weights.split(", ")]
    if not complete:
        return Note(topic="weights", text="No base learner was trained here.")
    if not random:
        return Note(topic="weights", text="Every base learner started from pre-trained weights.")
    if len(random) == len(complete):
        text = "Every base learner started from random weights, none from pre-trained ones."
        brief = "Every base learner started from random weights."
        return Note(topic="weights", text=text, is_warning=True, brief=brief)
    text = (
        f"Unlike starts: {some(random, 'base learner')} from random weights, "
        f"the other {len(complete) - len(random)} from pre-trained ones."
    )
    brief = (
        f"Unlike starts: {len(random)} of {counted(len(complete), 'base learner')} from random "
        f"weights."
    )
    return Note(topic="weights", text=text, is_warning=True, brief=brief)


def _untrained(evaluation: Evaluation) -> list[Note]:
    complete = [each for each in evaluation.table.learners if not each.left_out]
    untrained = [each.name for each in complete if each.is_untrained]
    if not untrained:
        return []
    if len(untrained) == len(complete):
        brief = "Random features rank untrained networks: no best is named."
        text = f"{brief} Every backbone is frozen and has random weights."
    else:
        brief = f"Random features: {len(untrained)} of {len(complete)} networks are untrained."
        text = (
            f"Random features: {some(untrained, 'base learner')} frozen with random weights, which "
            "ranks an untrained network; none of them is named best."
        )
    return [Note(topic=RANDOM_FEATURES, text=text, is_warning=True, brief=brief)]


def _given(evaluation: Evaluation) -> list[Note]:
    """That some base learners are tables; nobody here knows what made them."""
    names = given_among(evaluation.table.complete_learners)
    if not names:
        return []
    text = f"{some(names, 'base learner')} given as a table: {UNKNOWN_PROVENANCE}."
    brief = f"{counted(len(names), 'base learner')} given, of unknown provenance."
    return [Note(topic="given", text=text, is_warning=True, brief=brief)]


def _data(store: RunStore) -> Note:
    data: dict[str, Any] = store.read_sweep().get("data") or {}
    manifest = data.get("manifest")
    if not manifest:
        return synthetic_data_note()
    # Its name alone: a note goes into papers, and folders are named after people and sites.
    return Note(topic="data", text=f"The photographs of {PurePath(manifest).name}.")


def _stacking(evaluation: Evaluation) -> list[Note]:
    if not evaluation.meta_learners:
        text = "No meta-learners: stacking needs two complete base learners and two folds."
        return [Note(topic="stacking", text=text)]
    return [stacking_note(evaluation)]


def _split(store: RunStore, evaluation: Evaluation) -> list[Note]:
    try:
        facts = store.read_split_facts()
    except FileNotFoundError:
        return []
    imbalance = facts.get("imbalance")
    if not isinstance(imbalance, int | float):
        return []
    what = evaluation.table.scoring.balanced
    text = f"Imbalance of the {what} between train and test: {imbalance:.4f} (0 is none)."
    return [Note(topic="split", text=text)]


def _left_out(evaluation: Evaluation) -> list[Note]:
    left_out = [learner for learner in evaluation.table.learners if learner.left_out]
    begun = [learner for learner in left_out if not learner.folds.startswith("0/")]
    untrained = [learner.name for learner in left_out if learner.folds.startswith("0/")]
    notes = []
    if begun:
        text = " ".join(map(_why, begun))
        brief = f"{counted(len(begun), 'base learner')} left out: folds are missing or diverged."
        notes.append(Note(topic="left out", text=text, is_warning=True, brief=brief))
    if untrained:
        text = f"{some(untrained, 'base learner')} without a complete fit yet."
        brief = f"Provisional: {counted(len(untrained), 'base learner')} not trained yet."
        notes.append(Note(topic="left out", text=text, is_warning=True, brief=brief))
    visits = evaluation.oof.num_left_out + evaluation.test.num_left_out
    if visits:
        count = evaluation.table.scoring.unit_name.count(visits)
        text = f"{count} without all of: {', '.join(sorted(evaluation.parts))}."
        brief = f"{count} left out: not all of the parts were photographed."
        notes.append(Note(topic="left out", text=text, is_warning=True, brief=brief))
    return notes


def _why(learner: BaseLearner) -> str:
    return f"{learner.name}, {learner.folds} folds: {learner.left_out}."


def output_note(evaluation: Evaluation) -> Note:
    """What the models predict, what the values compare, and which end is better."""
    scoring = evaluation.table.scoring
    text = f"{scoring.explained(evaluation.parts)} {_directions(scoring)}"
    return Note(topic="output", text=text)


def _directions(scoring: Scoring) -> str:
    ends = {"lower": "lower is better", "higher": "higher", "zero": "nearer to 0"}
    reported = []
    for direction, words in ends.items():
        shown = [scoring.metrics[name] for name in scoring.shown]
        titles = [metric.title for metric in shown if metric.direction == direction]
        if titles:
            listed = " and ".join([", ".join(titles[:-1]), titles[-1]]) if titles[1:] else titles[0]
            reported.append(f"{listed}: {words}")
    text = "; ".join(reported)
    return f"{text if 'better' in text else text + ' is better'}."


def scale_notes(evaluation: Evaluation) -> list[Note]:
    """What values of this task are held against."""
    yardstick = evaluation.table.scoring.yardstick
    return [Note(topic="raters", text=yardstick)] if yardstick else []


def stacking_note(evaluation: Evaluation) -> Note:
    """How the meta-learners combine."""
    words = evaluation.table.scoring.stacking_words(len(evaluation.meta_learners))
    return Note(topic="stacking", text=words)
