"""The ranking on disk: ``leaderboard.json`` with everything, ``leaderboard.csv`` for people.

A stored ranking is used again only while the plan and the finished fits are those that it was
made from; a digest of both travels with it.
"""

from __future__ import annotations

import json

from foldgrid.analysis.predictions.state import state_digest
from foldgrid.analysis.ranking.ranking import FORMAT, Ranking
from foldgrid.records import RunStore

JSON_FILE = "leaderboard.json"
CSV_FILE = "leaderboard.csv"


def made_from_now(store: RunStore) -> str:
    """The digest of what a ranking of this run folder would be made from now."""
    return state_digest(store, FORMAT)


def load_current(store: RunStore) -> Ranking | None:
    """The stored ranking, or nothing where there is none, it is unreadable or out of date."""
    try:
        ranking = Ranking.model_validate_json(json.dumps(store.read_json(JSON_FILE)))
    except (FileNotFoundError, ValueError):
        return None
    return ranking if ranking.made_from == made_from_now(store) else None


def replaced_format(store: RunStore) -> int:
    """The format of the ranking by earlier rules that is stored here, or was; 0 is none."""
    try:
        stored = store.read_json(JSON_FILE)
        formats = [int(stored.get(key) or 0) for key in ("format", "replaced")]
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return 0
    return max((each for each in formats if each < FORMAT), default=0)


def save(store: RunStore, ranking: Ranking) -> None:
    """Writes both files, always ordered by the task's first metric, so that they do not flicker."""
    from foldgrid.analysis.ranking.formats import render_csv, render_json

    settled = ranking.ordered_by(next(iter(ranking.metrics)))
    store.write_text(CSV_FILE, render_csv(settled))
    store.write_json(JSON_FILE, json.loads(render_json(settled)))
