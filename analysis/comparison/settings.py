"""In which settings runs differ: what decided their fits, and what they were computed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foldgrid.analysis.comparison.comparison import SettingDifference
from foldgrid.analysis.evaluation import Evaluation
from foldgrid.records import RunStore
from foldgrid.specs.recipe_keys import current_key
from foldgrid.specs.sweep import Sweep

DECIDING = ("seed", "budget", "training", "result_format")
"""The parts of a fit's configuration that comparable runs may differ in."""

VERSIONS = ("foldgrid", "torch", "torchvision", "numpy")
"""The versions that can change a fit's outcome."""

MISSING = "not set"


def differing_settings(
    stores: Sequence[RunStore], evaluations: Sequence[Evaluation]
) -> tuple[SettingDifference, ...]:
    """Every setting in which at least two of the runs differ.

    Of base learners that all have in common; where one run's differ, each of their values is named.
    Taken from the configuration of the fits themselves, not from the sweep's file, so it is what
    was trained; only where the photographs lie, and the versions, come from the run's papers.
    """
    differences: list[tuple[str, tuple[str, ...]]] = []
    shared = set.intersection(*(set(each.table.complete_learners) for each in evaluations))
    differences += _differing(
        [[dict(_flatten(each, DECIDING)) for each in _configs(one, shared)] for one in evaluations]
    )
    weights = tuple(_weights(evaluation, shared) for evaluation in evaluations)
    if len(set(weights)) > 1:
        differences.append(("weights", weights))
    differences += differing_keys([store.read_sweep() for store in stores], ("data", "split"))
    differences += differing_keys([_environment(store) for store in stores], ("versions", "git"))
    return tuple(
        SettingDifference(key=current_key(key, Sweep), values=values) for key, values in differences
    )


def differing_keys(
    settings: Sequence[Mapping[str, Any]], sections: Sequence[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """The keys below these sections whose values differ, each with every one's value in words.

    Args:
        settings: Nested settings, one of each run.
        sections: The keys of the first level to look at, in the order of the result.
    """
    return _differing([[dict(_flatten(each, sections))] for each in settings])


def _configs(evaluation: Evaluation, shared: set[str]) -> list[dict[str, Any]]:
    """What the shared base learners of a run were trained by."""
    table = evaluation.table
    found = [each.fits[0].record.config for each in table.learners if each.name in shared]
    return [each.model_dump(mode="json") for each in found or [table.config]]


def _differing(flat: Sequence[Sequence[Mapping[str, Any]]]) -> list[tuple[str, tuple[str, ...]]]:
    """The keys whose values differ from run to run; of each run settings, several of them or one.

    Where one run has several values, all are named.
    """
    keys = dict.fromkeys(key for each in flat for one in each for key in one)
    found = (
        (
            key,
            tuple(
                ", ".join(sorted({_in_words(one.get(key, MISSING)) for one in each}))
                for each in flat
            ),
        )
        for key in keys
    )
    return [(key, values) for key, values in found if len(set(values)) > 1]


def _flatten(settings: Mapping[str, Any], sections: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for section in sections:
        if section in settings:
            yield from _leaves(section, settings[section])


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key, value


def _in_words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _weights(evaluation: Evaluation, shared: set[str]) -> str:
    """Where the shared base learners started: ``random``, or ``IMAGENET1K_V1, random``."""
    learners = [each for each in evaluation.table.learners if each.name in shared]
    return ", ".join(sorted({name for each in learners for name in each.weights.split(", ")}))


def _environment(store: RunStore) -> dict[str, Any]:
    """The versions and the commit, as far as the run's papers name them."""
    if not store.root.exists("provenance.json"):
        return {}
    provenance = store.read_provenance()
    versions = provenance.get("versions") or {}
    commit = (provenance.get("git") or {}).get("commit")
    return {
        "versions": {name: versions[name] for name in VERSIONS if name in versions},
        "git": {"commit": str(commit)[:10]} if commit else {},
    }
