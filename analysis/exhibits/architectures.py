"""The architectures of a sweep: year, idea, published top-5 error, parameters, multiply-adds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from foldgrid.analysis.drawing.blocks import Cell, Column, Section, Table, Text
from foldgrid.analysis.drawing.numbers import format_number
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.cost_facts import format_cost, learner_costs
from foldgrid.analysis.run import Run
from foldgrid.specs.architectures import Architecture, find_architecture
from foldgrid.specs.given import is_given
from foldgrid.specs.learners import backbone_of


@dataclass(frozen=True)
class ComparedArchitecture:
    """A backbone of the sweep.

    Attributes:
        backbone: Its name.
        architecture: What is published; nothing where it is not known.
        parameters: As trained, with this sweep's head; NaN where no fit is finished.
        multiply_adds: Of one picture of the size that was trained on; NaN is unknown.
    """

    backbone: str
    architecture: Architecture | None
    parameters: float
    multiply_adds: float


def architectures(run: Run) -> tuple[ComparedArchitecture, ...]:
    """The backbones of a sweep, the oldest architecture first; the unknown last.

    Args:
        run: The opened run.
    """
    found = []
    for learner in run.evaluation.table.learners:
        if is_given(learner.name) or learner.name != backbone_of(learner.name):
            continue
        costs = learner_costs(learner) if learner.fits else {}
        found.append(
            ComparedArchitecture(
                learner.name,
                find_architecture(learner.name),
                float(costs.get("parameters", math.nan)),
                float(costs.get("multiply_adds", math.nan)),
            )
        )
    return tuple(sorted(found, key=_order))


def architectures_section(run: Run) -> Section:
    """The table, and in what our networks differ from the papers'."""
    found = architectures(run)
    known = [each for each in found if each.architecture is not None]
    if not known:
        return Section(left_out="none of the backbones is a published one.")
    years = sorted({each.architecture.year for each in known if each.architecture})
    span = str(years[0]) if len(years) == 1 else f"{years[0]} to {years[-1]}"
    lead = f"The networks are from {span}: what was published about them, and what they are here."
    notes = tuple(
        dict.fromkeys(
            f"{each.architecture.name}: {each.architecture.note}"
            for each in known
            if each.architecture and each.architecture.note
        )
    )
    blocks = [_table(found)]
    if not notes:
        return Section(lead, tuple(blocks))
    heading = "In what these networks differ from the papers'"
    return Section(lead, (*blocks, Text(notes, True, heading)))


def _order(each: ComparedArchitecture) -> tuple[float, str, str]:
    known = each.architecture
    return (known.year, known.name, each.backbone) if known else (math.inf, "", each.backbone)


def _table(found: tuple[ComparedArchitecture, ...]) -> Table:
    columns = (
        Column("Backbone"),
        Column("Year", True),
        Column("Idea"),
        Column("Top-5 error", True, "published, %"),
        Column("Parameters", True),
        Column("Multiply-adds", True, "an image"),
    )
    rows = tuple(
        (
            Cell(each.backbone, "", each.architecture.name if each.architecture else ""),
            Cell(str(each.architecture.year) if each.architecture else "–"),
            Cell(each.architecture.idea if each.architecture else "–"),
            _top5(each),
            Cell(format_cost("parameters", each.parameters)),
            Cell(format_cost("multiply_adds", each.multiply_adds)),
        )
        for each in found
    )
    note = (
        "Top-5 error: of one network on ImageNet's validation set, where the paper prints it; "
        "papers test under unlike conditions, as the second lines say. From memory: not held "
        "against the paper again. Parameters and multiply-adds are those of this sweep's networks, "
        "with its head and its picture size."
    )
    caption = "The sweep's architectures, the oldest first"
    return Table("architectures_table", caption, columns, rows, lambda: _frame(found), note)


def _frame(found: tuple[ComparedArchitecture, ...]) -> pd.DataFrame:
    rows = []
    for each in found:
        known = each.architecture
        rows.append(
            {
                "backbone": each.backbone,
                "architecture": known.name if known else None,
                "year": known.year if known else None,
                "idea": known.idea if known else None,
                "top5_error": known.top5_error.get(each.backbone) if known else None,
                "conditions": known.conditions if known else None,
                "top5_from": known.top5_from if known else None,
                "parameters": each.parameters,
                "multiply_adds": each.multiply_adds,
            }
        )
    return pd.DataFrame(rows)


def _top5(each: ComparedArchitecture) -> Cell:
    known = each.architecture
    if known is None or each.backbone not in known.top5_error:
        return Cell("–")
    unchecked = "; from memory" if known.top5_from == "memory" else ""
    error = known.top5_error[each.backbone]
    return Cell(format_number(error, 1), "", f"{known.conditions}{unchecked}")


ARCHITECTURES = Exhibit("architectures", "Architectures", architectures_section)
