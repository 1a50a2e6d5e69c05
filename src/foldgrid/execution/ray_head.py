"""A cluster's head that is gone: said in words of ours, just before Ray would end the process."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

RAY_VARIABLE = "RAY_gcs_rpc_server_reconnect_timeout_s"
RAY_SECONDS = 60.0
"""Without a head for this long Ray ends every process that uses it; the variable says otherwise."""
LOOK_SECONDS = 2.0
EXIT_CODE = 1


class HeadWatch:
    """Looks after a cluster's head inside a ``with`` block.

    A launch cannot go on without it, nor end in order: Ray's calls hang until Ray ends the
    process. The records are whole at any moment, and trackers' runs are made again from them.

    Args:
        address: ``HOST:PORT`` of the head.
        end: Called where the head is gone; does not return.
        patience: How long it may be away, in seconds; by default a little less than Ray's own.
    """

    def __init__(
        self,
        address: str,
        end: Callable[[str], None] | None = None,
        patience: float | None = None,
    ) -> None:
        self._address, self._end = address, end or _end_process
        self._patience = patience if patience is not None else _less_than_rays()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ray-head", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        seen = time.monotonic()
        while not self._is_over.wait(min(LOOK_SECONDS, self._patience / 4)):
            if self._answers():
                seen = time.monotonic()
            elif time.monotonic() - seen >= self._patience:
                self._end(_head_is_gone(self._address, self._patience))
                return

    def _answers(self) -> bool:
        host, _, port = self._address.rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=LOOK_SECONDS):
                return True
        except OSError:
            return False


def _less_than_rays() -> float:
    rays = float(os.environ.get(RAY_VARIABLE) or RAY_SECONDS)
    return max(rays - 10.0, rays / 2)


def _head_is_gone(address: str, seconds: float) -> str:
    return (
        f"The Ray cluster's head, {address}, has not answered for {seconds:.0f} s: it was stopped, "
        "or this machine cannot reach it any more.\n"
        "What is complete is kept, and what was under way goes on from its last checkpoint: start "
        "the cluster again, then run the same command; it trains only what is missing."
    )


def _end_process(message: str) -> None:
    print(f"\n{message}", file=sys.stderr, flush=True)
    os._exit(EXIT_CODE)
