"""The process in which W&B does its work, ended without being asked.

W&B's own way out waits for the uploads of open runs, and a server that hangs takes none. wandb has
no word for this, so what is reached into here is private to it.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any


class WandbService:
    """The service that wandb started in this process, if it did.

    Must be made before ``wandb.teardown``, which forgets it.
    """

    def __init__(self) -> None:
        # Not imported: where it is not loaded, there is none.
        setup: Any = sys.modules.get("wandb.sdk.wandb_setup")
        self._singleton: Any = getattr(setup, "_singleton", None)
        connection = getattr(self._singleton, "_connection", None)
        handle = getattr(connection, "_proc", None)
        self._process: Any = getattr(handle, "_process", None)

    def kill(self) -> None:
        """Ends it at once: every call that waits for it fails. May be called from any thread."""
        if self._process is not None:
            self._process.kill()

    def tear_down(self) -> None:
        """Has W&B end it in order, and ends what is left of it where that fails."""
        import wandb

        # It may raise SystemExit with its service's exit code.
        with suppress(Exception, SystemExit):
            wandb.teardown()
        if self._process is not None:
            # A connection that is lost keeps W&B from all that comes after it.
            self._process.kill()
            self._process.wait()
            self._singleton._asyncer.join()
