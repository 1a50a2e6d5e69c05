"""An object store that is away for a while, or that says no: distinguished, and waited for.

Arrow raises plain errors whose text alone tells what happened.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from foldgrid.specs.errors import StorageAwayError, SweepError

PATIENCE_VARIABLE = "FOLDGRID_STORAGE_PATIENCE"
PATIENCE_SECONDS = 300.0
"""How long a store that has answered before may be away; the variable says otherwise."""
PAUSE_SECONDS = 2.0
"""Between two tries; Arrow itself tries for some seconds each time."""

REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|SIGNATURE|NO_SUCH_BUCKET|"
    r"EXPIRED_TOKEN|ExpiredToken|MISSING_AUTHENTICATION|UNRECOGNIZED_CLIENT|AccessDenied"
)
AWAY = re.compile(
    r"NETWORK_CONNECTION|HTTP status 5\d\d|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|SLOW_DOWN|"
    r"REQUEST_TIMEOUT|REQUEST_EXPIRED|curlCode"
)

Answer = TypeVar("Answer")


class ObjectStore:
    """Calls an object store, and waits where one that has answered before is away.

    Args:
        location: Of the store, for messages.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._has_answered = False
        self._is_abandoned = threading.Event()

    def ask(self, act: Callable[[], Answer]) -> Answer:
        """What ``act`` comes to; it is called again while the store is away.

        Raises:
            SweepError: The store refuses the keys, or has no such bucket.
            StorageAwayError: It does not answer: at once where it never has, else after a while.
            OSError: Anything else.
        """
        deadline = time.monotonic() + _patience()
        while True:
            try:
                answer = act()
            except OSError as error:
                self._decide(error, deadline)
                self._is_abandoned.wait(PAUSE_SECONDS)
            else:
                self._has_answered = True
                return answer

    def _decide(self, error: OSError, deadline: float) -> None:
        """Raises what ``error`` means, unless it is worth trying again."""
        text = str(error)
        if REFUSED.search(text):
            raise SweepError(
                f"{self._location}: the object store refuses ({text}).\n"
                "Check the bucket's name, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a store "
                "that is not Amazon's, AWS_ENDPOINT_URL too."
            ) from error
        if not AWAY.search(text):
            raise error
        is_too_late = time.monotonic() >= deadline or self._is_abandoned.is_set()
        if is_too_late or not self._has_answered:
            # Whoever comes next need not wait as long once more.
            self._is_abandoned.set()
            raise StorageAwayError(errno.EHOSTUNREACH, text, self._location) from error


def _patience() -> float:
    return float(os.environ.get(PATIENCE_VARIABLE) or PATIENCE_SECONDS)
