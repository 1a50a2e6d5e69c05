"""Base learners that a user brings: a table of predictions in place of trained fits.

They are called ``given:NAME``, wherever a base learner is named: so it is always seen that this
run neither trained them nor knows what they have seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from foldgrid.specs.backbone_names import file_sha256
from foldgrid.specs.base import Spec
from foldgrid.specs.learners import LABEL, KeyPath

PREFIX = "given:"
"""Begins the name of each base learner that was given."""

UNKNOWN_PROVENANCE = "its provenance is not known to this run; it may have seen these photographs"
"""What is said of a given base learner wherever it is reported."""

_NAME = re.compile(LABEL.pattern)


class GivenSpec(Spec):
    """A base learner from a table.

    Attributes:
        predictions: The table, a CSV or Parquet file of predictions, as seen from the sweep's
            file: a row a sample with ``sample``, ``subject``, ``fold``, ``partition`` and the
            model's column or, of classes and of several scores, a column for each,
            ``model:class``.
        model: What the table calls the model; the learner's name without.
        sha256: The table's hash. Filled in when the table is read; where a file says it, another
            table is refused.
    """

    predictions: Path
    model: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class GivenTable(Spec):
    """What a fit was made of that was not trained on photographs: a part of its id.

    Attributes:
        kind: What the table holds.
        model: What the table calls the model.
        sha256: The table's hash.
    """

    kind: Literal["predictions"]
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
        path = (folder / spec.predictions.expanduser()).absolute()
        try:
            sha256 = file_sha256(path)
        except OSError as error:
            why = error.strerror or type(error).__name__
            message = f"{path} cannot be read ({why}). Give a CSV or Parquet file."
            problems.append((("given", name, "predictions"), message))
            continue
        if spec.sha256 not in ("", sha256):
            message = f"{path} is another table: its SHA-256 is {sha256}. Leave the key out."
            problems.append((("given", name, "sha256"), message))
        found[name] = spec.model_copy(update={"predictions": path, "sha256": sha256})
    return found, problems
