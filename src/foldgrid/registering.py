"""What is added by hand: a task, a metric, a tracker and more, under a name of its own.

For this process, such as a notebook's: a fit that Ray trains elsewhere does not know of it. Launch
with ``executor="inline"``, or let a package name it in an entry point, which every process finds
(`foldgrid.specs.registry`). What was added by hand may be added again, as a cell is run again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from foldgrid.specs.heads import HEADS
from foldgrid.specs.metric import METRICS, Metric
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.registry import Registry
from foldgrid.specs.schedulers import SCHEDULERS
from foldgrid.specs.task import TASKS, TaskKind

if TYPE_CHECKING:
    from foldgrid.analysis.exhibit import Exhibit

Thing = TypeVar("Thing")


def register_metric(metric: Metric) -> Metric:
    """Adds a metric: rankings, searches and reports know it by its name.

    Args:
        metric: The whole metric: its name, direction and computation.

    Raises:
        ValueError: There is a metric of that name.

    Example:
        >>> from foldgrid.metrics import Metric
        >>> from foldgrid.metrics.computations import OfPairs
        >>> worst = Metric(
        ...     name="worst", title="Worst", description="largest absolute error",
        ...     direction="lower", compute=OfPairs(lambda truth, said: abs(said - truth).max()),
        ... )
        >>> foldgrid.register_metric(worst).title
        'Worst'
    """
    return METRICS.register(metric.name, metric)


def register_task(kind: TaskKind) -> TaskKind:
    """Adds a kind of task: its words in a sweep, and what predictions of it mean.

    Args:
        kind: The words (a `TaskSpec` whose ``name`` has its name as default) and the scoring.

    Raises:
        ValueError: There is a task of that name.

    Example:
        >>> from typing import Literal
        >>> from foldgrid.specs.task import TaskKind
        >>> from foldgrid.tasks.regression.scoring import RegressionScoring
        >>> from foldgrid.tasks.regression.spec import RegressionSpec
        >>> class BoneAge(RegressionSpec):
        ...     name: Literal["bone_age"] = "bone_age"
        ...     unit: str = "months"
        >>> kind = foldgrid.register_task(TaskKind(BoneAge, RegressionScoring))
        >>> kind.words().unit
        'months'
    """
    return TASKS.register(str(kind.words.model_fields["name"].default), kind)


def register_exhibit(exhibit: Exhibit[Any]) -> Exhibit[Any]:
    """Adds an exhibit: a part of the report, with its numbers and pictures.

    Args:
        exhibit: The whole exhibit; see docs on exhibits.

    Raises:
        ValueError: There is an exhibit of that name.

    Example:
        >>> from foldgrid.analysis.drawing.blocks import Section
        >>> from foldgrid.analysis.exhibit import Exhibit
        >>> show = lambda run: Section(f"{len(run.records)} fits.")
        >>> foldgrid.register_exhibit(Exhibit("cohort", "The cohort", show)).name
        'cohort'
    """
    from foldgrid.analysis.exhibit import EXHIBITS

    return EXHIBITS.register(exhibit.name, exhibit)


def register_tracker(name: str) -> Callable[[Thing], Thing]:
    """Decorates a tracker: it shows runs where ``trackers=[name]`` asks for it.

    Args:
        name: What ``--tracker`` calls it.

    Raises:
        ValueError: There is a tracker of that name.
        TypeError: What is decorated is no tracker.

    Example:
        >>> from foldgrid.tracking import TRACKERS
        >>> tracker = type(TRACKERS["none"])
        >>> foldgrid.register_tracker("nowhere")(tracker) is tracker
        True
    """
    from foldgrid.tracking import TRACKERS

    return _decorator(TRACKERS, name)


def register_scheduler(name: str) -> Callable[[Thing], Thing]:
    """Decorates a scheduler: it stops trials of searches whose ``scheduler`` names it.

    Args:
        name: What a sweep calls it.

    Raises:
        ValueError: There is a scheduler of that name.
        TypeError: What is decorated is no scheduler.

    Example:
        >>> from foldgrid.specs.schedulers import SCHEDULERS
        >>> median = type(SCHEDULERS["median"])
        >>> foldgrid.register_scheduler("my_median")(median) is median
        True
    """
    return _decorator(SCHEDULERS, name)


def register_optimizer(name: str) -> Callable[[Thing], Thing]:
    """Decorates an optimiser: recipes ask for it as ``training.optimizer``.

    Args:
        name: What a sweep calls it.

    Raises:
        ValueError: There is an optimiser of that name.
        TypeError: What is decorated is no optimiser.

    Example:
        >>> from foldgrid.specs.optimizers import OPTIMIZERS
        >>> @foldgrid.register_optimizer("eager_sgd")
        ... class EagerSgd(type(OPTIMIZERS["sgd"])):
        ...     title = "Eager stochastic gradient descent"
        >>> OPTIMIZERS["eager_sgd"].title
        'Eager stochastic gradient descent'
    """
    return _decorator(OPTIMIZERS, name)


def register_head(name: str) -> Callable[[Thing], Thing]:
    """Decorates a head: recipes ask for it as ``training.head``.

    Args:
        name: What a sweep calls it.

    Raises:
        ValueError: There is a head of that name.
        TypeError: What is decorated is no head.

    Example:
        >>> from foldgrid.specs.heads import HEADS
        >>> @foldgrid.register_head("wide_mlp")
        ... class WideMlp(type(HEADS["mlp"])):
        ...     title = "A wide multilayer perceptron"
        >>> HEADS["wide_mlp"].is_solved
        False
    """
    return _decorator(HEADS, name)


def register_network_source(name: str) -> Callable[[Thing], Thing]:
    """Decorates a source of networks: sweeps may name its networks as backbones.

    Args:
        name: What the source is called.

    Raises:
        ValueError: There is a source of that name.
        TypeError: What is decorated is no source of networks.

    Example:
        >>> from foldgrid.models.sources.source import NetworkSource
        >>> @foldgrid.register_network_source("pocket")
        ... class Pocket(NetworkSource):
        ...     title, library = "Pocket networks", "torch"
        ...     def names(self):
        ...         return ("pocket_linear",)
        ...     def construct(self, name, num_outputs):
        ...         from torch import nn
        ...         layers = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_outputs)
        ...         return nn.Sequential(*layers)
    """
    from foldgrid.models.sources.source import NETWORK_SOURCES

    return _decorator(NETWORK_SOURCES, name)


def _decorator(registry: Registry[Any], name: str) -> Callable[[Thing], Thing]:
    def decorate(thing: Thing) -> Thing:
        registry.register(name, thing() if isinstance(thing, type) else thing)
        return thing

    return decorate
