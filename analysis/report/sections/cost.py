"""What each base learner costs, and which of them are worth it."""

from __future__ import annotations

from typing import Any

from analysis.context.cost import COSTS, CostFacts, cost_facts, format_cost
from analysis.figures.pareto import draw_pareto, shown_costs
from analysis.report.blocks import Block, Cell, Column, Figure, Section, Table, Text
from analysis.report.numbers import figure, listed
from analysis.report.run_facts import RunFacts

CALL = 'from analysis.context.cost import cost_facts\ncost_facts(run.judgement, "{}")'
TITLE = "Cost"


def cost_section(run: RunFacts) -> Section:
    """The Pareto front of error against each cost, and the costs as a table."""
    facts = cost_facts(run.judgement, run.by)
    call = CALL.format(run.by)
    title = run.ranking.metric.title
    blocks: list[Block] = []
    if len(facts.table) > 1 and shown_costs(facts):
        caption = (
            f"Out-of-fold {title} against cost, a point a base learner. Filled and named: on the "
            "Pareto front, no other is both cheaper and better."
        )
        blocks.append(Figure(draw_pareto(facts, title), caption, call))
    blocks += [_table(facts, title, call), Text(facts.notes, is_list=True)]
    return Section("cost", TITLE, _lead(facts), tuple(blocks))


def _lead(facts: CostFacts) -> str:
    front = list(facts.fronts["parameters"])
    if len(facts.table) < 2 or not front:
        return "One base learner: there is nothing to weigh its cost against."
    return (
        f"By parameters, {len(front)} of {len(facts.table)} base learners are on the front, from "
        f"the cheapest to the best: {listed(front)}."
    )


def _table(facts: CostFacts, title: str, call: str) -> Table:
    columns = (
        Column("Base learner"),
        Column(title, True, "out of fold"),
        Column("Parameters", True),
        Column("Multiply-adds", True, "an image"),
        Column("Training", True, "all folds"),
        Column("Epochs", True, "a fit"),
        Column("Peak memory", True),
    )
    rows = tuple(
        _row({str(name): value for name, value in row.items()})
        for row in facts.table.to_dict("records")
    )
    note = "Bold: on the front of error against that cost."
    return Table("costs", "Costs of the base learners", columns, rows, call, note)


def _row(row: dict[str, Any]) -> tuple[Cell, ...]:
    costs = {
        cost: Cell(format_cost(cost, row[cost]), "strong" if row[f"front_{cost}"] else "")
        for cost in COSTS
    }
    return (
        Cell(str(row["model"])),
        Cell(figure(row["error"])),
        costs["parameters"],
        costs["multiply_adds"],
        costs["train_seconds"],
        Cell(figure(row["epochs_per_fit"], 1)),
        costs["peak_memory_gib"],
    )
