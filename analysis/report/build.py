"""A report, from the run folder to the files in it."""

from __future__ import annotations

from foldgrid.analysis.checks.catalogue import keep_checks
from foldgrid.analysis.drawing.blocks import Figure, Section, Table
from foldgrid.analysis.opening import opened
from foldgrid.analysis.predictions.threads import one_thread
from foldgrid.analysis.report.headline import write_headline
from foldgrid.analysis.report.page import render_page
from foldgrid.analysis.report.saving import Report, save_report
from foldgrid.analysis.report.search.headline import write_search_headline
from foldgrid.analysis.report.search.sections import search_sections
from foldgrid.analysis.run import Run
from foldgrid.analysis.search.run import SearchRun
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError


def make_report(store: RunStore, by: str | None = None) -> Report:
    """Computes the report of a run folder; the same records give the same bytes.

    Args:
        store: The run folder, of a grid or a search.
        by: The out-of-fold metric that orders the ranking; of a search, which of its objectives
            is shown. The task's or the search's first without.

    Raises:
        SweepError: ``by`` is unknown, nothing is complete yet, or a rule of stacking without
            leakage is broken.
    """
    return report_of(opened(store, by))


def write_report(store: RunStore, by: str | None = None) -> str:
    """Makes the report and writes ``report.html`` and ``figures/`` into the run folder.

    What the checks found is written first: also where it leaves nothing to be ranked.

    Returns:
        Where the report is.
    """
    run = opened(store, by)
    if isinstance(run, Run):
        keep_checks(store, run.checks)
    return save_report(store, report_of(run))


def report_of(run: Run | SearchRun) -> Report:
    """The report of an opened run.

    Raises:
        SweepError: Two of its exhibits have a part of one name.
    """
    # One thread, as for the ranking: the same bits on any number of cores.
    with one_thread():
        if isinstance(run, SearchRun):
            sections, headline = search_sections(run), write_search_headline(run)
        else:
            sections = tuple(run.exhibit(name).section for name in run.exhibits)
            headline = write_headline(run)
        _check_names(run, sections)
        page = render_page(headline, sections, run.opened, run.private_words)
    return Report(page, sections)


def _check_names(run: Run | SearchRun, sections: tuple[Section, ...]) -> None:
    """A part's name is its anchor and its file's name: two of one name would hide one another."""
    owners: dict[str, str] = {}
    for section in sections:
        for block in section.blocks:
            if not isinstance(block, Figure | Table):
                continue
            if block.key in owners:
                raise SweepError(
                    f'{run.location}: two parts are called "{block.key}", one of the exhibit '
                    f'"{owners[block.key]}", one of "{block.exhibit}".\nName one of them otherwise.'
                )
            owners[block.key] = block.exhibit
