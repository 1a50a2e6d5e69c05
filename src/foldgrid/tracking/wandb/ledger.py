"""Which runs are wholly in W&B, and the folders of those that are not.

``wandb/projected.json`` names a run only after its last point was written, so after a kill at any
moment what is missing there is made again, once. Knows folders and ids, not wandb.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

LEDGER_NAME = "projected.json"
LEDGER_FORMAT = 1


class ProjectionLedger:
    """The list of complete runs in ``<run folder>/wandb``.

    Args:
        wandb_folder: Holds the list and W&B's run folders; made when first written.
    """

    def __init__(self, wandb_folder: Path) -> None:
        self._folder = wandb_folder
        self._runs = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            content = json.loads((self._folder / LEDGER_NAME).read_text("utf-8"))
            runs = content["runs"] if content["format"] == LEDGER_FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError):
            # Nothing is lost with the list: the runs are made again from the records.
            return {}
        return dict(runs)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._runs

    def is_online(self, run_id: str) -> bool:
        """Whether W&B's server has the whole run, as far as we know."""
        return self._runs.get(run_id, {}).get("mode") == "online"

    def add(self, run_id: str, *, name: str, mode: str, folder: str, about: str = "") -> None:
        """Says that every point of a run is written.

        Args:
            run_id: Which.
            name: What people see.
            mode: ``online`` where W&B's server has it.
            folder: The name of W&B's local folder; empty where there is none any more.
            about: Of the summary, what `others` said when it was written.
        """
        self._runs[run_id] = {"name": name, "mode": mode, "folder": folder}
        if about:
            self._runs[run_id]["about"] = about
        self._write()

    def others(self, run_id: str) -> str:
        """A digest of which other runs are complete: what a summary is about."""
        names = sorted(name for name in self._runs if name != run_id)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]

    def is_about(self, run_id: str, about: str) -> bool:
        """Whether a summary was written when `others` said this."""
        return bool(self._runs.get(run_id, {}).get("about") == about)

    def forget(self, run_id: str) -> None:
        """Takes a run off the list: it is about to be made again."""
        if self._runs.pop(run_id, None) is not None:
            self._write()

    def discard_folders(self, run_id: str) -> None:
        """Removes W&B's local folders of one run id, however far they got."""
        ours = re.compile(rf"(offline-run|run)-\d{{8}}_\d{{6}}-{re.escape(run_id)}(-\d+)?")
        for folder in list(self._folder.glob("*run-*")):
            if ours.fullmatch(folder.name):
                # A dying W&B service may still write in it: move it away in one step first.
                away = folder.with_name(f".discarded-{uuid.uuid4().hex[:8]}")
                folder.rename(away)
                shutil.rmtree(away, ignore_errors=True)

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {"format": LEDGER_FORMAT, "runs": self._runs}
        partial = self._folder / f".{LEDGER_NAME}.{uuid.uuid4().hex[:8]}.partial"
        partial.write_text(json.dumps(content, indent=1, sort_keys=True), "utf-8")
        partial.replace(self._folder / LEDGER_NAME)
