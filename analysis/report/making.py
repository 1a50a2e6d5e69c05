"""A report, from the run folder to the files in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from analysis.drawing.blocks import Section
from analysis.exhibits.architectures import architectures_section
from analysis.exhibits.checks import checks_section
from analysis.exhibits.classes.by_class import classes_section
from analysis.exhibits.classes.confusion import confusion_section
from analysis.exhibits.classes.embedding import embedding_section
from analysis.exhibits.classes.operating import operating_section
from analysis.exhibits.classes.reliability import reliability_section
from analysis.exhibits.classes.roc import roc_section
from analysis.exhibits.classes.tree import tree_section
from analysis.exhibits.cost import cost_section
from analysis.exhibits.critical_difference import critical_section
from analysis.exhibits.folds import folds_section
from analysis.exhibits.learning import learning_section
from analysis.exhibits.meta_learners import stacking_section
from analysis.exhibits.numbers.agreement import numbers_section
from analysis.exhibits.pasi.change import change_section
from analysis.exhibits.pasi.distributions import scores_section
from analysis.exhibits.pasi.errors import errors_section
from analysis.exhibits.pasi.scatter import agreement_section
from analysis.exhibits.phases import has_phases, phases_section
from analysis.exhibits.provenance import provenance_section
from analysis.exhibits.published import (
    published_classes_section,
    published_section,
    repeats_a_study,
)
from analysis.exhibits.ranking import ranking_section
from analysis.exhibits.settings import varied_keys, varied_section
from analysis.report.headline import write_headline
from analysis.report.methods.section import guidelines_section, methods_section
from analysis.report.page import render_page
from analysis.report.saving import Report, save_report
from analysis.run import RunFacts
from foldgrid.records import RunStore
from foldgrid.tasks.classification.tree_scoring import TreeScoring

SectionMaker = Callable[[RunFacts], Section]

FIRST: tuple[SectionMaker, ...] = (ranking_section, critical_section)
OF_PASI: tuple[SectionMaker, ...] = (
    agreement_section,
    change_section,
    errors_section,
    scores_section,
)
OF_NUMBERS: tuple[SectionMaker, ...] = (numbers_section,)
OF_CLASSES: tuple[SectionMaker, ...] = (classes_section, confusion_section, roc_section)
OF_BINARY: tuple[SectionMaker, ...] = (operating_section,)
OF_TREES: tuple[SectionMaker, ...] = (tree_section,)
OF_ALL_CLASSES: tuple[SectionMaker, ...] = (reliability_section, embedding_section)
TRAINING: tuple[SectionMaker, ...] = (folds_section, learning_section)
LAST: tuple[SectionMaker, ...] = (
    cost_section,
    architectures_section,
    checks_section,
    methods_section,
    guidelines_section,
    provenance_section,
)


def sections_of(run: RunFacts) -> tuple[SectionMaker, ...]:
    """The sections in the order of the page: the task's own, and what the sweep has to tell."""
    own = OWN[run.scoring.report](run)
    phases = (phases_section,) if has_phases(run) else ()
    varied = (varied_section,) if varied_keys(run) else ()
    published = PUBLISHED[run.scoring.report](run)
    return (*FIRST, *own, *TRAINING, *phases, *varied, stacking_section, *published, *LAST)


def _of_classes(run: RunFacts) -> tuple[SectionMaker, ...]:
    binary = OF_BINARY if run.scoring.is_binary else ()
    trees = OF_TREES if isinstance(run.scoring, TreeScoring) else ()
    return (*OF_CLASSES, *binary, *trees, *OF_ALL_CLASSES)


OWN: Mapping[str, Callable[[RunFacts], tuple[SectionMaker, ...]]] = MappingProxyType(
    {"pasi": lambda run: OF_PASI, "numbers": lambda run: OF_NUMBERS, "classes": _of_classes}
)
"""The sections that only a task of that report has."""


def _published_classes(run: RunFacts) -> tuple[SectionMaker, ...]:
    return (published_classes_section,) if repeats_a_study(run) else ()


PUBLISHED: Mapping[str, Callable[[RunFacts], tuple[SectionMaker, ...]]] = MappingProxyType(
    {
        "pasi": lambda run: (published_section,),
        "numbers": lambda run: (),
        "classes": _published_classes,
    }
)
"""What others published, by the kind of report."""


def make_report(store: RunStore, by: str | None = None) -> Report:
    """Computes the report of a run folder; the same records give the same bytes.

    Args:
        store: The run folder.
        by: The out-of-fold figure that orders the ranking; the task's first without.

    Raises:
        SweepError: ``by`` is unknown, nothing is complete yet, or a law of honest stacking is
            broken.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    run = RunFacts(store, by)
    # One thread, as for the ranking: the same bits on any number of cores.
    with threadpool_limits(limits=1):
        sections = tuple(section(run) for section in sections_of(run))
        headline = write_headline(run)
    return Report(render_page(headline, sections, run.opened, run.private_words), sections)


def write_report(store: RunStore, by: str | None = None) -> str:
    """Makes the report and writes ``report.html`` and ``figures/`` into the run folder.

    Returns:
        Where the report is.
    """
    return save_report(store, make_report(store, by))
