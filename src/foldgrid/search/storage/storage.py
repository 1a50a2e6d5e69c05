"""Where a search remembers, and what several launches that search together need of it.

Rules, kept by every storage:

- ``exists`` looks and makes nothing; ``optuna`` opens, and makes what is missing.
- Inside ``exclusive`` no other launch that uses the same storage is inside it. It ends with the
  process that holds it, however that ends.
- A launch that is alive is never ``is_gone``. One that died is, at the latest ``GRACE_SECONDS``
  after its last sign of life, or Optuna's ``fail_stale_trials`` closes what it had open.
- No password is in ``title``, in ``dashboard``, or in an error.
"""

from __future__ import annotations

import abc
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from foldgrid.search.storage.launches import LaunchMark
from foldgrid.specs.errors import SweepError

STUDIES_TABLE = "studies"
"""Optuna's."""


class SearchStorage(abc.ABC):
    """An Optuna storage, and what several launches need to share it. See the module's rules.

    Attributes:
        title: What it is, for people.
        dashboard: What ``optuna-dashboard`` is given to open it.
        mark: This launch's.
    """

    title: str
    dashboard: str
    mark: LaunchMark

    @abc.abstractmethod
    def exists(self) -> bool:
        """Whether there was a search in it before."""

    @abc.abstractmethod
    def _open(self) -> BaseStorage:
        """Opens it, and makes what is missing."""

    @abc.abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Keeps all other launches waiting."""

    @abc.abstractmethod
    def is_gone(self, launch: str) -> bool:
        """Whether the launch with this mark is known to have ended."""

    @cached_property
    def optuna(self) -> BaseStorage:
        """Optuna's view of it."""
        # Two launches that made the tables at once would be in each other's way.
        with self.exclusive(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._open()

    @abc.abstractmethod
    def keep_alive(self, trial_id: int) -> None:
        """Shows others that this launch trains the trial.

        Args:
            trial_id: The storage's own number of the trial.
        """

    @abc.abstractmethod
    def let_go(self, trial_id: int) -> None:
        """Ends ``keep_alive``."""

    def close(self) -> None:
        """Ends this launch for others, who may take up what it had open, and its connections."""
        self.mark.release()
        kept = vars(self).get("optuna")
        if isinstance(kept, RDBStorage):
            kept.remove_session()
            kept.engine.dispose()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turns a storage that fails on the way into an error for people.

        Raises:
            SweepError: It did.
        """
        try:
            yield
        except (StorageInternalError, SQLAlchemyError) as error:
            cause = error.__cause__ or error
            raise SweepError(
                f"{self.title}: the search's storage does not answer any more.\n"
                f"  {said_by(cause)}\n"
                "Trials that were reported before are in it. See to it that it answers, and run "
                "the same command again."
            ) from error


def has_studies(engine: Engine) -> bool:
    """Whether Optuna's tables are there; makes nothing."""
    return inspect(engine).has_table(STUDIES_TABLE)


def said_by(error: BaseException) -> str:
    """What the driver said, on one line, without SQLAlchemy's references."""
    reported = str(getattr(error, "orig", None) or error).strip()
    return " ".join(reported.split()) or type(error).__name__
