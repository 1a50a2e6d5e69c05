"""The words of the tasks of labelled photographs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from foldgrid.specs.errors import did_you_mean
from foldgrid.specs.task import TaskSpec


def _labels_by_class(value: object) -> object:
    """``[a, b]`` says the same as ``{a: [a], b: [b]}``, and ``{a: x}`` as ``{a: [x]}``."""
    if isinstance(value, list | tuple):
        names = [str(name) for name in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} more than once")
        return {str(name): [str(name)] for name in value}
    if isinstance(value, Mapping):
        return {
            name: [labels] if isinstance(labels, str) else labels for name, labels in value.items()
        }
    return value


Labels: TypeAlias = Annotated[
    tuple[str, ...],
    Field(min_length=1, strict=False),
]
Classes: TypeAlias = Annotated[
    dict[str, Labels],
    BeforeValidator(
        _labels_by_class, json_schema_input_type=list[str] | dict[str, str | list[str]]
    ),
]
"""By class, in their order, the manifest's labels that belong to it."""


def _each_label_once(classes: dict[str, Labels]) -> dict[str, Labels]:
    """The classes, checked: none, or two and more, each label in one of them.

    Raises:
        ValueError: There is one class, or a label is in two.
    """
    labels = [label for given in classes.values() for label in given]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ValueError(f"{', '.join(twice)} in two classes; each label in one")
    if len(classes) == 1:
        raise ValueError("one class only; give two or more, or none to take all labels")
    return classes


DistinctClasses: TypeAlias = Annotated[Classes, AfterValidator(_each_label_once)]
"""``Classes`` as a sweep may give them: none, or two and more, each label in one."""


class LabelSpec(TaskSpec):
    """What the tasks of labelled photographs share.

    Attributes:
        classes: By class, the labels that belong to it; filled in where it is empty.
        annotations: By class, the words that raters use for it in the columns ``grade_<rater>``;
            empty where they use the classes' own. ``training.num_raters`` needs it.
    """

    classes: Classes = Field(default_factory=dict)
    annotations: Classes = Field(default_factory=dict, alias="grades")


class ClassificationSpec(LabelSpec):
    """Which of several classes a photograph shows.

    Attributes:
        name: ``classification``.
        classes: The classes in their order: a list of labels, or by class the labels that it is
            made of (``{normal: [normal], SSc: [early, late]}``). Empty takes every label of the
            manifest as a class, by name.
    """

    name: Literal["classification"] = "classification"
    classes: DistinctClasses = Field(default_factory=dict)


class BinarySpec(LabelSpec):
    """Whether a photograph shows a finding: the positive labels against all others.

    Attributes:
        name: ``binary``.
        positive: The labels that are positive.
        sensitivity: What the high-sensitivity operating point must reach out of fold, in (0, 1).
        specificity: What the high-specificity operating point must reach out of fold, in (0, 1).
        classes: Negative, then positive, each with its labels; filled in from the manifest.
    """

    name: Literal["binary"] = "binary"
    positive: Labels
    sensitivity: float = Field(default=0.975, gt=0, lt=1)
    specificity: float = Field(default=0.98, gt=0, lt=1)


class HierarchySpec(LabelSpec):
    """Classes cut from a hierarchy of diseases, and coarse classes by summing up the hierarchy.

    Attributes:
        name: ``tree``.
        hierarchy: The hierarchy: nodes with their children, and lists of labels at its ends. Empty
            takes the manifest's column ``taxonomy``.
        max_images_per_class: A node with at most so many training photographs is a training class;
            a larger one is divided into its children. A label is never divided.
        levels: By name, a depth of the hierarchy (1 is below the root) at which predictions are
            summed up to coarse classes.
        ranking_level: The level that models are ranked by; the first where it is not said.
        positive: A node below the root that a ROC curve tells from ``negative``.
        negative: Against what; null for everything else.
        classes: The training classes, each with its labels; filled in from the photographs.
        paths: By label, its path from the root; filled in.
    """

    name: Literal["tree"] = "tree"
    hierarchy: dict[str, Any] = Field(default_factory=dict, alias="tree")
    max_images_per_class: int = Field(default=1000, ge=1, alias="most_photographs")
    levels: dict[str, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    ranking_level: str = Field(default="", alias="judged")
    positive: str | None = None
    negative: str | None = None
    paths: dict[str, str] = Field(default_factory=dict, alias="ways")

    @field_validator("ranking_level")
    @classmethod
    def _ranking_level_is_a_level(cls, value: str, info: ValidationInfo) -> str:
        levels = info.data.get("levels")
        if value and levels is not None and value not in levels:
            facts = {"hint": did_you_mean(value, levels)}
            raise PydanticCustomError("unknown_level", "no such level. {hint}", facts)
        return value

    @property
    def ranked_level(self) -> str:
        """The level that models are ranked by."""
        return self.ranking_level or next(iter(self.levels))
