"""The report as a reader's browser shows it: a real Chromium, a file on disk, no network."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from foldgrid.analysis.report.build import write_report
from foldgrid.records import RunStore
from tests.analysis.report.conftest import HOSTILE, Reported
from tests.chromium import contrast, luminance, open_page
from tests.made_once import MadeOnce
from tests.trained_run import small_cache, small_dataset, train_run

A4_PIXELS = int((210 - 2 * 16) / 25.4 * 96)

pytestmark = pytest.mark.xdist_group("reports")


@pytest.fixture
def report(reported: Reported) -> Path:
    """The report of a made-up sweep with a missing and a diverged fit."""
    return reported.page


@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_without_trouble_and_every_figure_is_seen(
    browser: Browser, report: Path, width: int
) -> None:
    page, trouble = open_page(browser, report, width)
    figures = page.locator("figure").all()
    assert len(figures) >= 9
    for figure in figures:
        pictures = [svg for svg in figure.locator("svg").all() if svg.is_visible()]
        assert len(pictures) == 1
        box = pictures[0].bounding_box()
        assert box is not None
        assert box["width"] > 0.8 * min(width - 60, 700)
        assert box["height"] > 40
        seen = pictures[0].evaluate(
            """svg => [...svg.querySelectorAll('path, use')].filter(mark => {
                const box = mark.getBoundingClientRect(), style = getComputedStyle(mark);
                const drawn = style.fill !== 'none' || style.stroke !== 'none';
                return drawn && box.width + box.height > 1;
            }).length"""
        )
        assert seen > 5
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert trouble == []


@pytest.mark.parametrize("width", [1280, 390])
def test_labels_can_be_read(browser: Browser, report: Path, width: int) -> None:
    page, _ = open_page(browser, report, width)
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('svg')].filter(svg => svg.clientWidth)
            .flatMap(svg => [...svg.querySelectorAll('text')].map(text =>
                parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a || 99)))"""
    )
    assert smallest > 7.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_clear_of_its_background(browser: Browser, report: Path, scheme: str) -> None:
    page, _ = open_page(browser, report, 1280, color_scheme=scheme)
    for selector in (
        "body",
        "figcaption",
        ".caption",
        "td",
        ".contents a",
        "a[href='#forest']",
        ".warnings h3",
        "svg text",
    ):
        names = ("fill" if selector == "svg text" else "color", "backgroundColor")
        ink, ground = page.evaluate(
            """([selector, ink]) => {
                const element = [...document.querySelectorAll(selector)]
                    .find(one => one.getBoundingClientRect().width);
                let ground = element;
                const see = one => getComputedStyle(one).backgroundColor;
                while (ground.parentElement && see(ground) === 'rgba(0, 0, 0, 0)')
                    ground = ground.parentElement;
                return [getComputedStyle(element)[ink], see(ground)];
            }""",
            [selector, names[0]],
        )
        assert contrast(ink, ground) >= 4.5, (selector, ink, ground)
    light = luminance(page.evaluate("getComputedStyle(document.body).color"))
    dark = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (light > dark) == (scheme == "dark")


def test_it_can_be_walked_by_ear_and_by_keyboard(browser: Browser, report: Path) -> None:
    page, _ = open_page(browser, report, 1280)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])"
    )
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("main", "nav", "header", "footer"):
        assert page.locator(landmark).count() == 1
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('svg, img, .scroll, nav, aside')].filter(one => {
            const named = (one.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean);
            const text = named.map(id => document.getElementById(id)?.textContent || '').join('');
            return !(one.getAttribute('aria-label') || one.getAttribute('alt') || text.trim());
        }).length"""
    )
    assert nameless == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    broken = page.evaluate(
        """() => [...document.querySelectorAll('a[href^="#"], [aria-labelledby]')].flatMap(one =>
            (one.getAttribute('href')?.slice(1) || one.getAttribute('aria-labelledby')).split(' '))
            .filter(id => !document.getElementById(id))"""
    )
    assert broken == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_it_prints(browser: Browser, report: Path) -> None:
    page, _ = open_page(browser, report, A4_PIXELS)
    page.emulate_media(media="print")
    # What is wider than the paper would shrink every page.
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_PIXELS
    assert not page.locator("nav").is_visible()
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 5 <= pages <= 60


@pytest.mark.parametrize("is_scripted", [True, False])
def test_a_hostile_name_stays_text(browser: Browser, report: Path, is_scripted: bool) -> None:
    page, trouble = open_page(browser, report, 390, java_script_enabled=is_scripted)
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.title() == f"{HOSTILE}: report"
    assert page.locator("script, img").count() == 0
    assert trouble == []


def test_the_report_of_one_trained_base_learner(
    browser: Browser, tmp_path: Path, made_once: MadeOnce
) -> None:
    dataset = small_dataset(small_cache(made_once))
    store = train_run(tmp_path / "trained", dataset, keep_weights=False)
    page, trouble = open_page(browser, Path(write_report(RunStore(store.location))), 390)
    assert page.locator("#learning svg:visible").count() == 1
    assert "stacking needs two complete base learners" in page.locator("#stacking").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert trouble == []
