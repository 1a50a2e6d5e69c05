"""The result in words: which model is best, how sure that is, and what to read first."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.ranking.board import Note


@dataclass(frozen=True)
class Tile:
    """One figure that sums the result up.

    Attributes:
        name: What it is.
        value: The figure.
        note: Its interval, or what it is read against.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """The top of a report.

    Attributes:
        title: The sweep's title.
        run: The run folder's name.
        date: The day on which the sweep was last launched; "" where it was not recorded.
        warnings: What changes the meaning of every figure below.
        verdict: The result in one or two sentences.
        details: How sure it is, a sentence or two each.
        tiles: The figures that sum it up.
    """

    title: str
    run: str
    date: str
    warnings: tuple[Note, ...]
    verdict: str
    details: tuple[str, ...]
    tiles: tuple[Tile, ...]
