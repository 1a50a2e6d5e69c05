"""What a run folder holds at this moment, as a digest: has anything been added since?"""

from __future__ import annotations

from typing import Any

from foldgrid.records import RunStore
from foldgrid.specs.fits import content_digest

READ_FILES = ("fit.json", "history.jsonl", "predictions.parquet")
"""Of a fit, what the analysis reads."""


def state_digest(store: RunStore, format: int) -> str:
    """The digest of the plan and the finished fits, of the label-permutation test beside them too.

    Args:
        store: The run folder.
        format: Of what is made from them: raised, it makes everything out of date.
    """
    try:
        planned = [fit.fit_id for fit in store.read_plan()]
    except (OSError, ValueError, KeyError, TypeError):
        # Missing or corrupt: whoever reads it next says so.
        planned = []
    finished = sorted(store.finished_fits().intersection(planned))
    # Lengths too: what was torn or lost since is out of date. Weights are nobody's values.
    sizes = store.fit_sizes()
    lengths = [[sizes.get(f"{fit}/{file}") for file in READ_FILES] for fit in finished]
    state: dict[str, Any] = {"format": format, "plan": planned, "finished": finished}
    state["lengths"] = lengths
    # Its check is part of what is said of the run.
    beside = store.permutation_store("shuffled_scores")
    if beside.root.exists("plan.json"):
        state["canary"] = state_digest(beside, format)
    return content_digest(state)
