"""Metrics, and what is best by them: training and analysis score alike.

Plain NumPy. Knows arrays of numbers and records of trials; nothing of tasks,
models, files or tables.
"""

from foldgrid.metrics.best_trials import best_trials
from foldgrid.metrics.classification import class_metrics
from foldgrid.metrics.regression import METRICS, Direction, Metric, metric_named

__all__ = [
    "METRICS",
    "Direction",
    "Metric",
    "best_trials",
    "class_metrics",
    "metric_named",
]
