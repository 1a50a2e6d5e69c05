"""Sections in, HTML out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from foldgrid.analysis.drawing.blocks import Figure, Section, Table
from foldgrid.analysis.report.headline import Headline


@dataclass(frozen=True)
class Numbered:
    """A table or figure with its number.

    Attributes:
        label: ``Figure 3``.
        key: Its anchor.
        caption: Its caption's first sentence.
        section: The section that it stands in.
        call: The call that computes its numbers again.
    """

    label: str
    key: str
    caption: str
    section: str
    call: str


def number_parts(sections: Sequence[Section]) -> list[Numbered]:
    """All tables and figures in order, each kind counted from 1."""
    parts = []
    counts = {"Table": 0, "Figure": 0}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table | Figure):
                kind = type(block).__name__
                counts[kind] += 1
                first, stop, _ = block.caption.partition(". ")
                parts.append(
                    Numbered(
                        f"{kind} {counts[kind]}",
                        block.key,
                        first + stop.strip() if stop else first,
                        section.title,
                        block.call,
                    )
                )
    return parts


def render_page(
    headline: Headline, sections: Sequence[Section], opened: str, private: Mapping[str, str]
) -> str:
    """The report as one HTML file that asks for nothing from elsewhere.

    Args:
        headline: What stands at the top.
        sections: In the order of the page.
        opened: The lines that open the run as ``run``, for the calls in the index.
        private: Words that must not be shown, and what is shown in their place.
    """
    environment = Environment(
        loader=PackageLoader("foldgrid.analysis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: _set(value, private),
    )
    environment.filters["inline"] = lambda drawing, size: Markup(drawing.inline(size))
    environment.filters["breakable"] = lambda text: _breakable(_set(text, private))
    environment.filters["prose"] = lambda text: _prose(_set(text, private))
    environment.tests["block"] = lambda block, name: type(block).__name__ == name
    parts = number_parts(sections)
    style = (files("foldgrid.analysis.report") / "templates" / "report.css").read_text(
        encoding="utf-8"
    )
    template = environment.get_template("report.html.j2")
    return template.render(
        headline=headline,
        sections=sections,
        parts=parts,
        labels={part.key: part.label for part in parts},
        style=Markup(style),
        opened=opened,
    )


def _set(value: Any, private: Mapping[str, str]) -> Any:
    """Text as it is set: without private words, and with no line break before a percent sign."""
    if type(value) is not str:
        return value
    for word in sorted(private, key=len, reverse=True):
        value = value.replace(word, private[word])
    return value.replace(" %", "\u202f%")


def _prose(text: str) -> Markup:
    """Text in which what stands between backticks is to be typed."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def _breakable(text: str) -> Markup:
    """A name that may be broken after its underscores and strokes, and nowhere else."""
    return Markup("<wbr>").join(filter(None, re.split(r"(?<=[_/@])", str(text))))
