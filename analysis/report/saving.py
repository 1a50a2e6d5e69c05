"""A report in memory, and its files in the run folder."""

from __future__ import annotations

from dataclasses import dataclass

from foldgrid.analysis.drawing.blocks import Figure, Section
from foldgrid.records import RunStore

HTML_FILE = "report.html"
FIGURES = "figures"


@dataclass(frozen=True)
class Report:
    """A report in memory.

    Attributes:
        html: The page.
        sections: What it is made of.
    """

    html: str
    sections: tuple[Section, ...]

    @property
    def figures(self) -> list[Figure]:
        """Every figure in the order of the page."""
        blocks = [block for section in self.sections for block in section.blocks]
        return [block for block in blocks if isinstance(block, Figure)]


def save_report(store: RunStore, report: Report) -> str:
    """Writes a report into its run folder, the figures as SVG, PNG and where they have it CSV.

    Returns:
        Where the report is.
    """
    for figure in report.figures:
        store.write_text(f"{FIGURES}/{figure.key}.svg", figure.drawing.svg)
        store.write_bytes(f"{FIGURES}/{figure.key}.png", figure.drawing.png)
        if figure.data:
            store.write_text(f"{FIGURES}/{figure.key}.csv", figure.data)
    store.write_text(HTML_FILE, report.html)
    return f"{store.location}/{HTML_FILE}"
