"""Changed inputs in words: rows of the plan, for this terminal only, because they name people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from foldgrid.data.sample_table import MOSAICS, SampleLayout
from foldgrid.launching.planning.changes import Difference, InputChanges, compare_inputs
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.launching.planning.recorded_inputs import Results, prepared_inputs, recorded_inputs
from foldgrid.specs.counted import counted
from foldgrid.specs.recipe_keys import current_key
from foldgrid.specs.sweep import Sweep

MOST_NAMES, MOST_SETTINGS = 3, 12

Fact = tuple[str, str]


def changed_facts(prepared: PreparedSweep, results: Results) -> list[Fact]:
    """What is no longer as it was when a run folder's results were made, as rows of the plan.

    Args:
        prepared: The sweep.
        results: From ``grid_results`` or ``search_results``.

    Returns:
        Nothing where there are no results, or nothing changed.
    """
    if not results.num_before and not results.num_found:
        return []
    changes = compare_inputs(recorded_inputs(prepared.store), prepared_inputs(prepared))
    return describe_changes(changes, results, prepared.survey.layout)


def describe_changes(
    changes: InputChanges, results: Results, layout: SampleLayout = MOSAICS
) -> list[Fact]:
    """The rows; see ``changed_facts``. ``layout`` says what samples are called and hold."""
    lines = [f"  {line}" for line in _differences(changes, layout)]
    meaning = list(_meaning(changes, results))
    if not lines and not meaning:
        return []
    heading = "since the results in this run folder were made:"
    if not lines:
        heading = "the results in this run folder are of something else; it does not say what:"
    rows = [heading, *lines, *meaning]
    return [("changed" if not number else "", words) for number, words in enumerate(rows)]


def _differences(changes: InputChanges, layout: SampleLayout) -> Iterator[str]:
    settings = [(current_key(key, Sweep), *values) for key, *values in changes.settings]
    width = max((len(key) for key, *_ in settings), default=0)
    for key, before, now in settings[:MOST_SETTINGS]:
        yield f"{key:{width}}   {before} -> {now}"
    if len(changes.settings) > MOST_SETTINGS:
        yield f"and {len(changes.settings) - MOST_SETTINGS} more settings"
    yield from _sorts(changes.backbones, "backbone", "changed")
    yield from _sorts(changes.samples, "sample", f"with other {layout.truth_name}")
    photos = changes.photos if layout.grid > 1 else _by_sample(changes.photos)
    yield from _sorts(photos, "photograph", "with another content")
    if changes.sides:
        moved = [f"{subject}: {before} -> {now}" for subject, before, now in changes.sides]
        yield f"split: {_some(moved, 'subject')} changed sides"
    yield from _sorts(changes.weights, "backbone", "from other pre-trained weights")
    for package, before, now in changes.versions:
        yield f"{package} {before} -> {now}"


def _by_sample(photos: Difference) -> Difference:
    """Photographs that are the only ones of their samples, by the samples' names alone."""
    parts = (photos.changed, photos.came, photos.went)
    return Difference(*(tuple(sample for sample, _ in keys) for keys in parts))


def _sorts(difference: Difference, what: str, changed: str) -> Iterator[str]:
    came, went = ("came", "went")
    if changed.startswith("from"):
        came, went = "from pre-trained weights now", "from random weights now"
    for keys, words in ((difference.changed, changed), (difference.came, came)):
        if keys:
            yield f"{_some(map(_name, keys), what)} {words}"
    if difference.went:
        yield f"{_some(map(_name, difference.went), what)} {went}"


def _name(key: Any) -> str:
    """``S01/V1/trunk``, and of a photograph ``S01/V1/trunk 2``: the second of the mosaic."""
    return f"{key[0]} {key[1] + 1}" if isinstance(key, tuple) else str(key)


def _some(names: Iterable[str], what: str) -> str:
    listed = list(names)
    more = ", ..." if len(listed) > MOST_NAMES else ""
    return f"{counted(len(listed), what)} ({', '.join(listed[:MOST_NAMES])}{more})"


def _meaning(changes: InputChanges, results: Results) -> Iterator[str]:
    """What follows, for what is there and for what is to be trained."""
    what, aside = results.what, results.num_set_aside
    if aside:
        verb, is_are, they = ("belongs", "is", "it") if aside == 1 else ("belong", "are", "they")
        stays = "stays" if aside == 1 else "stay"
        done = f"finished {what}" if what == "fit" else what
        yield (
            f"{counted(aside, done)} {verb} to what was before: {they} {stays} on disk, "
            f"{is_are} not counted and not ranked; {_to_train(results)}"
        )
    if results.num_found:
        number = results.num_found
        verbs = "is found again and counts" if number == 1 else "are found again and count"
        yield f"{counted(number, what)} of earlier launches under just these settings {verbs}"
    if changes.versions and results.num_kept:
        number = results.num_kept
        rest = "; what is still to be trained is by the new ones" if results.num_left else ""
        yield (
            f"versions do not make a new {what}: {counted(number, what)} by the old ones "
            f"{'stays' if number == 1 else 'stay'}{rest}"
        )


def _to_train(results: Results) -> str:
    if not results.num_left:
        return "nothing is to be trained"
    verb = "is" if results.num_left == 1 else "are"
    return f"{counted(results.num_left, results.what)} {verb} to be trained"
