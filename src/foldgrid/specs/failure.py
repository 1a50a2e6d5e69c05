"""How a fit or a trial failed. Plain data, reported by workers and read by everyone."""

from __future__ import annotations

from typing import Literal

from foldgrid.specs.base import Record

FailureKind = Literal[
    "error", "out_of_memory", "lost_worker", "disk_full", "storage_away", "bad_input"
]

KIND_WORDS: dict[FailureKind, str] = {
    "error": "error",
    "out_of_memory": "out of memory",
    "lost_worker": "lost worker",
    "disk_full": "disk full",
    "storage_away": "storage away",
    "bad_input": "bad input",
}


SHARED_BY_ALL: tuple[FailureKind, ...] = ("disk_full", "storage_away", "bad_input")
"""What would only happen to every other fit too."""


class Failure(Record):
    """One failed try of a fit or a trial.

    Attributes:
        kind: ``error``: an exception of its own. ``out_of_memory``: not even the smallest part of
            a batch fitted. ``lost_worker``: its process or its machine died more often than
            ``resources.max_retries``. ``disk_full``: no room in the run folder.
            ``storage_away``: the run folder's object store does not answer. ``bad_input``:
            something that only the user can mend. The last three are no fault of the fit's.
        message: One line for people; of bad input, all that there is to say.
        is_tried_again: Whether the launch tries it once more by itself.
    """

    kind: FailureKind
    message: str
    is_tried_again: bool = False

    @property
    def words(self) -> str:
        """The kind, for people."""
        return KIND_WORDS[self.kind]
