"""What to know before believing a difference between runs, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from foldgrid.analysis.comparison.comparison import ComparedModel, ComparedRun, SettingDifference
from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.predictions.validation import some
from foldgrid.specs.counted import counted
from foldgrid.tasks.scoring import Scoring

BUDGET_KEYS = ("budget", "training.max_epochs", "training.max_batches_per_epoch")
ENVIRONMENT = ("versions.", "git.", "data.", "split.")
"""Differences that are listed, but that did not set the fits apart by intention."""


def write_notes(
    runs: Sequence[ComparedRun],
    rows: Sequence[ComparedModel],
    evaluations: Sequence[Evaluation],
    settings: Sequence[SettingDifference],
) -> tuple[Note, ...]:
    """All notes of a comparison, the warnings first."""
    notes = [
        *_stopping(runs, evaluations),
        *_budget(runs, evaluations, settings),
        *_weights(settings),
        *_format(settings),
        *_left_out(runs, rows, evaluations),
        *_cause(settings),
        _intervals(evaluations[0].table.scoring),
    ]
    return tuple(sorted(notes, key=lambda note: not note.is_warning))


def _stopping(runs: Sequence[ComparedRun], evaluations: Sequence[Evaluation]) -> list[Note]:
    policies = [each.table.config.training.early_stopping.policy for each in evaluations]
    peeking = [
        run.letter for run, each in zip(runs, policies, strict=True) if each == "held_out_fold"
    ]
    if not peeking:
        return []
    text = (
        f"{_listed(peeking)} stopped each fit on the very fold that it then predicts "
        "(held_out_fold): these OOF values are optimistic"
    )
    unlike = len(set(policies)) > 1
    ending = ", so a difference to the others favours them." if unlike else ", in all runs alike."
    return [Note(topic="stopping", text=text + ending, is_warning=True)]


def _budget(
    runs: Sequence[ComparedRun],
    evaluations: Sequence[Evaluation],
    settings: Sequence[SettingDifference],
) -> list[Note]:
    notes = []
    if any(each.key in BUDGET_KEYS for each in settings):
        extents = []
        for run, evaluation in zip(runs, evaluations, strict=True):
            config = evaluation.table.config
            recipe = config.training
            extent = f"{run.letter} {config.budget}, at most {recipe.max_epochs} epochs"
            if recipe.max_batches_per_epoch:
                extent += f" of {recipe.max_batches_per_epoch} batches"
            extents.append(extent)
        text = f"Unlike amounts of training: {'; '.join(extents)}."
        notes.append(Note(topic="budget", text=text, is_warning=True))
    smoke = [
        run.letter
        for run, each in zip(runs, evaluations, strict=True)
        if each.table.config.budget == "smoke"
        and each.table.config.training.max_batches_per_epoch is not None
    ]
    if smoke:
        text = (
            f"{_listed(smoke)}: smoke budget. The values show that the machinery works, they are "
            "not results."
        )
        notes.append(Note(topic="budget", text=text, is_warning=True))
    return notes


def _weights(settings: Sequence[SettingDifference]) -> list[Note]:
    if not any(each.key == "weights" for each in settings):
        return []
    text = "Unlike starts: the base learners did not begin from the same weights."
    return [Note(topic="weights", text=text, is_warning=True)]


def _format(settings: Sequence[SettingDifference]) -> list[Note]:
    if not any(each.key == "result_format" for each in settings):
        return []
    text = (
        "The runs were trained by versions of the program whose results differ by design "
        "(result_format); launch the older sweep again before trusting a difference."
    )
    return [Note(topic="versions", text=text, is_warning=True)]


def _left_out(
    runs: Sequence[ComparedRun],
    rows: Sequence[ComparedModel],
    evaluations: Sequence[Evaluation],
) -> list[Note]:
    """Which base learners stand in no row of a run, and why."""
    compared = {row.model for row in rows}
    notes = []
    if not rows:
        text = "No base learner is complete in the first run and in another one."
        notes.append(Note(topic="left out", text=text, is_warning=True))
    for run, evaluation in zip(runs, evaluations, strict=True):
        unfinished = [each.name for each in evaluation.table.learners if each.left_out]
        alone = [name for name in evaluation.table.complete_learners if name not in compared]
        if unfinished:
            text = f"{run.letter}: {some(unfinished, 'base learner')} not complete."
            notes.append(Note(topic="left out", text=text, is_warning=True))
        if alone:
            text = f"{run.letter}: {some(alone, 'base learner')} without a counterpart."
            notes.append(Note(topic="left out", text=text))
    return notes


def _cause(settings: Sequence[SettingDifference]) -> list[Note]:
    keys = [each.key for each in settings if not each.key.startswith(ENVIRONMENT)]
    if not keys:
        text = "The same settings: a difference comes from unlike machines or versions."
    elif keys == ["seed"]:
        text = "Only the seed differs: these differences are the noise of training."
    elif len(keys) == 1:
        text = f"One setting differs, {keys[0]}: a difference can be put down to it, or to noise."
    else:
        text = f"{counted(len(keys), 'setting')} differ: no single one can be named as the cause."
    return [Note(topic="cause", text=text)]


def _intervals(scoring: Scoring) -> Note:
    directions = {
        direction: ", ".join(
            scoring.metrics[name].title
            for name in scoring.shown
            if scoring.metrics[name].direction == direction
        )
        for direction in ("lower", "higher")
    }
    ends = [f"{end}: {names}" for end, names in directions.items() if names]
    reported = "; ".join(ends).replace(":", " is better:", 1)
    text = (
        "95 % intervals from 2,000 resamples of whole subjects, the same for both models; each "
        "stands for itself, so among 20 base learners one interval is expected to miss 0 by "
        "chance. A run's best was chosen on the "
        f"{scoring.unit_name.many} that it is evaluated on. {reported[:1].upper()}{reported[1:]}."
    )
    return Note(topic="intervals", text=text)


def _listed(letters: Sequence[str]) -> str:
    return letters[0] if len(letters) == 1 else f"{', '.join(letters[:-1])} and {letters[-1]}"
