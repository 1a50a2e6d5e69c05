"""A check's words, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from foldgrid.analysis.checks.report import CheckResult, Severity, Status
from foldgrid.analysis.checks.run_contents import RunContents
from foldgrid.specs.errors import Problem


@dataclass(frozen=True)
class Finding:
    """A check's answer.

    Attributes:
        holds: Whether what should hold does; null where there was nothing to look at.
        evidence: A sentence with counts and names.
        places: Every breach, a line each.
    """

    holds: bool | None
    evidence: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One thing that could be wrong with a run.

    Attributes:
        code: FG and three digits; never given to another check once it was published.
        title: What should hold, in a few words.
        severity: ``error`` or ``warning``; see `CheckResult`.
        looks_at: What it looks at.
        meaning: What a breach means for the results.
        mend: What to do about a breach.
        look: Looks, and answers.
        is_before_ranking: Whether it is looked at before every ranking. What takes as long as the
            ranking itself is looked at by ``check`` and ``report`` alone.
        source: The literature behind it; "" where there is none.
    """

    code: str
    title: str
    severity: Severity
    looks_at: str
    meaning: str
    mend: str
    look: Callable[[RunContents], Finding]
    is_before_ranking: bool = True
    source: str = ""

    def run(self, contents: RunContents) -> CheckResult:
        """Looks at a run."""
        finding = self.look(contents)
        is_breach = finding.holds is False
        return CheckResult(
            code=self.code,
            title=self.title,
            severity=self.severity,
            looks_at=self.looks_at,
            status=self._status(finding),
            evidence=finding.evidence,
            places=finding.places,
            meaning=self.meaning if is_breach else "",
            mend=self.mend if is_breach else "",
        )

    def _status(self, finding: Finding) -> Status:
        if finding.holds is None:
            return "not applicable"
        if finding.holds:
            return "passed"
        return "failed" if self.severity == "error" else "warning"


def holds(evidence: str) -> Finding:
    """What should hold does."""
    return Finding(True, evidence)


def breach(evidence: str, problems: Iterable[Problem] = ()) -> Finding:
    """What should hold does not."""
    places = (f"{each.where}: {each.message}" if each.where else each.message for each in problems)
    return Finding(False, evidence, tuple(places))


def not_applicable(why: str) -> Finding:
    """There is nothing to look at."""
    return Finding(None, why)
