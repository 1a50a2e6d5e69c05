"""Error by severity: where on the scale a model is wrong, and which way.

Strata follow Schmitt and Wozel 2005 (Dermatology 210:194): PASI below 7 is mild, 7 to 12 moderate,
above 12 severe. They are cut by the physician's PASI, never by the prediction. The cut-offs are of
the whole-body PASI; without head and neck the scale ends at 64.8, so a visit may fall one stratum
lower here than at the bedside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Numbers, Section, Table, Text
from foldgrid.analysis.drawing.frames import beside_each_other
from foldgrid.analysis.drawing.numbers import format_number, interval, percent
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.pasi.components import (
    ComponentErrors,
    error_by_region,
    error_by_score,
    error_columns,
)
from foldgrid.analysis.exhibits.pasi.visits import ModelVisits, Partition, best_visits
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import resample_subjects
from foldgrid.analysis.statistics.resamples import SEED


@dataclass(frozen=True)
class Stratum:
    """A part of the PASI scale.

    Attributes:
        name: What it is called.
        low: Its lower end; belongs to it unless ``above``.
        high: Its upper end; belongs to it where ``to_end``.
        above: Whether the lower end itself is left out.
        to_end: Whether the upper end itself belongs to it.
    """

    name: str
    low: float
    high: float
    above: bool = False
    to_end: bool = False

    def holds(self, pasi: np.ndarray) -> np.ndarray:
        """Which values lie in it."""
        is_over = pasi > self.low if self.above else pasi >= self.low
        return np.asarray(is_over & (pasi <= self.high if self.to_end else pasi < self.high))

    @property
    def title(self) -> str:
        """For a table or an axis: ``moderate (7 to 12)``."""
        if self.low == 0.0:
            return f"{self.name} (below {self.high:g})"
        if self.high >= 72.0:
            return f"{self.name} (above {self.low:g})"
        return f"{self.name} ({self.low:g} to {self.high:g})"


SEVERITY_STRATA = (
    Stratum("mild", 0.0, 7.0),
    Stratum("moderate", 7.0, 12.0, to_end=True),
    Stratum("severe", 12.0, 72.0, above=True, to_end=True),
)
"""Schmitt and Wozel 2005; together they cover the scale and no value twice."""


def error_by_severity(
    pairs: ModelVisits, strata: Sequence[Stratum] = SEVERITY_STRATA, seed: int = SEED
) -> pd.DataFrame:
    """Size and direction of the error in each stratum of the physician's PASI.

    A bias above 0 in the mild and below 0 in the severe stratum is the shrinking towards the mean
    that every regression with noise shows; selecting by the physician's score, which has errors
    of its own, adds to it.

    Args:
        pairs: One model's visits.
        strata: The parts of the scale.
        seed: Of the bootstrap over subjects.

    Returns:
        stratum, title, num_visits, num_subjects, then mae and bias (predicted minus physician),
        each with ``_low`` and ``_high``: a row a stratum and a last one for all visits. Values of
        a stratum without visits are NaN; intervals of one with a single subject, too.
    """
    truth = pairs.visits["physician"].to_numpy(dtype=np.float64)
    masks = [(stratum.name, stratum.title, stratum.holds(truth)) for stratum in strata]
    masks.append(("all", "all visits", np.ones(len(truth), dtype=bool)))
    resamples = resample_subjects(pairs.visits["subject"], seed=seed)
    errors = pairs.errors.to_numpy(dtype=np.float64)
    rows = [
        {"stratum": name, "title": title, **error_columns(errors, mask, resamples)}
        for name, title, mask in masks
    ]
    return pd.DataFrame(rows).rename(columns={"num_records": "num_visits"})


ERROR_COLUMNS = (Column("Subjects", True), Column("MAE", True), Column("Bias", True))


def best_severity(run: Run, partition: Partition) -> pd.DataFrame:
    """The error by severity of the model that a report is about."""
    return error_by_severity(run.once(best_visits, partition))


def best_regions(run: Run, partition: Partition) -> ComponentErrors:
    """The error by region of the model that a report is about."""
    return error_by_region(run.evaluation, run.best.model, partition)


def _parts(run: Run) -> list[tuple[str, Partition]]:
    parts: list[tuple[str, Partition]] = [("OOF", "oof")]
    return [*parts, ("test", "test")] if run.has_test else parts


def errors_section(run: Run) -> Section:
    """Three tables of the best model, out of fold and on the test set."""
    parts = _parts(run)
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
                for row in _rows(run.once(best_severity, part))
            ),
            lambda: _whole(parts, [run.once(best_severity, part) for _, part in parts]),
            f"{intervals} Cut-offs: Schmitt and Wozel 2005.",
        )
    ]
    regions = [(where, run.once(best_regions, part)) for where, part in parts]
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
                lambda: _whole(parts, [found.rows for _, found in regions]),
                intervals,
            )
        )
    scores = _by_score(run)
    if any(len(found.rows) for _, found in scores):
        frame = partial(_whole, parts, [found.rows for _, found in scores])
        blocks.append(_scores(scores, intervals, best_base_learner(run), frame))
    else:
        blocks.append(Text((f"By single score: {scores[0][1].not_applicable}",)))
    return Section(_lead(run), tuple(blocks))


def _lead(run: Run) -> str:
    table = run.once(best_severity, "oof").set_index("stratum")
    known = table[table["num_visits"] > 0].drop(index="all")
    parts = [
        f"{name} {format_number(row['mae'])} (bias {format_number(row['bias'])})"
        for name, row in known.iterrows()
    ]
    return f"Out-of-fold MAE of {run.best.model} by severity: {'; '.join(parts)}."


def best_base_learner(run: Run) -> str:
    """The first base learner of the ranking: others predict no single scores."""
    return next(row.model for row in run.ranking.rows if row.kind == "base_learner")


def _by_score(run: Run) -> list[tuple[str, ComponentErrors]]:
    name = best_base_learner(run)
    return [(where, error_by_score(run.evaluation, name, part)) for where, part in _parts(run)]


def _scores(
    scores: list[tuple[str, ComponentErrors]], intervals: str, learner: str, frame: Numbers
) -> Table:
    columns = (
        Column("Score"),
        Column("Samples", True),
        *ERROR_COLUMNS,
        Column("Same", True, "score"),
        Column("Within 1", True, "score"),
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
                        Cell(format_number(row["kappa"])),
                    )
                )
    note = f"{intervals} Involvement runs from 0 to 6, the others from 0 to 4."
    caption = f"Error and agreement by score of {learner}, all regions"
    return Table("scores", caption, columns, tuple(rows), frame, note)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _name(region: object) -> str:
    return "all regions" if region == "all" else str(region).replace("_", " ")


def _errors(row: dict[str, Any]) -> tuple[Cell, ...]:
    return (
        Cell(str(row["num_subjects"])),
        *(
            Cell(format_number(row[name]), "", interval(row[f"{name}_low"], row[f"{name}_high"]))
            for name in ("mae", "bias")
        ),
    )


def _whole(parts: Sequence[tuple[str, Partition]], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of both partitions, one below the other."""
    return beside_each_other(
        table.assign(partition=part) for (_, part), table in zip(parts, tables, strict=True)
    )


ERRORS = Exhibit("errors", "Where it is wrong", errors_section, of="task")
