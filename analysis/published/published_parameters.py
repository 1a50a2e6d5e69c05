"""What studies say of frozen and trained parameters, beside ours, with what their values count.

Knows no network: our counts come from the records of fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Literal, Protocol

from foldgrid.specs.base import Spec
from foldgrid.specs.reading import read_document, validate

Counted = Literal["total", "not_trained", "trained"]


class PublishedCount(Spec):
    """A value of a study.

    Attributes:
        num_classes: Of the study's experiment.
        phase: Of its training, 1 for the first.
        said_to_be: What the study calls these parameters.
        published: The number.
        counted: What it really counts.
        explanation: The sum that gives it.
    """

    num_classes: int
    phase: int
    said_to_be: Literal["frozen", "trained"]
    published: int
    counted: Counted
    explanation: str


class PublishedParameters(Spec):
    """A study's numbers.

    Attributes:
        sweep: The sweep that repeats the study.
        backbone: The network that they are of.
        source: The paper.
        counts: In the order of the paper.
    """

    sweep: str
    backbone: str
    source: str
    counts: tuple[PublishedCount, ...]


class _Studies(Spec):
    studies: tuple[PublishedParameters, ...]


class PhaseCounts(Protocol):
    """What a fit's record says of one phase."""

    @property
    def frozen_parameters(self) -> int:
        """Parameters that stood still."""
        ...

    @property
    def trained_parameters(self) -> int:
        """Parameters that were trained."""
        ...

    @property
    def running_statistics(self) -> int:
        """Means and variances of batch normalisation."""
        ...


@dataclass(frozen=True)
class ComparedCount:
    """A value of a study and ours.

    Attributes:
        count: The study's.
        ours: The same count of our network in this phase; nothing where our training has no such
            phase.
    """

    count: PublishedCount
    ours: int | None


@lru_cache(maxsize=1)
def published_parameters() -> tuple[PublishedParameters, ...]:
    """All studies that publish such numbers."""
    path = files("foldgrid.analysis.published").joinpath("published_parameters.yaml")
    with as_file(path) as file:
        return validate(_Studies, read_document(file)).studies


def find_published_parameters(sweep: str, backbone: str) -> PublishedParameters | None:
    """The study that ``sweep`` repeats with ``backbone``; nothing where there is none.

    Args:
        sweep: A sweep's name; those of ablations begin with the study's, as ``ssc_skin_3`` does.
        backbone: The network.
    """
    return next(
        (
            study
            for study in published_parameters()
            if sweep.startswith(study.sweep) and study.backbone == backbone
        ),
        None,
    )


def compare_parameters(
    study: PublishedParameters, num_classes: int, phases: Sequence[PhaseCounts]
) -> tuple[ComparedCount, ...]:
    """The study's values for ``num_classes``, each beside ours.

    Args:
        study: What was published.
        num_classes: Which of its experiments.
        phases: Of one of our fits, in order.
    """
    return tuple(
        ComparedCount(count, _ours(count, phases))
        for count in study.counts
        if count.num_classes == num_classes
    )


def _ours(count: PublishedCount, phases: Sequence[PhaseCounts]) -> int | None:
    if count.phase > len(phases):
        return None
    phase = phases[count.phase - 1]
    frozen, trained = phase.frozen_parameters, phase.trained_parameters
    counts: dict[Counted, int] = {
        "total": frozen + trained + phase.running_statistics,
        "not_trained": frozen + phase.running_statistics,
        "trained": trained,
    }
    return counts[count.counted]
