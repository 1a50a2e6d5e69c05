"""What results rest on, before and now, and in what the two differ. Facts only; see `ground_text`.

Knows tables and settings, not where they are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd

from foldgrid.specs.recipe_keys import deciding_values

DECIDING_SECTIONS = (
    "budget",
    "seed",
    "task",
    "data",
    "split",
    "training",
    "per_backbone",
    "learners",
    "given",
)
"""The keys of a sweep that decide what a fit comes to, beside its backbones and weights."""

NOT_DECIDING = re.compile(r"data\.manifest|given\..+\.(predictions|features)")
"""Where photographs and tables lie does not count; what they hold does."""

DECIDING_PACKAGES = ("python", "foldgrid", "torch", "torchvision", "numpy", "pillow")
"""The versions that can change the bits of a fit."""

UNSET = "not set"

Key = TypeVar("Key", bound=Hashable)
Target = int | str


@dataclass(frozen=True)
class RecordedInputs:
    """What results rest on; nothing where a run folder does not say.

    Attributes:
        settings: The deciding settings by dotted key, in words.
        backbones: The sweep's.
        targets: By sample, what is to be predicted: the physician's scores, or the label, its
            place in the hierarchy and the annotations.
        photos: By sample and position, digits that differ where photographs do.
        sides: By subject, ``test``, or its fold in words.
        weights: By backbone, the SHA-256 of its first weights; those from random ones are left out.
        versions: Of the deciding packages.
    """

    settings: Mapping[str, str] | None = None
    backbones: tuple[str, ...] | None = None
    targets: Mapping[str, tuple[Target, ...]] | None = None
    photos: Mapping[tuple[str, int], str] | None = None
    sides: Mapping[str, str] | None = None
    weights: Mapping[str, str] | None = None
    versions: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Difference:
    """Which keys are other than they were; each in order.

    Attributes:
        changed: There before and now, and not the same.
        came: There now.
        went: There before.
    """

    changed: tuple[Any, ...] = ()
    came: tuple[Any, ...] = ()
    went: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.came or self.went)


@dataclass(frozen=True)
class InputChanges:
    """In what two grounds differ.

    Attributes:
        settings: Key, before and now.
        backbones: Which came and went.
        samples: Samples that came and went; those whose targets changed.
        photos: Photographs of samples that are there before and now.
        sides: Subjects who are there before and now, and on another side or in another fold.
        weights: By backbone.
        versions: Package, before and now.
    """

    settings: tuple[tuple[str, str, str], ...] = ()
    backbones: Difference = field(default_factory=Difference)
    samples: Difference = field(default_factory=Difference)
    photos: Difference = field(default_factory=Difference)
    sides: tuple[tuple[str, str, str], ...] = ()
    weights: Difference = field(default_factory=Difference)
    versions: tuple[tuple[str, str, str], ...] = ()


def compare_inputs(before: RecordedInputs, now: RecordedInputs) -> InputChanges:
    """In what ``now`` differs from ``before``; what either does not say is no difference."""
    samples = compare(before.targets, now.targets)
    photos = compare(before.photos, now.photos)
    strangers = {*samples.came, *samples.went}
    backbones = compare(_as_keys(before.backbones), _as_keys(now.backbones))
    others = {*backbones.came, *backbones.went}
    weights = compare(before.weights, now.weights)
    return InputChanges(
        settings=_pairs(before.settings, now.settings),
        backbones=backbones,
        samples=samples,
        photos=_without(photos, lambda key: key[0] in strangers),
        sides=_pairs(before.sides, now.sides, only_common=True),
        weights=_without(weights, lambda name: name in others),
        versions=_pairs(before.versions, now.versions),
    )


def compare(before: Mapping[Key, Any] | None, now: Mapping[Key, Any] | None) -> Difference:
    """The keys in which two mappings differ; none where one is not known."""
    if before is None or now is None:
        return Difference()
    return Difference(
        changed=tuple(key for key in now if key in before and before[key] != now[key]),
        came=tuple(key for key in now if key not in before),
        went=tuple(key for key in before if key not in now),
    )


def _pairs(
    before: Mapping[str, str] | None, now: Mapping[str, str] | None, only_common: bool = False
) -> tuple[tuple[str, str, str], ...]:
    difference = compare(before, now)
    keys = difference.changed
    if not only_common:
        keys += difference.came + difference.went
    old, new = before or {}, now or {}
    return tuple((key, old.get(key, UNSET), new.get(key, UNSET)) for key in keys)


def _as_keys(names: Iterable[str] | None) -> dict[str, bool] | None:
    return None if names is None else dict.fromkeys(names, True)


def _without(difference: Difference, is_stranger: Callable[[Any], bool]) -> Difference:
    """A difference without what came or went for another reason, which is reported by itself."""
    parts = (difference.changed, difference.came, difference.went)
    return Difference(*(tuple(key for key in keys if not is_stranger(key)) for keys in parts))


def deciding_settings(sweep: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a resolved sweep that decide what its fits come to, by dotted key."""
    found: dict[str, str] = {}
    # A run folder of an earlier version lacks keys that came later; see ``deciding_values``.
    sweep = {**sweep, "training": deciding_values(sweep.get("training") or {})}
    for section in DECIDING_SECTIONS:
        if section in sweep:
            found |= {key: _in_words(value) for key, value in _leaves(section, sweep[section])}
    return {key: words for key, words in found.items() if not NOT_DECIDING.fullmatch(key)}


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    elif value is not None:
        yield key, value


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A float that a YAML file holds as a whole number is still the same number.
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


def targets_of(samples: pd.DataFrame) -> dict[str, tuple[Target, ...]]:
    """By ``sample``, what all the other columns say: scores as numbers, labels as text."""
    columns = [name for name in samples if name != "sample"]
    rows = samples[["sample", *columns]].itertuples(index=False)
    return {str(row[0]): tuple(_target(value) for value in row[1:]) for row in rows}


def _target(value: Any) -> Target:
    return value if isinstance(value, str) else int(value)


def partition_by_subject(split: pd.DataFrame) -> dict[str, str]:
    """By subject, the part of a split that it is in: ``test``, ``fold 0``, ``search``."""
    rows = split[["subject", "partition", "fold"]].itertuples(index=False)
    return {str(s): f"fold {int(fold)}" if part == "train" else str(part) for s, part, fold in rows}


def photos_of(photos: pd.DataFrame) -> dict[tuple[str, int], str]:
    """By sample and position, the digits of each photograph."""
    rows = photos[["sample", "position", "digits"]].itertuples(index=False)
    return {(str(sample), int(position)): str(digits) for sample, position, digits in rows}
