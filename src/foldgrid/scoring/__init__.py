"""PASI arithmetic, every metric and what is best by it: training and analysis score alike.

Plain NumPy. Knows arrays of numbers, records of trials and the names of regions and scores; nothing
of models, files or tables.
"""

from foldgrid.scoring.best_trials import best_trials
from foldgrid.scoring.class_metrics import class_metrics
from foldgrid.scoring.metrics import METRICS, Direction, Metric, metric_named
from foldgrid.scoring.pasi import (
    MAX_COMPOSITE,
    REGION_WEIGHTS,
    SCORE_MAXIMA,
    SCORES,
    clip_composite,
    clip_score,
    composite_score,
    involvement_from_share,
    max_pasi,
    pasi,
)

__all__ = [
    "MAX_COMPOSITE",
    "METRICS",
    "REGION_WEIGHTS",
    "SCORES",
    "SCORE_MAXIMA",
    "Direction",
    "Metric",
    "best_trials",
    "class_metrics",
    "clip_composite",
    "clip_score",
    "composite_score",
    "involvement_from_share",
    "max_pasi",
    "metric_named",
    "pasi",
]
