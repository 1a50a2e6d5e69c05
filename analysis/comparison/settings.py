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

    Taken from the configuration of the fits themselves, not from the sweep's file, so it is what
    was trained; only where the photographs lie, and the versions, come from the run's papers.
    """
    differences: list[tuple[str, tuple[str, ...]]] = []
    configs = [evaluation.table.config.model_dump(mode="json") for evaluation in evaluations]
    differences += differing_keys(configs, DECIDING)
    shared = set.intersection(*(set(map(str, each.table.oof)) for each in evaluations))
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
    flat = [dict(_flatten(each, sections)) for each in settings]
    keys = list(dict.fromkeys(key for each in flat for key in each))
    found = ((key, tuple(_in_words(each.get(key, MISSING)) for each in flat)) for key in keys)
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
