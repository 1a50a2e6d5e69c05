"""The sections of a search's report: its exhibits, or a section a study where it has several."""

from __future__ import annotations

from foldgrid.analysis.drawing.blocks import Block, Section, Text
from foldgrid.analysis.exhibit import EXHIBITS
from foldgrid.analysis.exhibits.search.of_study import StudyExhibit
from foldgrid.analysis.report.search.headline import study_details, study_verdict
from foldgrid.analysis.search.run import SearchRun, StudyFacts


def search_sections(run: SearchRun) -> tuple[Section, ...]:
    """What stands on the page, in its order.

    Args:
        run: The opened search.
    """
    if len(run.studies) == 1:
        return tuple(run.exhibit(name).section for name in run.exhibits)
    shown = {name: EXHIBITS[name] for name in run.exhibits}
    parts = [each for each in shown.values() if isinstance(each, StudyExhibit)]
    sections: list[Section] = []
    for name, each in shown.items():
        if each is parts[0]:
            sections += [_whole(study, parts) for study in run.studies]
        elif each not in parts:
            sections.append(run.exhibit(name).section)
    return tuple(sections)


def _whole(study: StudyFacts, parts: list[StudyExhibit]) -> Section:
    """All that is said of one study."""
    blocks: list[Block] = [Text(tuple(study_details(study)))]
    for each in parts:
        part = each.study_section(study)
        said = part.lead or (f"Not in this report: {part.left_out}" if part.left_out else "")
        blocks += [Text((said,) if said else (), heading=part.title), *part.blocks]
    return Section(
        study_verdict(study), tuple(blocks), key=study.key("study"), title=study.results.label
    )
