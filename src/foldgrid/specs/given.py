"""Base learners that a user brings: a table of predictions, or of features.

They are called ``given:NAME``, wherever a base learner is named: so it is always seen that this
run does not know what they have seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from foldgrid.specs.backbone_names import file_sha256
from foldgrid.specs.base import Spec
from foldgrid.specs.learners import LABEL, KeyPath

PREFIX = "given:"
"""Begins the name of each base learner that was given."""

UNKNOWN_PROVENANCE = "its provenance is not known to this run; it may have seen these photographs"
"""What is said of a given base learner wherever it is reported."""

GivenKind = Literal["predictions", "features"]

_NAME = re.compile(LABEL.pattern)


class GivenSpec(Spec):
    """A base learner from a table: of predictions, or of features that a head is fitted to.

    Attributes:
        predictions: A CSV or Parquet file of predictions, as seen from the sweep's file: a row a
            sample with ``sample``, ``subject``, ``fold``, ``partition`` and the model's column or,
            of classes and of several scores, a column for each, ``model:class``.
        features: A CSV or Parquet file of features in place of ``predictions``: a row a sample with
            ``sample`` and a column of numbers for each feature.
        model: What a table of predictions calls the model; the learner's name without.
        head: What is fitted to features in each fold: ``ridge`` of numbers, ``logistic`` of
            classes, or one that is trained by the sweep's recipe, ``linear`` or ``mlp``; without,
            the one that is solved and suits the task. Its settings are those of
            ``training.head_settings``.
        sha256: The table's hash. Filled in when the table is read; where a file says it, another
            table is refused.
    """

    predictions: Path | None = None
    features: Path | None = None
    model: str = ""
    head: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")

    @model_validator(mode="after")
    def _is_one_table(self) -> Self:
        if (self.predictions is None) == (self.features is None):
            raise ValueError("give one table: predictions, or features")
        if self.predictions is not None and self.head:
            raise ValueError("predictions need no head. Leave it out, or give features")
        if self.features is not None and self.model:
            raise ValueError("features are of no model. Leave it out, or give predictions")
        return self

    @property
    def kind(self) -> GivenKind:
        """What the table holds; the key that names it."""
        return "predictions" if self.predictions is not None else "features"

    @property
    def table(self) -> Path:
        """The table's file."""
        found = self.predictions or self.features
        assert found is not None
        return found


class GivenTable(Spec):
    """What a fit was made of that was not trained on photographs: a part of its id.

    Attributes:
        kind: What the table holds.
        model: What a table of predictions calls the model.
        sha256: The table's hash.
    """

    kind: GivenKind
    model: str
    sha256: str


def given_name(name: str) -> str:
    """A given base learner's name, by the sweep's key.

    Example:
        >>> given_name("their_model")
        'given:their_model'
    """
    return f"{PREFIX}{name}"


def is_given(learner: str) -> bool:
    """Whether a base learner's name is of one that was given."""
    return learner.startswith(PREFIX)


def given_among(learners: Iterable[str]) -> list[str]:
    """The names of given base learners, in their order."""
    return [name for name in learners if is_given(name)]


def read_given_specs(
    given: Mapping[str, GivenSpec], folder: Path
) -> tuple[dict[str, GivenSpec], list[tuple[KeyPath, str]]]:
    """The same with absolute paths and hashes, and what is wrong, each with its key path.

    Args:
        given: As a sweep has them.
        folder: Where the sweep's file lies, from which paths are seen.
    """
    found: dict[str, GivenSpec] = {}
    problems: list[tuple[KeyPath, str]] = []
    for name, spec in given.items():
        if not _NAME.fullmatch(name):
            message = 'a name is at most 40 letters, digits, "_", "-" and ".". Rename it.'
            problems.append((("given", name), message))
        path = (folder / spec.table.expanduser()).absolute()
        try:
            sha256 = file_sha256(path)
        except OSError as error:
            why = error.strerror or type(error).__name__
            message = f"{path} cannot be read ({why}). Give a CSV or Parquet file."
            problems.append((("given", name, spec.kind), message))
            continue
        if spec.sha256 not in ("", sha256):
            message = f"{path} is another table: its SHA-256 is {sha256}. Leave the key out."
            problems.append((("given", name, "sha256"), message))
        found[name] = spec.model_copy(update={spec.kind: path, "sha256": sha256})
    return found, problems
