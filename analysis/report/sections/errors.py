"""Where the best model is wrong: by severity, by region, by single score."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.clinical.components import ComponentErrors, error_by_score
from analysis.clinical.pairs import Partition
from analysis.report.blocks import Block, Cell, Column, Section, Table, Text
from analysis.report.numbers import figure, interval, percent
from analysis.report.run_facts import RunFacts

SCORES_CALL = (
    "from analysis.clinical.components import error_by_score\n"
    'error_by_score(run.judgement, "{0}", "oof").rows\n'
    'error_by_score(run.judgement, "{0}", "test").rows'
)
CALL = "run.reading.oof.{0}\nrun.reading.test.{0}"
ERROR_COLUMNS = (Column("Subjects", True), Column("MAE", True), Column("Bias", True))


def errors_section(run: RunFacts) -> Section:
    """Three tables of the best model, out of fold and on the test set."""
    parts = [("OOF", run.reading.oof)]
    if run.has_test:
        parts.append(("test", run.reading.test))
    intervals = (
        "Second lines: 95 % intervals over resampled subjects. Bias: predicted minus physician."
    )
    blocks: list[Block] = [
        Table(
            "severity",
            "Error by severity of the physician's PASI",
            (Column("Severity"), Column("Visits", True), *ERROR_COLUMNS),
            tuple(
                (Cell(str(row["title"]), "", where), Cell(str(row["num_visits"])), *_errors(row))
                for where, part in parts
                for row in _rows(part.severity)
            ),
            CALL.format("severity"),
            f"{intervals} Cut-offs: Schmitt and Wozel 2005.",
        )
    ]
    regions = [(where, part.regions) for where, part in parts]
    if any(len(found.rows) for _, found in regions):
        blocks.append(
            Table(
                "regions",
                "Error of the composite C, 0 to 72, by region",
                (Column("Region"), Column("Samples", True), *ERROR_COLUMNS),
                tuple(
                    (
                        Cell(_name(row["region"]), "", where),
                        Cell(str(row["num_samples"])),
                        *_errors(row),
                    )
                    for where, found in regions
                    for row in _rows(found.rows)
                ),
                CALL.format("regions.rows"),
                intervals,
            )
        )
    scores = _by_score(run)
    if any(len(found.rows) for _, found in scores):
        blocks.append(_scores(scores, intervals, best_base_learner(run)))
    else:
        blocks.append(Text((f"By single score: {scores[0][1].not_applicable}",)))
    return Section("errors", "Where it is wrong", _lead(run), tuple(blocks))


def _lead(run: RunFacts) -> str:
    table = run.reading.oof.severity.set_index("stratum")
    known = table[table["num_visits"] > 0].drop(index="all")
    parts = [
        f"{name} {figure(row['mae'])} (bias {figure(row['bias'])})"
        for name, row in known.iterrows()
    ]
    return f"Out-of-fold MAE of {run.reading.model} by severity: {'; '.join(parts)}."


def best_base_learner(run: RunFacts) -> str:
    """The first base learner of the ranking: others predict no single scores."""
    return next(row.model for row in run.ranking.rows if row.kind == "base_learner")


def _by_score(run: RunFacts) -> list[tuple[str, ComponentErrors]]:
    name = best_base_learner(run)
    parts: list[tuple[str, Partition]] = [("OOF", "oof")]
    if run.has_test:
        parts.append(("test", "test"))
    return [(where, error_by_score(run.judgement, name, part)) for where, part in parts]


def _scores(scores: list[tuple[str, ComponentErrors]], intervals: str, learner: str) -> Table:
    columns = (
        Column("Score"),
        Column("Samples", True),
        *ERROR_COLUMNS,
        Column("Same", True, "grade"),
        Column("Within 1", True, "grade"),
        Column("Kappa", True, "quadratic"),
    )
    rows = []
    for where, found in scores:
        for row in _rows(found.rows):
            if row["region"] == "all":
                rows.append(
                    (
                        Cell(str(row["score"]), "", where),
                        Cell(str(row["num_samples"])),
                        *_errors(row),
                        Cell(percent(row["exact"])),
                        Cell(percent(row["within_one"])),
                        Cell(figure(row["kappa"])),
                    )
                )
    note = f"{intervals} Involvement runs from 0 to 6, the others from 0 to 4."
    caption = f"Error and agreement by score of {learner}, all regions"
    return Table("scores", caption, columns, tuple(rows), SCORES_CALL.format(learner), note)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _name(region: object) -> str:
    return "all regions" if region == "all" else str(region).replace("_", " ")


def _errors(row: dict[str, Any]) -> tuple[Cell, ...]:
    return (
        Cell(str(row["num_subjects"])),
        *(
            Cell(figure(row[name]), "", interval(row[f"{name}_low"], row[f"{name}_high"]))
            for name in ("mae", "bias")
        ),
    )
