"""PASI arithmetic and every metric, in plain NumPy: training and analysis score alike.

Knows arrays of numbers and the names of regions and scores; nothing of models, files or tables.
"""

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
    "clip_composite",
    "clip_score",
    "composite_score",
    "involvement_from_share",
    "max_pasi",
    "metric_named",
    "pasi",
]
