"""This machine's Chromium, for whoever tests what a reader sees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str | None:
    """Its path: what ``CHROMIUM`` names, or the first of ``NAMES``."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Runs it without a window; where there is none, skips the test, or fails it under CI."""
    path = find_browser()
    if path is None:
        why = f"no browser: none of {', '.join(NAMES)} is installed, and CHROMIUM names none"
        # A skipped test proves nothing, so where a page is vouched for it is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()
