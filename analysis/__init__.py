"""Reads what a sweep left behind and compares its models. Never trains, never loads an image.

Knows the records, the scores and the words; no torch, ray or tracker, and Optuna only where the
importances of a search are computed, so a ranking starts on any machine. In the order in which a
ranking is made:

    predictions  records -> checked tables: composites by sample, PASI by visit
    stacking     meta-learners, fitted without looking at the answers
    evaluation   every model of a sweep on every visit
    statistics   how sure it all is: subjects resampled, models against the best
    checks       what could make the figures wrong, looked for one by one
    ranking      the figures in order, what to know before believing them, on paper and on disk
    drawing      what all pictures share
    exhibit      what an exhibit is, and all of them by name
    run          an opened run folder: what every exhibit may ask of it
    search       the trials of a search: how sure its best is
    published    what a ranking is held against: the published studies
    comparison   sweeps side by side, or why not
    opening      a run folder in, a grid's or a search's opened run out
    exhibits     one room a picture or table: its facts, its drawing, its section
    report       all of it on one page

The names below are loaded when they are first used: pandas and scikit-learn take a second.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.checks.catalogue import run_checks, stored_or_checked
    from analysis.evaluation import judge, unit_predictions
    from analysis.ranking.board import Ranking, ranking_table
    from analysis.ranking.formats import render_csv, render_json, render_latex, render_markdown
    from analysis.ranking.making import judge_and_rank, rank_and_save, rank_sweep
    from analysis.ranking.sureness import all_notes
    from analysis.ranking.terminal import render_terminal
    from analysis.statistics.assessing import assess

_HOMES = {
    "Ranking": "ranking.board",
    "all_notes": "ranking.sureness",
    "assess": "statistics.assessing",
    "judge": "evaluation",
    "judge_and_rank": "ranking.making",
    "rank_and_save": "ranking.making",
    "rank_sweep": "ranking.making",
    "ranking_table": "ranking.board",
    "render_csv": "ranking.formats",
    "render_json": "ranking.formats",
    "render_latex": "ranking.formats",
    "render_markdown": "ranking.formats",
    "render_terminal": "ranking.terminal",
    "run_checks": "checks.catalogue",
    "stored_or_checked": "checks.catalogue",
    "unit_predictions": "evaluation",
}

__all__ = [
    "Ranking",
    "all_notes",
    "assess",
    "judge",
    "judge_and_rank",
    "rank_and_save",
    "rank_sweep",
    "ranking_table",
    "render_csv",
    "render_json",
    "render_latex",
    "render_markdown",
    "render_terminal",
    "run_checks",
    "stored_or_checked",
    "unit_predictions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
