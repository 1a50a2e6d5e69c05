"""Reads what a sweep left behind and compares its models. Never trains, never loads an image.

Knows the records, the scores and the words; no torch, ray or wandb, so a ranking starts on any
machine. In the order in which a ranking is made:

    laws, predictions          records -> one table of predictions, checked
    meta_learners, stacking    the stacked regressions, fitted without looking at the answers
    visits, judging            regional composites -> the PASI of every visit by every model
    board, reading, ranking    the figures in order, and what to know before believing them
    leaderboard                the ranking on disk, used again while it is up to date
    terminal, formats          the ranking in print

The names below are loaded when they are first used: pandas and scikit-learn take a second.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.board import Ranking, ranking_table
    from analysis.formats import render_csv, render_json, render_latex, render_markdown
    from analysis.judging import judge, visit_predictions
    from analysis.ranking import rank_and_save, rank_sweep
    from analysis.terminal import render_terminal

_HOMES = {
    "Ranking": "board",
    "judge": "judging",
    "rank_and_save": "ranking",
    "rank_sweep": "ranking",
    "ranking_table": "board",
    "render_csv": "formats",
    "render_json": "formats",
    "render_latex": "formats",
    "render_markdown": "formats",
    "render_terminal": "terminal",
    "visit_predictions": "judging",
}

__all__ = [
    "Ranking",
    "judge",
    "rank_and_save",
    "rank_sweep",
    "ranking_table",
    "render_csv",
    "render_json",
    "render_latex",
    "render_markdown",
    "render_terminal",
    "visit_predictions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
