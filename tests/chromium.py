"""A real browser for pages that the project writes: files on disk, no network."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def started_browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        why = f"no browser: none of {', '.join(NAMES)} is installed, and CHROMIUM names none"
        # A skipped test proves nothing, so where the report is vouched for it is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


def open_page(browser: Browser, path: Path, width: int, **settings: Any) -> tuple[Page, list[str]]:
    """The page, and everything in it that went wrong or reached out."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url in {path.as_uri(), "data:,"}
            else trouble.append(f"request: {request.url}")
        ),
    )
    page.goto(path.as_uri())
    return page, trouble


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)
