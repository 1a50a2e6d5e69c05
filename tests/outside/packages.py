"""Packages that are not this one: a file and an entry point each.

Some lie in `tests/outside/site`, others are written into a test's own folder. No test has them on
its path unless it asks; a local Ray's workers always have the site (`tests/conftest`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foldgrid.analysis.exhibit import EXHIBITS
from foldgrid.metrics import METRICS
from foldgrid.models.sources import NETWORK_SOURCES
from foldgrid.specs.heads import HEADS
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.registry import Registry
from foldgrid.specs.schedulers import SCHEDULERS
from foldgrid.specs.task import TASKS
from foldgrid.tracking import TRACKERS

SITE = Path(__file__).parent / "site"
REGISTRIES: tuple[Registry[Any], ...] = (
    EXHIBITS, HEADS, METRICS, NETWORK_SOURCES, OPTIMIZERS, SCHEDULERS, TASKS, TRACKERS,
)  # fmt: skip


def write_package(site: Path, name: str, module: str, code: str, entry: str) -> Path:
    """A package of one module in a folder, as if it were installed there; returns the module.

    Args:
        site: The folder.
        name: What the package is called.
        module: What its module is called.
        code: The module.
        entry: Its entry point with the group: ``foldgrid.tasks: mine = module:MINE``.
    """
    group, point = entry.split(": ")
    facts = site / f"{name.replace('-', '_')}-1.0.dist-info"
    facts.mkdir(parents=True, exist_ok=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{group}]\n{point}\n")
    path = site / f"{module}.py"
    path.write_text(code, encoding="utf-8")
    return path


@contextmanager
def installed(site: Path = SITE) -> Iterator[None]:
    """This process, as if it had been started with a folder of packages on its path."""
    with pytest.MonkeyPatch.context() as patch:
        for registry in REGISTRIES:
            # Somebody may have looked before they were installed; nobody shall see them later.
            patch.setattr(registry, "_things", dict(registry))
            patch.setattr(registry, "_is_complete", False)
        patch.syspath_prepend(str(site))
        before = set(sys.modules)
        try:
            yield
        finally:
            for module in site.glob("*.py"):
                if module.stem not in before:
                    sys.modules.pop(module.stem, None)


def copied(name: str, folder: Path) -> Path:
    """One of the site's packages in a folder of its own, to be spoilt; returns its file."""
    (facts,) = SITE.glob(f"{name}-1.0.dist-info")
    group, point = (facts / "entry_points.txt").read_text().splitlines()
    code = (SITE / f"{name}.py").read_text(encoding="utf-8")
    return write_package(folder, name, name, code, f"{group.strip('[]')}: {point}")
