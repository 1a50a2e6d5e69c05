"""A search's report, from the run folder to the files in it."""

from __future__ import annotations

from collections.abc import Callable

from analysis.drawing.blocks import Block, Cell, Column, Section, Table, Text, cells
from analysis.drawing.numbers import between, figure, percent
from analysis.exhibits.search.course import curves_section, history_section
from analysis.exhibits.search.facts import SearchFacts, StudyFacts
from analysis.exhibits.search.searched import searched_section
from analysis.exhibits.search.trials import trials_section
from analysis.exhibits.search.values import (
    front_section,
    importance_section,
    landscape_section,
    parallel_section,
)
from analysis.report.page import render_page
from analysis.report.saving import Report, save_report
from analysis.report.search.headline import study_details, study_verdict, write_search_headline
from analysis.search.certainty import decimals
from foldgrid.records import RunStore

PARTS: tuple[Callable[[StudyFacts], Section | None], ...] = (
    history_section,
    curves_section,
    parallel_section,
    importance_section,
    landscape_section,
    front_section,
    trials_section,
)
"""What is said of a study, in the order of the page."""


def make_search_report(store: RunStore, by: str = "") -> Report:
    """Computes the report of a search; the same records give the same bytes.

    Args:
        store: The run folder.
        by: The objective that is shown; "" for the search's first.

    Raises:
        SweepError: Nothing was searched here, ``by`` was not searched for, or no trial is over.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    run = SearchFacts(store, by)
    with threadpool_limits(limits=1):
        sections = (*_study_sections(run), searched_section(run))
        headline = write_search_headline(run)
    return Report(render_page(headline, sections, run.opened, run.private_words), sections)


def write_search_report(store: RunStore, by: str = "") -> str:
    """Makes the report and writes ``report.html`` and ``figures/`` into the run folder.

    Returns:
        Where the report is.
    """
    return save_report(store, make_search_report(store, by))


def _study_sections(run: SearchFacts) -> tuple[Section, ...]:
    """The parts of the only study as sections; of several, a section a study."""
    if len(run.studies) == 1:
        return tuple(_parts(run.studies[0]))
    return (_overview(run), *(_whole(study) for study in run.studies))


def _parts(study: StudyFacts) -> list[Section]:
    parts = (part(study) for part in PARTS)
    return [part for part in parts if part is not None]


def _whole(study: StudyFacts) -> Section:
    blocks: list[Block] = [Text(tuple(study_details(study)))]
    for part in _parts(study):
        said = part.lead or (f"Not in this report: {part.left_out}" if part.left_out else "")
        blocks += [Text((said,) if said else (), heading=part.title), *part.blocks]
    return Section(study.key("study"), study.evidence.label, study_verdict(study), tuple(blocks))


def _overview(run: SearchFacts) -> Section:
    """The studies beside each other."""
    metric = run.studies[0].evidence.metric
    digits = decimals(metric.name)
    columns = (
        Column("Backbone"),
        Column("Trials", True),
        Column(metric.title, True, "best, 95 %"),
        Column("Corrected", True, "for choosing"),
        Column("Own recipe", True),
        Column("Saved", True, "by giving up"),
    )
    rows = []
    for study in run.studies:
        found, best = study.best_certainty, study.best
        ends = between(found.interval.get(metric.name), digits)
        score = best.oof.get(metric.name) if best else None
        rows.append(
            cells(
                study.evidence.label,
                str(len(study.evidence.trials)),
                Cell(figure(score, digits), note=ends),
                figure(found.corrected.get(metric.name), digits),
                figure(found.own_recipe.get(metric.name), digits),
                percent(study.saved.share),
            )
        )
    table = Table("studies", "Each backbone's search", columns, tuple(rows), "run.studies")
    lead = "Each backbone was searched for itself; its section follows."
    return Section("overview", "The backbones", lead, (table,))
