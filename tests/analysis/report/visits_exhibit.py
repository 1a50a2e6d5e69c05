"""An exhibit that foldgrid does not have, in one file: who came how often."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Cell, Column, Figure, Section, Table
from foldgrid.analysis.drawing.canvas import add_axes, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.run import Run


def visits_of(run: Run) -> pd.DataFrame:
    """The visits of each subject."""
    counts = run.evaluation.table.samples.groupby("subject")["visit"].nunique()
    return pd.DataFrame({"subject": counts.index, "num_visits": counts.to_numpy()})


def paint(numbers: pd.DataFrame, width: int) -> MplFigure:
    figure = new_figure(width, 120)
    add_axes(figure, 40, 10, width - 60, 80).hist(numbers["num_visits"])
    return figure


def draw_visits(numbers: pd.DataFrame) -> Drawing:
    return draw("visits", "Visits a subject", "One bar.", partial(paint, numbers))


def cohort_section(run: Run) -> Section:
    numbers = run.once(visits_of)
    row = (Cell("all"), Cell(str(len(numbers))))
    columns = (Column("Who"), Column("Subjects", True))
    blocks = (
        Figure("visits", partial(draw_visits, numbers), "Visits a subject.", lambda: numbers),
        Table("subjects", "Subjects", columns, (row,), lambda: numbers),
    )
    return Section(f"{len(numbers)} subjects came.", blocks)


COHORT = Exhibit("cohort", "The cohort", cohort_section)
WRONG = "no exhibit"
