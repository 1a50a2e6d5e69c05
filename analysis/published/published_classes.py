"""What studies with classes published, as data: one study a sweep that repeats it.

Knows no run: beside our own values they are set in a report.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files

from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.reading import read_document, validate


class PublishedValue(Spec):
    """A value of a study.

    Attributes:
        model: What the study calls its model.
        ours: The backbone that stands for it here; ``best`` and ``mean`` are models of a ranking.
        measure: A metric of the task.
        published: The value.
        low: The lower end of the study's interval; null where it gives none.
        high: The upper end.
        sd: The study's standard deviation; null where it gives none.
        of_class: Of one class against the rest; "" for all.
        level: At a level of a hierarchy; "" for what models are ranked by.
        point: At an operating point; "" for the usual decision.
    """

    model: str
    ours: str
    measure: str
    published: float
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    of_class: str = Field(default="", alias="class")
    level: str = ""
    point: str = ""


class PublishedStudy(Spec):
    """A study.

    Attributes:
        sweep: How the names of the sweeps that repeat it begin.
        source: The paper, and what its values are of.
        differences: What forbids to compare the sizes, a sentence or two each.
        metric_values: In the order of a table.
    """

    sweep: str
    source: str
    differences: tuple[str, ...]
    metric_values: tuple[PublishedValue, ...]


class _Studies(Spec):
    studies: tuple[PublishedStudy, ...]


@lru_cache(maxsize=1)
def published_classes() -> tuple[PublishedStudy, ...]:
    """All studies with classes."""
    path = files("foldgrid.analysis.published").joinpath("published_classes.yaml")
    with as_file(path) as file:
        return validate(_Studies, read_document(file)).studies


def find_published_classes(sweep: str) -> PublishedStudy | None:
    """The study that a sweep repeats, by its name; nothing where there is none."""
    found = [study for study in published_classes() if sweep.startswith(study.sweep)]
    return max(found, key=lambda study: len(study.sweep), default=None)
