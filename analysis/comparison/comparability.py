"""What runs must share before their figures may stand side by side, and the words of a refusal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.comparison.settings import differing_keys
from analysis.evaluation import Judgement
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.task import TaskSpec


def refuse_incomparable(stores: Sequence[RunStore], judgements: Sequence[Judgement]) -> None:
    """Stops where the figures of these runs would not be about the same thing.

    Args:
        stores: The run folders, the reference first.
        judgements: What ``judge`` made of each.

    Raises:
        SweepError: A run has another task, data set or split than the reference; the message
            says what each has and what to do.
    """
    for store, judgement in zip(stores[1:], judgements[1:], strict=True):
        reason, what = _reason(judgements[0], judgement)
        if reason:
            pair = ((stores[0], judgements[0]), (store, judgement))
            raise SweepError(_refusal(pair, reason, what))


def _reason(first: Judgement, second: Judgement) -> tuple[str, str]:
    """Why two runs cannot be compared and the section of the sweep it comes from, or ""."""
    ours, theirs = first.table.config, second.table.config
    if ours.task != theirs.task:
        return "their models do not predict the same thing", "task"
    if ours.data_fingerprint != theirs.data_fingerprint:
        return "they were not trained on the same data", "data"
    if ours.split_fingerprint != theirs.split_fingerprint:
        return "they were not held out on the same split", "split"
    names = ["subject", "unit", "fold"]
    if not first.oof.units[names].equals(second.oof.units[names]):
        noun = first.table.scoring.noun.many
        return f"their records name other {noun} although the fingerprints agree", "split"
    our_scores, their_scores = (
        each.oof.units["reference"].to_numpy(dtype=np.float64) for each in (first, second)
    )
    if not np.allclose(our_scores, their_scores):
        return "their records hold another truth although the fingerprints agree", "data"
    return "", ""


def _refusal(pair: Sequence[tuple[RunStore, Judgement]], reason: str, section: str) -> str:
    locations = [store.location for store, _ in pair]
    width = max(map(len, locations))
    lines = [f"Cannot compare {locations[1]} with {locations[0]}: {reason}."]
    lines += [f"  {store.location:{width}}   {_extent(each, section)}" for store, each in pair]
    keys = differing_keys([store.read_sweep() for store, _ in pair], (section,))
    lines += [f"  Their sweeps differ in {key}: {' and '.join(values)}." for key, values in keys]
    cause = "task" if section == "task" else "data and split"
    lines.append(
        f"Launch one of them again with the other's {cause}, or rank each by itself: "
        f"python -m analysis rank {locations[1]}"
    )
    return "\n".join(lines)


def _extent(judgement: Judgement, section: str) -> str:
    config, oof = judgement.table.config, judgement.oof
    fits = sum(len(each.fits) for each in judgement.table.learners if not each.left_out)
    facts = {
        "task": task_words(config.task),
        "data": f"data {config.data_fingerprint[:6]}",
        "split": f"split {config.split_fingerprint[:6]}",
    }
    extent = f"{judgement.table.scoring.noun.count(oof.num_units)} of {oof.num_subjects} subjects"
    return f"{fits} fits, {extent}, {facts[section]}"


def task_words(task: TaskSpec) -> str:
    """A task in words: ``task pasi with output scores``."""
    settings = [
        f"{key} {value if isinstance(value, str | int | float) else list(value)}"
        for key, value in task.model_dump(mode="json", exclude={"name", "ways"}).items()
        if value not in (None, "", {})
    ]
    return f"task {task.name}" + (f" with {', '.join(settings)}" if settings else "")
