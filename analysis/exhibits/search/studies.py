"""The studies of a search beside each other, where there are several."""

from __future__ import annotations

from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Cell, Column, Section, Table, cells
from foldgrid.analysis.drawing.numbers import between, format_number, percent
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.search.run import SearchRun


def studies_section(run: SearchRun) -> Section:
    """Each backbone's best, what it is worth, and what was saved."""
    metric = run.studies[0].results.metric
    digits = run.studies[0].results.decimals(metric.name)
    columns = (
        Column("Backbone"),
        Column("Trials", True),
        Column(metric.title, True, "best, 95 %"),
        Column("Corrected", True, "for choosing"),
        Column("Default", True),
        Column("Saved", True, "by stopping early"),
    )
    rows = []
    for study in run.studies:
        found, best = study.best_certainty, study.best
        ends = between(found.interval.get(metric.name), digits)
        score = best.oof.get(metric.name) if best else None
        rows.append(
            cells(
                study.results.label,
                str(len(study.results.trials)),
                Cell(format_number(score, digits), note=ends),
                format_number(found.corrected.get(metric.name), digits),
                format_number(found.default_configuration.get(metric.name), digits),
                percent(study.saved.fraction),
            )
        )
    frame = partial(_frame, run)
    table = Table("studies", "Each backbone's search", columns, tuple(rows), frame)
    return Section("Each backbone was searched for itself; its section follows.", (table,))


def _frame(run: SearchRun) -> pd.DataFrame:
    rows = []
    for study in run.studies:
        name, found, best = study.results.metric.name, study.best_certainty, study.best
        low, high = found.interval.get(name) or (None, None)
        rows.append(
            {
                "study": study.results.label,
                "num_trials": len(study.results.trials),
                "best_trial": best.number if best else None,
                name: best.oof.get(name) if best else None,
                f"{name}_low": low,
                f"{name}_high": high,
                "corrected": found.corrected.get(name),
                "own_recipe": found.default_configuration.get(name),
                "saved": study.saved.fraction,
            }
        )
    return pd.DataFrame(rows)


def _why_not(run: SearchRun) -> str:
    return "" if len(run.studies) > 1 else "it has one study"


STUDIES = Exhibit("studies", "The backbones", studies_section, "search", _why_not, "overview")
