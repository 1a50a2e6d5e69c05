"""foldgrid: a grid of image models by cross-validation folds, compared honestly.

The rooms, from the words outwards: ``specs``; ``metrics``, ``models``, ``optimizers``, ``tables``;
``data``, ``tasks``, ``describe``; ``simulation``, ``records``, ``tracking``; ``training``,
``predict``, ``execution``, ``launching``, ``search``; ``api`` and ``cli``. Importing this package
imports none. ``open_run`` opens a run folder; it comes from ``foldgrid.analysis`` (the
folder ``analysis/``), which is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from foldgrid.version import __version__

if TYPE_CHECKING:
    from foldgrid.analysis.opening import open_run
    from foldgrid.analysis.ranking.given import rank

__all__ = ["__version__", "open_run", "rank"]

_PLACES = {
    "open_run": "foldgrid.analysis.opening",
    "rank": "foldgrid.analysis.ranking.given",
}
"""Where each name is defined; imported when it is asked for, and no sooner."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
