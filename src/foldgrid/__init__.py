"""foldgrid: a grid of image models by cross-validation folds, compared honestly.

    import foldgrid
    run = foldgrid.launch("quickstart")
    run.ranking
    run.exhibit("ranking").plot()

Importing this package imports none of its rooms; each name below is imported when it is asked for.
The rooms, from the words outwards: ``specs``; ``metrics``, ``models``, ``heads``, ``optimizers``,
``tables``; ``data``, ``tasks``, ``describe``; ``simulation``, ``records``, ``tracking``;
``training``, ``predict``, ``execution``, ``launching``, ``search``; ``sessions``, ``cli``; ``runs``
and ``api``, the face for Python. ``analysis`` (the folder ``analysis/``) reads what they leave.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from foldgrid.version import __version__

if TYPE_CHECKING:
    from foldgrid.analysis.ranking.given import rank
    from foldgrid.analysis.ranking.ranking import Ranking
    from foldgrid.api import Sweep, launch
    from foldgrid.registering import (
        register_exhibit,
        register_head,
        register_metric,
        register_network_source,
        register_optimizer,
        register_scheduler,
        register_task,
        register_tracker,
    )
    from foldgrid.runs import Run, SearchRun, open_run
    from foldgrid.specs.errors import InputError, LaunchError, SweepError

__all__ = [
    "InputError",
    "LaunchError",
    "Ranking",
    "Run",
    "SearchRun",
    "Sweep",
    "SweepError",
    "__version__",
    "launch",
    "open_run",
    "rank",
    "register_exhibit",
    "register_head",
    "register_metric",
    "register_network_source",
    "register_optimizer",
    "register_scheduler",
    "register_task",
    "register_tracker",
]

_PLACES = {
    "Ranking": "analysis.ranking.ranking",
    "rank": "analysis.ranking.given",
    "Sweep": "api",
    "launch": "api",
    "Run": "runs",
    "SearchRun": "runs",
    "open_run": "runs",
    "InputError": "specs.errors",
    "LaunchError": "specs.errors",
    "SweepError": "specs.errors",
}
"""Where each name is defined; what registers is in `foldgrid.registering`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'registering')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
