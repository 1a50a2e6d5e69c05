"""The two pictures of the documentation, from a trained quickstart: ``make pictures``.

``docs/ranking.svg`` is what ``foldgrid rank --format svg`` prints; ``docs/report.png`` the
beginning of the report in a browser, its result beside its ranking.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from foldgrid.cli.main import main

HERE = Path(__file__).parent
WIDTH, SCALE = 1440, 1.5
"""Of the window in CSS pixels, and the picture's pixels of each."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

BESIDE_EACH_OTHER = """
    .page { display: grid !important; grid-template-columns: 1fr 1fr; column-gap: 40px;
            grid-template-rows: auto 1fr; max-width: none !important;
            margin: 0 !important; padding: 20px !important; }
    .page > * { display: none !important; }
    .page > .masthead { display: block !important; grid-column: 1; }
    .page > main { display: contents !important; }
    main > * { display: none !important; }
    main > #result { display: block !important; grid-column: 1; }
    main > #ranking { display: block !important; grid-column: 2; grid-row: 1 / 3; }
    .masthead h1 { max-width: none !important; }
    .tiles { grid-template-columns: repeat(4, 1fr) !important; }
    #ranking > :not(h2, p, #forest) { display: none !important; }
"""
"""Of the page its headline at the left and its ranking's drawing at the right."""


def draw_ranking(run: Path) -> None:
    """Writes ``ranking.svg``."""
    printed = StringIO()
    with redirect_stdout(printed):
        exit_code = main(["rank", str(run), "--format", "svg"])
    if exit_code:
        sys.exit(exit_code)
    (HERE / "ranking.svg").write_text(printed.getvalue(), encoding="utf-8")


def photograph_report(run: Path) -> None:
    """Writes ``report.png``."""
    if exit_code := main(["report", str(run)]):
        sys.exit(exit_code)
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(
            viewport={"width": WIDTH, "height": 900},
            device_scale_factor=SCALE,
            color_scheme="light",
        )
        page.goto((run / "report.html").absolute().as_uri())
        page.add_style_tag(content=BESIDE_EACH_OTHER)
        pixels = page.locator(".page").screenshot()
        chromium.close()
    # Few colours are in it: a palette is a third of the size.
    Image.open(BytesIO(pixels)).convert("RGB").quantize(256).save(
        HERE / "report.png", optimize=True
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/quickstart")
    draw_ranking(folder)
    photograph_report(folder)
