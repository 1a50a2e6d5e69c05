"""What the checks said of a run: plain, frozen, storable. Starts without pandas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from foldgrid.analysis.predictions.state import state_digest
from foldgrid.records import RunStore
from foldgrid.specs.base import Spec
from foldgrid.specs.counted import counted

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Raised when stored results can no longer be read as they were, or a check looks at more."""

FILE = "checks.json"

Severity = Literal["error", "warning"]
Status = Literal["passed", "failed", "warning", "not applicable"]
STATUSES: tuple[Status, ...] = ("failed", "warning", "passed", "not applicable")


class CheckResult(Spec):
    """What one check said.

    Attributes:
        code: Its stable code, such as FG101.
        title: What should hold, in a few words.
        severity: ``error`` where a breach makes values wrong, ``warning`` where it changes how
            they are to be read.
        looks_at: What it looks at.
        status: A breach is ``failed`` or ``warning``, as the severity says. ``not applicable``
            means that there was nothing to look at: it says nothing good.
        evidence: A sentence with counts and names.
        places: Every breach, a line each.
        meaning: What the breach means for the values; "" where there is none.
        mend: What to do about it; likewise.
    """

    code: str
    title: str
    severity: Severity
    looks_at: str
    status: Status
    evidence: str
    places: tuple[str, ...] = ()
    meaning: str = ""
    mend: str = ""

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be done: it holds, or there was nothing to look at."""
        return self.status in ("passed", "not applicable")


class CheckReport(Spec):
    """All checks of one run folder.

    Attributes:
        format: ``FORMAT`` when it was made.
        made_from: Digest of the state that was checked; see `checked_state`.
        location: The run folder, as it was given.
        sweep: The sweep's name.
        results: In the order of their codes.
    """

    format: int = FORMAT
    made_from: str
    location: str
    sweep: str
    results: tuple[CheckResult, ...]

    def having(self, status: Status) -> tuple[CheckResult, ...]:
        """The results of that status."""
        return tuple(result for result in self.results if result.status == status)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The results of the checks that failed."""
        return self.having("failed")

    def frame(self) -> pd.DataFrame:
        """A row a check: ``code``, ``title``, ``severity``, ``status``, ``evidence`` and more."""
        import pandas as pd

        names = ("code", "title", "severity", "status", "evidence", "meaning", "mend")
        return pd.DataFrame(
            [{name: getattr(each, name) for name in names} for each in self.results]
        )

    def __repr__(self) -> str:
        """The counts, and what is not as it should be."""
        loud = [
            f"  {each.code} {each.status}: {each.evidence}"
            for each in self.results
            if not each.is_quiet
        ]
        return "\n".join([self.headline, *loud])

    __str__ = __repr__

    @property
    def has_failed(self) -> bool:
        """Whether any check failed; warnings are no failures."""
        return bool(self.having("failed"))

    @property
    def headline(self) -> str:
        """The counts in one line: ``17 checks: 12 passed, 2 warnings, 3 not applicable``."""
        words = []
        for status in STATUSES:
            count = len(self.having(status))
            if count:
                words.append(
                    counted(count, "warning") if status == "warning" else f"{count} {status}"
                )
        return f"{counted(len(self.results), 'check')}: {', '.join(words)}"


def checked_state(store: RunStore) -> str:
    """The digest of what the checks of this run folder would look at now.

    It covers the plan, the finished fits and the label-permutation test beside the run. It does not
    see that a file was corrupt later, so ``foldgrid check`` looks anew every time.
    """
    return state_digest(store, FORMAT)


def load_current(store: RunStore) -> CheckReport | None:
    """The stored results, or nothing where there are none or they are out of date."""
    try:
        report = CheckReport.model_validate_json(json.dumps(store.read_json(FILE)))
    except (FileNotFoundError, ValueError):
        return None
    return report if report.made_from == checked_state(store) else None


def save(store: RunStore, report: CheckReport) -> None:
    """Writes ``checks.json``."""
    store.write_json(FILE, report.model_dump(mode="json"))
