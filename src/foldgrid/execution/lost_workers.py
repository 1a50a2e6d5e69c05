"""What Ray says of a worker that it lost, in words for people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LOW_ON_MEMORY = re.compile(r"running low on memory\. .*? was (\S+) used / (\S+) limit", re.DOTALL)
A_FAILURE = re.compile(r"^Failure # \d+ \(.*\)\n", re.MULTILINE)
LONGEST = 300


def reported_by(trial: Any) -> str:
    """All that Tune has of the last time that a trial's worker was lost."""
    # Tune's own question for it, `get_error`, looks where it is copied later, if at all.
    local = Path(trial.error_file or "")
    reported = local.read_text() if local.is_file() else trial.get_error()
    return last_failure(str(reported or "Ray did not say why"))


def last_failure(reported: str) -> str:
    """Of the failures that Tune collects in one text, the last."""
    return A_FAILURE.split(reported)[-1].strip()


def reason(reported: str) -> str:
    """Why, in a line."""
    memory = LOW_ON_MEMORY.search(reported)
    if memory:
        used, limit = memory.groups()
        return (
            f"the machine ran out of memory, {used} of {limit} were used, and Ray ended the worker;"
            " let fewer fits run at a time (resources.max_concurrent)"
        )
    lines = [line.strip() for line in reported.splitlines() if line.strip()]
    # Ray's first line says what happened; what follows is where, and advice for its developers.
    return (lines or ["Ray did not say why"])[0][:LONGEST]
