"""The metrics of all kinds of tasks by name: their titles and directions, whoever computes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foldgrid.metrics.classification import class_metrics
from foldgrid.metrics.regression import METRICS, Metric

KNOWN_METRICS: Mapping[str, Metric] = MappingProxyType(
    {**METRICS, **class_metrics(2), **class_metrics(2, is_ordered=True)}
)
"""What each is called and which end is better. To compute one, take the task's own
(``Scoring.metrics``): those of classes depend on how many there are."""
