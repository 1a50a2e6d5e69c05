"""Metrics, and what is best by them: training and analysis evaluate alike.

Plain NumPy. Knows arrays of numbers and records of trials; nothing of tasks, models, files or
tables.
"""

from foldgrid.metrics import classification, regression
from foldgrid.metrics.best_trials import best_trials
from foldgrid.metrics.classification import CLASS_METRICS, ORDINAL_METRICS, class_metrics
from foldgrid.metrics.regression import NUMBER_METRICS, number_metrics
from foldgrid.specs.metric import METRICS, Direction, Metric, Target, metrics_of

for _metric in (*regression.OURS, *classification.OURS):
    METRICS.add(_metric.name, _metric)

__all__ = [
    "CLASS_METRICS",
    "METRICS",
    "NUMBER_METRICS",
    "ORDINAL_METRICS",
    "Direction",
    "Metric",
    "Target",
    "best_trials",
    "class_metrics",
    "metrics_of",
    "number_metrics",
]
