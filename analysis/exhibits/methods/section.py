"""The methods text, and the reporting guidelines' items answered by it."""

from __future__ import annotations

from functools import lru_cache, partial
from importlib.resources import files
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from foldgrid.analysis.drawing.blocks import Cell, Column, Section, Table, Text
from foldgrid.analysis.drawing.numbers import listed
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.methods.writing import PARAGRAPHS, write_statements
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted

OPEN = "The authors must fill this in."


def answered_items(run: Run, guideline: str) -> list[tuple[str, str, str]]:
    """The items of a reporting guideline with what the run can say to them.

    Args:
        run: The opened run.
        guideline: ``tripod_ai`` or ``claim``.

    Returns:
        Number, short title in our own words, and the answer; "" where the run knows none.
    """
    statements = write_statements(run)
    answers = []
    for item in _guidelines()[guideline]["items"]:
        known = [statements[name] for name in item.get("answer", []) if name in statements]
        if "see" in item:
            known.append(f"See the methods text above: {listed(list(item['see']))}.")
        answers.append((str(item["item"]), str(item["title"]), " ".join(known)))
    return answers


def methods_section(run: Run) -> Section:
    """A text that a paper's methods can start from."""
    statements = write_statements(run)
    blocks = []
    for heading, names in PARAGRAPHS.items():
        text = " ".join(statements[name] for name in names if name in statements)
        if text:
            blocks.append(Text((text,), heading=heading))
    lead = (
        "Written from the records of this run, to be copied and shortened. It says nothing that "
        "the run does not know: who the subjects are, who scored them and who consented is for "
        "the authors to add."
    )
    frame = partial(pd.DataFrame, statements.items(), columns=["statement", "text"])
    return Section(lead, tuple(blocks), further={"statements": frame})


def guidelines_section(run: Run) -> Section:
    """TRIPOD+AI and CLAIM, filled in where the run knows the answer."""
    blocks = []
    counts = []
    for key, guideline in _guidelines().items():
        items = answered_items(run, key)
        filled = sum(bool(answer) for _, _, answer in items)
        counts.append(f"{filled} of {counted(len(items), 'item')} of {guideline['name']}")
        columns = (Column("Item"), Column("About"), Column("Answer"))
        rows = tuple(
            (Cell(number), Cell(title), Cell(answer) if answer else Cell(OPEN, "muted"))
            for number, title, answer in items
        )
        caption = f"{guideline['name']} ({guideline['source']}). Titles in our own words."
        frame = partial(pd.DataFrame, items, columns=["item", "title", "answer"])
        blocks.append(Table(key, caption, columns, rows, frame))
    lead = f"The run answers {' and '.join(counts)}. The others are the authors'."
    return Section(lead, tuple(blocks))


@lru_cache(maxsize=1)
def _guidelines() -> dict[str, Any]:
    path = files("foldgrid.analysis.exhibits.methods") / "reporting_items.yaml"
    return dict(YAML(typ="safe").load(path.read_text(encoding="utf-8")))


METHODS = Exhibit("methods", "Methods text", methods_section)
GUIDELINES = Exhibit("guidelines", "Reporting guidelines", guidelines_section)
