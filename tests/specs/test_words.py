"""The field's words: what they replaced stands in no name, message, docstring, comment or page.

What is allowed none the less, and why, stands below: what is written in files, what users type, and
what a word of the list means elsewhere (a drawing is a figure).
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

IN_NAMES = {
    "judge": "evaluate",
    "judged": "evaluated",
    "judgement": "evaluation",
    "judgements": "evaluations",
    "judging": "evaluation",
    "board": "ranking or leaderboard",
    "sureness": "uncertainty",
    "told": "reported",
    "hear": "receive",
    "hears": "receives",
    "heard": "received",
    "watch": "monitor",
    "watched": "monitored",
    "watches": "monitors",
    "keeper": "trial_log",
    "keeping": "trial_log",
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
    "grade": "annotation, score or class",
    "grades": "annotations, scores or classes",
    "graded": "annotated or ordered",
    "grader": "rater",
    "graders": "raters",
    "noun": "unit_name",
    "vary": "ablation",
    "varies": "ablation",
    "variant": "ablation",
    "variants": "ablations",
    "toolbox": "cli",
    "clinical": "agreement or response",
    "attempts": "tries",
    "law": "rule",
    "laws": "rules",
    "figure": "value or metric",
    "figures": "values or metrics",
    "canary": "label_permutation",
    "ground": "background, reason or recorded inputs",
    "tree": "hierarchy",
    "trees": "hierarchies",
}
"""Words that no name has, by what is said instead."""

IN_NAMES_TOGETHER = {
    r"own_?(recipe|record|key|number|setting|value|network)s?\b": (
        "default configuration, or say whose"
    ),
    r"giv(en|es?|ing)_up": "stopped",
}
"""The same of several words together, as one expression in a name in lower case."""

NAMES = {
    "TensorBoard": "a product",
    "composites": "several scores C",
    "share": "a column of tables that users have: the facts of some exhibits",
    "share_within": "likewise",
    "share_in_band": "likewise",
    "skin_share": "a column of the records that `data check` writes",
    "_vary": "the trait of a simulated body",
    "num_attempts": "of an algorithm that draws at random",
    "attempts_A": "likewise",
    "NUM_TREES": "of a random forest",
    "n_trees": "likewise, scikit-learn's",
}
"""Names that may have one of the words, and why."""

IN_TESTS = {"figure", "figures", "share", "vary", "varies", "tree", "composites"}
"""Words that functions of tests may have: they are drawings, verbs, files and scores C there."""

DRAWINGS = ("analysis/exhibit.py", "analysis/exhibits/", "analysis/drawing/", "analysis/report/")

PLACES = {
    "figure": DRAWINGS,
    "figures": DRAWINGS,
    "canary": (
        # The option's name, where it is read and passed on.
        "src/foldgrid/api.py",
        "src/foldgrid/sessions.py",
        "src/foldgrid/cli/launch.py",
        "src/foldgrid/launching/options.py",
        "src/foldgrid/launching/planning/",
        "src/foldgrid/launching/sweep_run.py",
    ),
    "grade": (
        # Clinical words: a lesion's grade in a simulated study, a score's in PASI tables that users
        # have, and the column of a manifest (``grade_<rater>``).
        "src/foldgrid/simulation/",
        "src/foldgrid/data/manifest/label_checks.py",
        "analysis/exhibits/pasi/distributions.py",
    ),
    "grades": ("src/foldgrid/simulation/", "analysis/exhibits/pasi/distributions.py"),
    "graded": ("src/foldgrid/launching/planning/data_text.py",),
}
"""Where names may have a word: there it means something else, or is what users type."""

IN_PROSE = {
    r"judge(ment|d|s)?\b": "evaluat...",
    r"sureness": "uncertainty",
    r"\b(is|are|was|were|be) told\b": "reported, or say who is notified",
    r"\bhears?\b|\bheard\b": "receives, received",
    r"\bwatch(ed|es)\b": "monitored, monitors",
    r"\bg[ia]v(e|es|en|ing) (trials? )?up\b": "stops, stopped",
    r"\bseal(s|ed)?\b": "checksum",
    r"\bdamaged?\b": "corrupt",
    r"\bgraders?\b": "rater",
    r"\bown recipe\b": "default configuration",
    r"\blaws?\b": "rule",
    r"\btoolbox\b": "command line",
    r"\bvariants?\b": "ablation",
    r"\bcanary\b": "label-permutation test",
    r"\bfigures?\b": "value, metric or number; a drawing may be a figure",
    r"\b(the|a|its|their|which|what|such) shares?\b|\bshares? of\b": "fraction",
    r"\b(a|the|label) trees?\b": "hierarchy",
    r"\b(no|the|white|other) ground\b": "background, reason or recorded inputs",
}
"""Expressions that no message, docstring, comment or page has, by what is said instead."""

NO_WORDS = r"`[^`\n]*`|decisions/[\w-]+\.md|--canary\b|\bcanary(\.json|:)|-canary-|figures/"
"""What is no prose: code, an option, an argument's entry, the names of files and folders."""

