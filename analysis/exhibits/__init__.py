"""What a report shows, one room an exhibit: its facts, its drawing, its table and its caption.

This is the order of the page.
"""

from __future__ import annotations

from typing import Any

from foldgrid.analysis.exhibit import EXHIBITS, Exhibit
from foldgrid.analysis.exhibits.architectures import ARCHITECTURES
from foldgrid.analysis.exhibits.checks import CHECKS
from foldgrid.analysis.exhibits.classes.by_class import CLASSES
from foldgrid.analysis.exhibits.classes.confusion import CONFUSION
from foldgrid.analysis.exhibits.classes.embedding import EMBEDDING
from foldgrid.analysis.exhibits.classes.hierarchy import HIERARCHY
from foldgrid.analysis.exhibits.classes.operating import OPERATING
from foldgrid.analysis.exhibits.classes.reliability import CALIBRATION
from foldgrid.analysis.exhibits.classes.roc import ROC
from foldgrid.analysis.exhibits.cost import COST
from foldgrid.analysis.exhibits.critical_difference import CRITICAL
from foldgrid.analysis.exhibits.flow import FLOW
from foldgrid.analysis.exhibits.folds import FOLDS
from foldgrid.analysis.exhibits.learning import LEARNING
from foldgrid.analysis.exhibits.meta_learners import STACKING
from foldgrid.analysis.exhibits.methods.section import GUIDELINES, METHODS
from foldgrid.analysis.exhibits.numbers.agreement import NUMBER_AGREEMENT
from foldgrid.analysis.exhibits.pasi.bland_altman import AGREEMENT
from foldgrid.analysis.exhibits.pasi.change import CHANGE
from foldgrid.analysis.exhibits.pasi.distributions import DISTRIBUTION
from foldgrid.analysis.exhibits.pasi.errors import ERRORS
from foldgrid.analysis.exhibits.phases import PHASES
from foldgrid.analysis.exhibits.provenance import PROVENANCE
from foldgrid.analysis.exhibits.published import PUBLISHED, PUBLISHED_CLASSES
from foldgrid.analysis.exhibits.ranking import RANKING
from foldgrid.analysis.exhibits.recipes import RECIPES
from foldgrid.analysis.exhibits.search.history import HISTORY
from foldgrid.analysis.exhibits.search.importance import IMPORTANCES
from foldgrid.analysis.exhibits.search.landscape import LANDSCAPE
from foldgrid.analysis.exhibits.search.objectives import FRONT
from foldgrid.analysis.exhibits.search.parallel_coordinates import VALUES
from foldgrid.analysis.exhibits.search.searched import SEARCHED
from foldgrid.analysis.exhibits.search.studies import STUDIES
from foldgrid.analysis.exhibits.search.trial_curves import CURVES
from foldgrid.analysis.exhibits.search.trials import TRIALS
from foldgrid.analysis.exhibits.settings import VARIED

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
    HIERARCHY,
    CALIBRATION,
    EMBEDDING,
    # Of every task again.
    FOLDS,
    LEARNING,
    PHASES,
    RECIPES,
    VARIED,
    STACKING,
    PUBLISHED,
    PUBLISHED_CLASSES,
    COST,
    ARCHITECTURES,
    FLOW,
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
