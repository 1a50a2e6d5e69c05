"""What a report shows, one room an exhibit: its facts, its drawing, its table and its caption.

This is the order of the page.
"""

from __future__ import annotations

from typing import Any

from analysis.exhibit import EXHIBITS, Exhibit
from analysis.exhibits.architectures import ARCHITECTURES
from analysis.exhibits.checks import CHECKS
from analysis.exhibits.classes.by_class import CLASSES
from analysis.exhibits.classes.confusion import CONFUSION
from analysis.exhibits.classes.embedding import EMBEDDING
from analysis.exhibits.classes.operating import OPERATING
from analysis.exhibits.classes.reliability import CALIBRATION
from analysis.exhibits.classes.roc import ROC
from analysis.exhibits.classes.tree import TREE
from analysis.exhibits.cost import COST
from analysis.exhibits.critical_difference import CRITICAL
from analysis.exhibits.folds import FOLDS
from analysis.exhibits.learning import LEARNING
from analysis.exhibits.meta_learners import STACKING
from analysis.exhibits.methods.section import GUIDELINES, METHODS
from analysis.exhibits.numbers.agreement import NUMBER_AGREEMENT
from analysis.exhibits.pasi.bland_altman import AGREEMENT
from analysis.exhibits.pasi.change import CHANGE
from analysis.exhibits.pasi.distributions import DISTRIBUTION
from analysis.exhibits.pasi.errors import ERRORS
from analysis.exhibits.phases import PHASES
from analysis.exhibits.provenance import PROVENANCE
from analysis.exhibits.published import PUBLISHED, PUBLISHED_CLASSES
from analysis.exhibits.ranking import RANKING
from analysis.exhibits.search.history import HISTORY
from analysis.exhibits.search.importance import IMPORTANCES
from analysis.exhibits.search.landscape import LANDSCAPE
from analysis.exhibits.search.objectives import FRONT
from analysis.exhibits.search.parallel_coordinates import VALUES
from analysis.exhibits.search.searched import SEARCHED
from analysis.exhibits.search.studies import STUDIES
from analysis.exhibits.search.trial_curves import CURVES
from analysis.exhibits.search.trials import TRIALS
from analysis.exhibits.settings import VARIED

OF_GRIDS: tuple[Exhibit[Any], ...] = (
    RANKING,
    CRITICAL,
    # Of PASI.
    AGREEMENT,
    CHANGE,
    ERRORS,
    DISTRIBUTION,
    # Of other numbers.
    NUMBER_AGREEMENT,
    # Of classes.
    CLASSES,
    CONFUSION,
    ROC,
    OPERATING,
    TREE,
    CALIBRATION,
    EMBEDDING,
    # Of every task again.
    FOLDS,
    LEARNING,
    PHASES,
    VARIED,
    STACKING,
    PUBLISHED,
    PUBLISHED_CLASSES,
    COST,
    ARCHITECTURES,
    CHECKS,
    METHODS,
    GUIDELINES,
    PROVENANCE,
)
OF_SEARCHES: tuple[Exhibit[Any], ...] = (
    STUDIES,
    HISTORY,
    CURVES,
    VALUES,
    IMPORTANCES,
    LANDSCAPE,
    FRONT,
    TRIALS,
    SEARCHED,
)

for _exhibit in (*OF_GRIDS, *OF_SEARCHES):
    EXHIBITS.add(_exhibit.name, _exhibit)
