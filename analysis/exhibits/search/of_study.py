"""Exhibits of a search's studies: made a study at a time, whatever their number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foldgrid.analysis.drawing.blocks import Section, Text
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.search.run import SearchRun, StudyFacts


@dataclass(frozen=True)
class StudyExhibit(Exhibit[SearchRun]):
    """A part of what is said of every study.

    Attributes:
        of_study: What it shows of one; its parts are named by ``StudyFacts.key``.
    """

    of_study: Callable[[StudyFacts], Section] = lambda study: Section()

    def study_section(self, study: StudyFacts) -> Section:
        """What stands on the page of one study."""
        anchor = study.key(self.anchor or self.name)
        return self.of_study(study).named(self.name, anchor, self.title)


def study_exhibit(
    name: str,
    title: str,
    of_study: Callable[[StudyFacts], Section],
    *,
    needs: Callable[[SearchRun], str] | None = None,
    anchor: str = "",
) -> StudyExhibit:
    """An exhibit that every study of a search has.

    Args:
        name: What it is asked for by.
        title: Its heading.
        of_study: What it shows of one study.
        needs: What a search lacks that it must have.
        anchor: Its anchor on the page; its name without.
    """

    def make(run: SearchRun) -> Section:
        if len(run.studies) == 1:
            return of_study(run.studies[0])
        sections = [of_study(study) for study in run.studies]
        blocks = [
            block
            for study, each in zip(run.studies, sections, strict=True)
            for block in (
                Text((each.lead or each.left_out,), heading=study.results.label),
                *each.blocks,
            )
        ]
        left_out = sections[0].left_out if all(each.left_out for each in sections) else ""
        return Section(blocks=tuple(blocks), left_out=left_out)

    return StudyExhibit(
        name, title, make, "search", needs or (lambda run: ""), anchor, of_study=of_study
    )
