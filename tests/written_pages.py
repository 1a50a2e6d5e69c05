"""What a page of Markdown holds that can be held to something: commands, code, links, headings."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^()\s]+)\)")
OURS = ("foldgrid", "python launch.py", "python -m foldgrid", "python -m analysis")
"""How a command of ours begins."""


def read(path: str) -> str:
    """A page by its path from the project's folder."""
    return (PROJECT / path).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for named, body in FENCE.findall(text) if named == language]


def commands(text: str) -> list[str]:
    """The lines of console blocks that somebody types, without comments."""
    joined = "\n".join(blocks(text, "console")).replace("\\\n", " ")
    lines = joined.splitlines()
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [" ".join(shlex.split(line, comments=True)).partition(" > ")[0] for line in typed]


def code_spans(text: str) -> list[str]:
    """What stands between single backticks outside of fenced blocks."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Where links lead, those to other places of the web left out."""
    found = LINK.findall(FENCE.sub("", text))
    return [link for link in found if not link.startswith(("http:", "https:", "mailto:"))]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[-\s]+", "-", heading) for heading in plain}


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Every table as rows by column."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in table.splitlines()
        ]
        yield [dict(zip(head, row, strict=True)) for row in rows]


def words_of(command: str) -> list[str] | None:
    """A command of ours as what follows `foldgrid`; nothing for anybody else's."""
    from foldgrid.cli.main import words_of_launch_py

    for beginning in OURS:
        if command == beginning or command.startswith(f"{beginning} "):
            words = shlex.split(command.removeprefix(beginning))
            return words_of_launch_py(words) if "launch.py" in beginning else words
    return None


def parse(command: str) -> None:
    """Reads a command line as the program would, and runs nothing.

    Raises:
        CycloptsError: There is no such command or option.
    """
    from foldgrid.cli.main import make_app

    words = words_of(command)
    if words is not None:
        make_app().parse_args(words, exit_on_error=False, print_error=False)
    elif command.startswith("python -m benchmarks."):
        module, *rest = command.removeprefix("python -m ").split()
        app = importlib.import_module(module).app
        app.parse_args(rest, exit_on_error=False, print_error=False)
