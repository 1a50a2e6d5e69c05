"""What a scheduler is: who ends a search's trials before their last epoch, or has them change.

One class says all there is to say of it: what it has to set, what a plan and a report say of it,
which searches it does not suit, and the rule that it makes. Importing it needs neither Ray nor
Optuna, so that the analysis can ask for the words alone. There are two ways to evaluate; a
scheduler goes one of them:

- ``rule``: it receives every epoch of every trial in the launcher's process, whichever executor
  trains, and says who is stopped (`foldgrid.search.schedulers.rules.StoppingRule`).
- ``tune``: it pauses trials and copies their states, so it is a scheduler of Ray Tune's, in Tune's
  loop; then ``pauses`` is true.

The rules of a rule (``tests/contracts/test_stopping_rules.py``):

1. *Grace.* Before ``grace_epochs`` nothing is stopped.
2. *Notified the same, it evaluates the same*, in whatever process: a search that is gone on with
   evaluates as if it had not ended.
3. *Only the worse.* A lone trial is never stopped, nor is any of trials that report the same.
4. *The sweep's default configuration is never stopped*, since everything is compared with it: it
   may be evaluated all the same, and goes on, and is evaluated again.
5. *No harm by a trial without a score*: a loss that is no longer finite ends that trial alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar, Protocol

from foldgrid.specs.base import Spec
from foldgrid.specs.registry import Registry

NO_SCHEDULER = "none"
"""The name of the one that lets every trial end by itself."""

KeyProblem = tuple[str, str]
"""A key of ``search``, and what is wrong with it."""


class SharedSettings(Protocol):
    """What a sweep says under ``search`` to any scheduler; each takes what it knows of."""

    @property
    def scheduler(self) -> str:
        """The scheduler's name."""
        ...

    @property
    def num_trials(self) -> int:
        """Trials in all."""
        ...

    @property
    def sampler(self) -> str:
        """Optuna's name of what suggests the next configuration."""
        ...

    @property
    def objectives(self) -> Sequence[str]:
        """The values that are searched for."""
        ...

    @property
    def grace_epochs(self) -> int:
        """Nothing is stopped before."""
        ...

    @property
    def reduction_factor(self) -> float:
        """Evaluated is after ``grace_epochs`` and every so many-fold of it; above 1."""
        ...

    @property
    def significance(self) -> float:
        """How rare among equals a difference must be that counts, in (0, 1)."""
        ...

    @property
    def perturbation_epochs(self) -> int:
        """Values change every so many epochs."""
        ...


class Scheduler(ABC):
    """A trial scheduler by name: stops or pauses trials early; see the rules above.

    Attributes:
        settings: What it alone has to set, under ``scheduler_settings: {NAME: …}``: a frozen,
            strict model with a default for each key.
        pauses: Whether it pauses trials, and so needs Ray.
        draws_ahead: Whether all trials are drawn before the first trains.

    Example:
        >>> SCHEDULERS.named("asha").pauses
        False
    """

    settings: ClassVar[type[Spec]] = Spec
    pauses: ClassVar[bool] = False
    draws_ahead: ClassVar[bool] = False

    @abstractmethod
    def plan(self, shared: SharedSettings, own: Any) -> str:
        """What a plan says of it, before it has evaluated; "" where there is nothing to say.

        Args:
            shared: The sweep's ``search``.
            own: Its ``settings``, as the sweep has them.
        """

    @abstractmethod
    def report(self, shared: SharedSettings, own: Any) -> str:
        """What a report says of it, when the search is over; see ``plan``."""

    def problems(
        self,
        shared: SharedSettings,
        own: Any,
        planned_epochs: int,
        varied: Collection[str],
    ) -> Iterator[KeyProblem]:
        """Why a search does not suit it.

        Args:
            shared: The sweep's ``search``.
            own: Its ``settings``, as the sweep has them.
            planned_epochs: The most that any trial may train.
            varied: The parameters of the search space.
        """
        if len(shared.objectives) > 1:
            message = (
                f"{shared.scheduler} evaluates by one objective, found {len(shared.objectives)}. "
                f"Name one, or take the scheduler {NO_SCHEDULER}."
            )
            yield "scheduler", message

    def rule(self, searched: Any, own: Any) -> Any:
        """A fresh ``StoppingRule``; none where it stops none.

        Args:
            searched: The study, a `foldgrid.search.schedulers.rules.Searched`.
            own: Its ``settings``, as the sweep has them.
        """
        return None

    def tune(self, searched: Any, own: Any) -> Any:
        """A fresh scheduler of Ray Tune's in the rule's stead; none where it needs none.

        A task that it may change is ``trial.config["task"]``, and what an epoch scored is in the
        result's ``epoch``; see `foldgrid.search.schedulers.pausing`.
        """
        return None


def grace_problems(shared: SharedSettings, planned_epochs: int) -> Iterator[KeyProblem]:
    """What is wrong where nothing would be evaluated before the last epoch."""
    if shared.grace_epochs >= planned_epochs:
        message = (
            f"found {shared.grace_epochs}, but trials train {planned_epochs} epochs: nothing would "
            f"ever be stopped. Take fewer, or the scheduler {NO_SCHEDULER}."
        )
        yield "grace_epochs", message


def evaluated_at(shared: SharedSettings) -> str:
    """``from epoch 10 on, and every 2-fold``."""
    return f"from epoch {shared.grace_epochs} on, and every {shared.reduction_factor:g}-fold"


SCHEDULERS: Registry[Scheduler] = Registry(
    "scheduler", Scheduler, home="foldgrid.search.schedulers"
)
"""All schedulers; a package adds one by an entry point of the group ``foldgrid.schedulers``."""