PROSE_PLACES = {
    r"\bfigures?\b": (*DRAWINGS, "src/foldgrid/runs.py", "src/foldgrid/cli/results.py", "docs/"),
    r"\b(a|the|label) trees?\b": ("docs/",),
}
"""Where docstrings, comments and pages may have an expression: there a figure is a drawing, and a
tree one of files."""


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


@cache
def messages() -> list[tuple[str, str]]:
    """Every text in code that is no docstring and has more than a word: what may be printed."""
    found = []
    for path in sources():
        parsed = ast.parse(path.read_text("utf-8"))
        skipped = {id(each.value) for each in ast.walk(parsed) if isinstance(each, ast.Expr)}
        joined = (each for each in ast.walk(parsed) if isinstance(each, ast.JoinedStr))
        skipped |= {id(part) for each in joined for part in each.values}
        for node in ast.walk(parsed):
            if id(node) not in skipped and " " in (text := text_of(node)).strip():
                line = getattr(node, "lineno", 0)
                found.append((place(path, line), re.sub(NO_WORDS, "", text)))
    return found


@cache
def prose() -> list[tuple[str, str]]:
    """Every docstring, comment and page."""
    texts = [
        (place(path, line), string)
        for kind in (tokenize.STRING, tokenize.COMMENT)
        for path, line, string in tokens(kind)
        if kind == tokenize.COMMENT or string.startswith('"""')
    ]
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts]
    pages += [ROOT / "README.md"]
    pages += [
        page
        for folder in ("sweeps", "search_spaces", "recipes")
        for page in (ROOT / folder).glob("*.yaml")
    ]
    texts += [(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")) for page in pages]
    return [(where, re.sub(NO_WORDS, "", text)) for where, text in texts]


def text_of(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(each) or "…" for each in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def parts(name: str) -> set[str]:
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {part.lower() for part in found}


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def wrong_words(name: str, where: str) -> Iterator[str]:
    if name in NAMES:
        return
    for word in parts(name) & set(IN_NAMES):
        if not where.startswith(PLACES.get(word, ())):
            yield f"{name} ({where}): {IN_NAMES[word]}"
    for expression, instead in IN_NAMES_TOGETHER.items():
        if re.search(expression, name.lower()):
            yield f"{name} ({where}): {instead}"


def test_names_have_the_fields_words() -> None:
    found = {
        wrong
        for path, line, name in tokens(tokenize.NAME)
        for wrong in wrong_words(name, place(path, line))
    }
    assert found == set()


def test_names_of_tests_have_the_fields_words() -> None:
    functions = re.compile(r"^ *def (test_\w+)", re.MULTILINE)
    banned = set(IN_NAMES) - IN_TESTS
    found = {
        f"{name} ({path.relative_to(ROOT)}): {IN_NAMES[word]}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in (path.stem, *functions.findall(path.read_text("utf-8")))
        for word in parts(name) & banned
    }
    assert found == set()


def test_modules_have_the_fields_words() -> None:
    found = {
        wrong for path in sources() for wrong in wrong_words(path.stem, str(path.relative_to(ROOT)))
    }
    assert found == set()


@pytest.mark.parametrize("expression", IN_PROSE)
def test_messages_have_the_fields_words(expression: str) -> None:
    wanted = re.compile(expression, re.IGNORECASE)
    found = [f"{where}: {text}" for where, text in messages() if wanted.search(text)]
    assert found == [], f"say: {IN_PROSE[expression]}"


@pytest.mark.parametrize("expression", IN_PROSE)
def test_docstrings_comments_and_pages_have_the_fields_words(expression: str) -> None:
    wanted = re.compile(expression)
    allowed = PROSE_PLACES.get(expression, ())
    found = [where for where, text in prose() if wanted.search(text)]
    wrong = [where for where in found if not where.startswith(allowed)]
    assert wrong == [], f"say: {IN_PROSE[expression]}"
