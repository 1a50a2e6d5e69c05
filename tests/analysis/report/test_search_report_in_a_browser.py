"""A search's report as a reader's browser shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.analysis.report.conftest import HOSTILE, Reported
from tests.chromium import contrast, luminance, open_page

A4_PIXELS = int((210 - 2 * 16) / 25.4 * 96)


pytestmark = pytest.mark.xdist_group("reports")


@pytest.fixture
def report(reported_search: Reported) -> Path:
    return reported_search.page


@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_without_trouble_and_every_figure_is_seen(
    browser: Browser, report: Path, width: int
) -> None:
    page, trouble = open_page(browser, report, width)
    figures = page.locator("figure").all()
    assert len(figures) == 5
    for figure in figures:
        pictures = [svg for svg in figure.locator("svg").all() if svg.is_visible()]
        assert len(pictures) == 1
        box = pictures[0].bounding_box()
        assert box is not None
        assert box["width"] > 0.8 * min(width - 60, 700)
        # Nothing may be cut off at the sides of its picture, or run over the page's edge.
        beyond = pictures[0].evaluate(
            """svg => [...svg.querySelectorAll('text')].filter(text => {
                const box = text.getBoundingClientRect(), edge = document.body.clientWidth;
                return box.width && (box.left < 0 || box.right > edge);
            }).map(text => text.textContent)"""
        )
        assert beyond == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('svg')].filter(svg => svg.clientWidth)
            .flatMap(svg => [...svg.querySelectorAll('text')].map(text =>
                parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a || 99)))"""
    )
    assert smallest > 7.5
    assert page.title() == f"{HOSTILE}: report"
    assert trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_words_stand_clear_in_light_and_dark(
    browser: Browser, report: Path, scheme: str
) -> None:
    page, _ = open_page(browser, report, 1280, color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(ground) > 0.5) == (scheme == "light")
    for key in ("history", "curves", "parallel", "importances", "landscape"):
        inks = page.evaluate(
            """key => [...document.querySelectorAll(`#${key} .wide svg text`)]
                .map(text => getComputedStyle(text).fill)""",
            key,
        )
        assert inks
        assert all(contrast(ink, ground) >= 4.5 for ink in inks), key


def test_it_prints(browser: Browser, report: Path) -> None:
    page, _ = open_page(browser, report, A4_PIXELS)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_PIXELS
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
