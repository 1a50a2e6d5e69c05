"""Packages that are not this one: `tests/outside/site`, a file and an entry point each.

No test has them on its path unless it asks; a local Ray's workers always have (`tests/conftest`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foldgrid.models.sources import NETWORK_SOURCES
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.schedulers import SCHEDULERS

SITE = Path(__file__).parent / "site"


@contextmanager
def installed(site: Path = SITE) -> Iterator[None]:
    """This process, as if it had been started with a folder of packages on its path."""
    with pytest.MonkeyPatch.context() as patch:
        for registry in (NETWORK_SOURCES, OPTIMIZERS, SCHEDULERS):
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
    """One of the packages in a folder of its own, to be spoilt; returns its file."""
    for path in (SITE / f"{name}.py", *(SITE / f"{name}-1.0.dist-info").iterdir()):
        copy = folder / path.relative_to(SITE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return folder / f"{name}.py"
