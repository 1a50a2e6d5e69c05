"""The chaos tests tell what they did: who was killed when, and that nothing was lost.

``make chaos`` runs all of them; ``make chaos SEED=7`` draws other moments.
"""

from __future__ import annotations

import ast
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.crashing import CrashServer, crash_server
from tests.made_once import MadeOnce

REPORTED = pytest.StashKey[list["Chronicle"]]()
LOST = ("failed", "error")
SEED = int(os.environ.get("CHAOS_SEED", "0"))


@dataclass
class Chronicle:
    """What one test did to its launches, a line each.

    Attributes:
        name: The test's.
        lines: What happened: when, to whom, and how many epochs were on record.
        last_word: What the test found in the end; empty where it did not get there.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    last_word: str = ""

    def tell(self, line: str) -> None:
        """Adds a line."""
        self.lines.append(line)

    def conclude(self, last_word: str) -> None:
        """Says what was found when all was compared."""
        self.last_word = last_word


@pytest.fixture
def chronicle(request: pytest.FixtureRequest) -> Chronicle:
    """Where the test tells what it does; printed at the end of the session."""
    reported = request.config.stash.setdefault(REPORTED, [])
    reported.append(Chronicle(request.node.name))
    return reported[-1]


@pytest.fixture
def seeded(request: pytest.FixtureRequest) -> random.Random:
    """The moments of a test: the same each time, others with another ``CHAOS_SEED``."""
    return random.Random(f"{SEED}/{request.node.name}")


@pytest.fixture(scope="session")
def cache(made_once: MadeOnce) -> Path:
    """One cache for all launches: the tiny synthetic trial is drawn once."""
    return made_once("cache", lambda folder: None)


@pytest.fixture(scope="module")
def server() -> Iterator[CrashServer]:
    """A warm process for launches that kill themselves."""
    with crash_server() as running:
        yield running


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Prints what was done, by the chaos tests and by those run with them, and what was lost."""
    reported = config.stash.get(REPORTED, [])
    if not reported:
        return
    terminalreporter.section(f"chaos, seed {SEED}")
    for each in reported:
        terminalreporter.write_line(each.name)
        for line in each.lines:
            terminalreporter.write_line(f"    {line}")
        terminalreporter.write_line(f"  {each.last_word or 'NOT CONCLUDED: see above'}")
    num_lost = sum(not each.last_word for each in reported)
    if "CHAOS_SEED" in os.environ:
        # Not in the whole suite, of which these are a part.
        for line in _besides(terminalreporter, config.rootpath):
            terminalreporter.write_line(line)
        num_lost = max(num_lost, sum(len(terminalreporter.getreports(each)) for each in LOST))
    words = f"{num_lost} tests lost something." if num_lost else "Nothing was lost."
    terminalreporter.write_line(words, bold=True)


def _besides(reporter: pytest.TerminalReporter, root: Path) -> Iterator[str]:
    """A line for each file of tests that was run with the chaos tests: what it is about."""
    passed = Counter(report.nodeid.partition("::")[0] for report in reporter.getreports("passed"))
    for file, number in passed.items():
        if not file.startswith("tests/chaos/"):
            about = ast.get_docstring(ast.parse((root / file).read_text("utf-8"))) or file
            yield f"{about.splitlines()[0]}\n    {number} passed"
