"""The reports of the tasks of classes in a reader's browser, on a desk and on a telephone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.analysis.fake_class_run import TASKS
from tests.analysis.report.conftest import Reported
from tests.chromium import open_page

pytestmark = pytest.mark.xdist_group("reports")


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("task", TASKS)
def test_every_figure_is_seen_and_nothing_runs_over(
    browser: Browser, reported_by_task: Callable[[str], Reported], task: str, width: int
) -> None:
    page, trouble = open_page(browser, reported_by_task(task).page, width)
    figures = page.locator("figure").all()
    assert len(figures) >= 12
    over = {}
    for figure in figures:
        pictures = [svg for svg in figure.locator("svg").all() if svg.is_visible()]
        assert len(pictures) == 1
        # Text that runs over the picture's left or right edge is cut there.
        over[figure.get_attribute("id")] = pictures[0].evaluate(
            """svg => { const frame = svg.getBoundingClientRect();
                return [...svg.querySelectorAll('text')].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.left < frame.left - 2 || box.right > frame.right + 2;
                }).map(text => text.textContent) }"""
        )
    assert {name: texts for name, texts in over.items() if texts} == {}
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('svg')].filter(svg => svg.clientWidth)
            .flatMap(svg => [...svg.querySelectorAll('text')].map(text =>
                parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a || 99)))"""
    )
    assert smallest > 6.2
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert trouble == []
