"""The field's words: what they replaced stands in no name, docstring, comment or page.

What is allowed none the less, and why, stands below: what is written in files, what users type, and
what a word of the list means elsewhere (a drawing is a figure).
"""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

IN_NAMES = {
    "judge": "evaluate",
    "judged": "evaluated",
    "judgement": "evaluation",
    "judgements": "evaluations",
    "board": "ranking or leaderboard",
    "sureness": "uncertainty",
    "told": "reported",
    "hear": "receive",
    "hears": "receives",
    "heard": "received",
    "watch": "monitor",
    "watched": "monitored",
    "keeper": "trial_log",
    "conclude": "finalize or summarize",
    "conclusion": "summary",
    "composites": "mosaics; composite is the score C",
    "seal": "checksum",
    "seals": "checksums",
    "sealed": "checksummed",
    "damage": "corruption",
    "damaged": "corrupt",
    "share": "fraction",
    "shares": "fractions",
    "grader": "rater",
    "graders": "raters",
    "noun": "unit_name",
    "vary": "ablation",
    "variant": "ablation",
    "variants": "ablations",
    "toolbox": "cli",
    "clinical": "agreement or response",
    "attempts": "tries",
}
"""Words that no name has, by what is said instead."""

NAMES = {
    "TensorBoard": "a product",
    "composites": "several scores C",
    "share": "a column of tables that users have: the facts of some exhibits",
    "share_within": "likewise",
    "share_in_band": "likewise",
    "is_share": "likewise",
    "skin_share": "a column of the records that `data check` writes",
    "_vary": "the trait of a simulated body",
    "num_attempts": "of an algorithm that draws at random",
    "attempts_A": "likewise",
}
"""Names that may have one of the words, and why."""

IN_PROSE = {
    r"judge(ment|d|s)?\b": "evaluat...",
    r"sureness": "uncertainty",
    r"\b(is|are|was|were|be) told\b": "reported, or say who is notified",
    r"\bhears of\b": "receives",
    r"\bseal(s|ed)?\b": "checksum",
    r"\bdamaged?\b": "corrupt",
    r"\bgraders?\b": "rater",
    r"\bown recipe\b": "default configuration",
    r"\blaws?\b": "rule",
    r"\btoolbox\b": "command line",
}
"""Expressions that no docstring, comment or page has, by what is said instead."""


def sources() -> list[Path]:
    return [ROOT / "launch.py", *(ROOT / "src").rglob("*.py"), *(ROOT / "analysis").rglob("*.py")]


@cache
def tokens(kind: int) -> list[tuple[Path, int, str]]:
    return [
        (path, token.start[0], token.string)
        for path in sources()
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
        if token.type == kind
    ]


def parts(name: str) -> set[str]:
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {part.lower() for part in found}


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_names_have_the_fields_words() -> None:
    wrong = {
        f"{name} ({place(path, line)}): {IN_NAMES[word]}"
        for path, line, name in tokens(tokenize.NAME)
        if name not in NAMES
        for word in parts(name) & set(IN_NAMES)
    }
    assert wrong == set()


def test_modules_have_the_fields_words() -> None:
    wrong = {
        f"{path.relative_to(ROOT)}: {IN_NAMES[word]}"
        for path in sources()
        for word in parts(path.stem) & set(IN_NAMES)
    }
    assert wrong == set()


@pytest.mark.parametrize("expression", IN_PROSE)
def test_docstrings_comments_and_pages_have_the_fields_words(expression: str) -> None:
    wanted = re.compile(expression)
    texts = [
        (place(path, line), string)
        for kind in (tokenize.STRING, tokenize.COMMENT)
        for path, line, string in tokens(kind)
        if kind == tokenize.COMMENT or string.startswith('"""')
    ]
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts]
    texts += [(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")) for page in pages]
    wrong = [where for where, text in texts if wanted.search(re.sub(r"`[^`\n]*`", "", text))]
    assert wrong == [], f"say: {IN_PROSE[expression]}"
