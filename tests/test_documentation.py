"""The documentation names what there is: files, commands, options, keys, checks, headings."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import yaml
from cyclopts import CycloptsError

from foldgrid.analysis.checks.explanations import EXPLANATIONS
from foldgrid.specs.recipe_keys import recipe_keys
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS
from tests.written_pages import PROJECT, anchors, code_spans, commands, links, parse, read, words_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = PROJECT / "docs"
PAGES = sorted(str(path.relative_to(PROJECT)) for path in DOCS.rglob("*.md"))
OUTSIDE = ["README.md", "CONTRIBUTING.md"]


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("documentation_hooks", DOCS / "hooks.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings() -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load(read("mkdocs.yml"))
    return loaded


def leaves(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:  # type: ignore[attr-defined]
            yield from leaves(part)


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [f"docs/{page}" for page in leaves(settings()["nav"])]
    assert sorted(listed) == [page for page in PAGES if not page.startswith("docs/decisions/0")]


@pytest.mark.parametrize("page", [*OUTSIDE, "benchmarks/README.md", *PAGES])
def test_links_lead_somewhere(page: str) -> None:
    for link in links(read(page)):
        path, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / path if path else PROJECT / page
        assert target.exists(), f"{page}: {link}"
        if anchor and "made from the code" not in target.read_text(encoding="utf-8"):
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"


@pytest.mark.parametrize("page", [*OUTSIDE, *PAGES])
def test_a_command_that_is_shown_can_be_typed(page: str) -> None:
    for command in commands(read(page)):
        try:
            parse(command)
        except CycloptsError as error:
            pytest.fail(f"{page}: {command}\n{error}")


@pytest.mark.parametrize("page", [*OUTSIDE, *(page for page in PAGES if "/decisions/" not in page)])
def test_a_command_that_is_named_exists(page: str) -> None:
    from foldgrid.cli.main import make_app

    for span in code_spans(read(page)):
        words = words_of(span)
        if not words or not re.fullmatch(r"[a-z-]+", words[0]):
            continue
        _, _, unused = make_app().parse_commands(words)
        assert unused != words, f"{page}: {span}"


@pytest.mark.parametrize("page", [*OUTSIDE, *PAGES])
def test_a_target_of_make_exists(page: str) -> None:
    targets = re.findall(r"^([a-z-]+)(?= .*:|:)", read("Makefile"), re.MULTILINE)
    text = read(page)
    named = [line for line in [*commands(text), *code_spans(text)] if line.startswith("make ")]
    for line in named:
        assert line.split()[1] in [*targets, "test-all"], f"{page}: {line}"


@pytest.mark.parametrize("room", ["src/foldgrid", "analysis"])
def test_the_tree_is_the_one_there_is(room: str) -> None:
    part = re.search(rf"^{room}/.*\n((?:  .*\n)+)", read("CONTRIBUTING.md"), re.MULTILINE)
    assert part
    shown = {name.strip("/") for name in re.findall(r"\b[a-z]+(?:/|\.py)(?=\s|:)", part[1])}
    named = {name for name in shown if (PROJECT / room / name).exists()}
    there = {path.name for path in (PROJECT / room).iterdir() if not path.name.startswith("_")}
    data = {"py.typed", "sweeps", "search_spaces", "recipes", "version.py"}
    assert there - named - data == ({"analysis"} if room != "analysis" else set())


def test_what_pages_ask_of_the_code_is_made(hooks: ModuleType) -> None:
    asked = [name for page in PAGES for name in hooks.PLACE.findall(read(page))]
    assert sorted(asked) == sorted(hooks.PARTS)


def test_every_key_of_a_sweep_is_described(hooks: ModuleType) -> None:
    page = hooks.sweep_keys()
    for key in [*Sweep.model_fields, *(name.rpartition(".")[2] for name in recipe_keys())]:
        assert f"| `{key}` |" in page
    for name in TASKS:
        assert f"{{name: {name}}}" in page
    unexplained = [line for line in page.splitlines() if re.search(r"\|\s*\|$", line)]
    assert unexplained == []
    assert "keys, see below |  |  |" not in page


def test_every_parameter_of_a_search_space_is_described(hooks: ModuleType) -> None:
    page = hooks.search_space_keys()
    assert {"| `low` |", "| `choices` |", "| `when` |"} <= set(re.findall(r"\| `\w+` \|", page))
    assert not re.search(r"\|\s*\|$", page, re.MULTILINE)


def test_every_code_is_explained(hooks: ModuleType) -> None:
    headings = re.findall(r"^## (FG\d+) ", hooks.codes(), re.MULTILINE)
    assert headings == list(EXPLANATIONS)


def test_every_decision_is_listed(hooks: ModuleType) -> None:
    notes = sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))
    assert re.findall(r"\]\((.+)\)", hooks.decisions()) == notes


def test_a_page_that_asks_for_what_nobody_makes_is_refused(hooks: ModuleType) -> None:
    with pytest.raises(KeyError, match="dishes"):
        hooks.on_page_markdown("<!-- made from the code: dishes -->")


def test_nothing_is_loaded_from_elsewhere() -> None:
    said = settings()
    assert said["theme"]["font"] is False  # type: ignore[index]
    assert all((DOCS / path).exists() for path in said["extra"]["polyfills"])  # type: ignore[index]
    assert "offline" in said["plugins"]  # type: ignore[operator]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built from the sources that are tested here."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(PROJECT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_a_screen_and_need_no_network(site: Path, browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url))
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert [url for url in trouble if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()


@pytest.mark.exhaustive
def test_a_page_is_found_by_its_words_without_a_server(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.fill("input[name=query]", "winner's curse")
    found = page.wait_for_selector(".md-search-result__link")
    assert found
    assert "explanation/statistics.html" in str(found.get_attribute("href"))
    page.close()
