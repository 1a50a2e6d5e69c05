"""Which photographs came in, which were left out in which step, and which are left."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Section, Table, Text
from foldgrid.analysis.drawing.numbers import count
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.run import Run


def flow_section(run: Run) -> Section:
    """The flow by subjects, cases, photographs and classes; below it what was left out unevenly."""
    flow = run.store.read_flow()
    steps, uneven = flow["steps"], flow["uneven"]
    frame = pd.DataFrame([_row(step) for step in steps])
    columns = tuple(Column(str(name), is_number=place > 0) for place, name in enumerate(frame))
    rows = tuple(tuple(Cell(str(value)) for value in row) for row in frame.itertuples(index=False))
    blocks: list[Block] = [Table("flow", "Photographs by step", columns, rows, lambda: frame)]
    if uneven:
        heading = "What is left is another mix than what came in"
        blocks.append(Text(tuple(uneven), is_list=True, heading=heading))
    num_out = steps[0]["num_photos"] - steps[-1]["num_photos"]
    lead = (
        f"{num_out} of {count(steps[0]['num_photos'], 'photograph')} were left out before anything "
        "was split, by rules of the sweep."
    )
    return Section(lead, tuple(blocks), further={"compared": partial(_compared, steps)})


def _row(step: dict[str, Any]) -> dict[str, str | int]:
    sign = -1 if step["is_exclusion"] else 1
    counts = {
        "Subjects": step["num_subjects"],
        "Cases": step["num_cases"],
        "Photographs": step["num_photos"],
        **step["photos_by_label"],
    }
    name = f"excluded: {step['step']}" if step["is_exclusion"] else step["step"]
    return {"Step": name, **{each: sign * number for each, number in counts.items()}}


def _compared(steps: list[dict[str, Any]]) -> pd.DataFrame:
    """A row a step and group: photographs, and how many of them were left out."""
    return pd.DataFrame(
        {
            "step": step["step"],
            "column": each["column"],
            "group": group,
            "photographs": number,
            "excluded": out,
            "p": each["p_value"],
            "is_uneven": each["is_uneven"],
        }
        for step in steps
        for each in step["comparisons"]
        for group, (out, number) in each["photos"].items()
    )


def _needs(run: Run) -> str:
    return "" if run.store.root.exists("flow.json") else "the sweep leaves no photograph out"


FLOW = Exhibit("flow", "Exclusions", flow_section, needs=_needs)
