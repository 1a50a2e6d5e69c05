"""Kinds of things that other packages add to by an entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foldgrid.specs.errors import SweepError
from foldgrid.specs.registry import Registry
from tests.outside.packages import write_package

Package = Callable[[str, str], Path]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Installs a package of one module with one shade, as a folder on the path."""

    def install(code: str, entry: str) -> Path:
        entry = f"foldgrid.shades: {entry}"
        return write_package(tmp_path, "other-shades", "other_shades", code, entry)

    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    sys.modules.pop("other_shades", None)


def shades() -> Registry[str]:
    registry = Registry("shade", str)
    registry.add("red", "#f00")
    registry.add("blue", "#00f")
    return registry


def test_ours_come_first_and_another_package_s_after_them(package: Package) -> None:
    package('ASH = "#888"', "ash = other_shades:ASH")
    assert dict(shades()) == {"red": "#f00", "blue": "#00f", "ash": "#888"}
    assert list(shades()) == ["red", "blue", "ash"]


def test_the_home_is_imported_when_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    registry = Registry("shade", str, home="this")
    assert "this" not in sys.modules
    assert len(registry) == 0
    assert "this" in sys.modules


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match='there is a shade called "red" already'):
        shades().add("red", "#e00")


def test_an_unknown_name_is_reported_with_the_nearest() -> None:
    with pytest.raises(SweepError, match=r'no shade "blu"\. Did you mean "blue"\?'):
        shades().named("blu")


@pytest.mark.parametrize(
    ("code", "entry", "fault"),
    [
        ("1 / 0", "ash = other_shades:ASH", "ZeroDivisionError: division by zero"),
        ("ASH =", "ash = other_shades:ASH", "SyntaxError: invalid syntax"),
        ("import no_such_module", "ash = other_shades:ASH", "No module named 'no_such_module'"),
        ("", "ash = other_shades:ASH", "has no attribute 'ASH'"),
        ("ASH = 8", "ash = other_shades:ASH", "found 8, which is no shade"),
        ('ASH = "#888"', "red = other_shades:ASH", "there is a shade of that name already"),
    ],
)
def test_a_mistake_is_reported_with_its_name_and_file(
    package: Package, code: str, entry: str, fault: str
) -> None:
    path = package(code, entry)
    registry = shades()
    for _ in range(2):
        with pytest.raises(SweepError) as refused:
            registry.named("ash")
        words = str(refused.value)
        assert str(path) in words
        assert fault in words
        assert "other-shades" in words
        assert entry in words


def test_a_thing_with_a_name_is_called_by_it(package: Package) -> None:
    package('NAMED = type("Shade", (str,), {"name": "ash"})("#888")', "ash = other_shades:NAMED")
    assert shades()["ash"] == "#888"


def test_a_thing_by_another_name_than_its_own_is_reported(package: Package) -> None:
    path = package(
        'NAMED = type("Shade", (str,), {"name": "ash"})("#888")', "asche = other_shades:NAMED"
    )
    with pytest.raises(SweepError, match='calls itself "ash"') as refused:
        len(shades())
    assert str(path) in str(refused.value)


def test_a_module_that_is_not_there_is_reported_by_its_name(package: Package) -> None:
    package("", "ash = no_such_shades:ASH")
    with pytest.raises(SweepError, match="no_such_shades"):
        len(shades())
