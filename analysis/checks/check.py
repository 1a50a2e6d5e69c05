"""A check, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from foldgrid.analysis.checks.explanations import EXPLANATIONS, Explanation
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
    """One thing that could be wrong with a run: what looks for it.

    Attributes:
        code: That of its words in `explanations`.
        look: Looks, and answers.
        is_before_ranking: Whether it is looked at before every ranking. What takes as long as the
            ranking itself is looked at by ``check`` and ``report`` alone.
    """

    code: str
    look: Callable[[RunContents], Finding]
    is_before_ranking: bool = True

    @property
    def words(self) -> Explanation:
        """What should hold, what it looks at, and what a breach means."""
        return EXPLANATIONS[self.code]

    @property
    def severity(self) -> Severity:
        """See `CheckResult`."""
        return "error" if self.words.kind == "error" else "warning"

    def run(self, contents: RunContents) -> CheckResult:
        """Looks at a run."""
        return self.result(self.look(contents))

    def result(self, finding: Finding) -> CheckResult:
        """An answer of this check, with what it means."""
        words = self.words
        is_breach = finding.holds is False
        return CheckResult(
            code=self.code,
            title=words.title,
            severity=self.severity,
            looks_at=words.looks_at,
            status=self._status(finding),
            evidence=finding.evidence,
            places=finding.places,
            meaning=words.meaning if is_breach else "",
            mend=words.advice if is_breach else "",
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
