"""What a launch wrote down of itself: a grid's report and a search's begin with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from foldgrid.records import RunStore


class RecordedRun:
    """The launch of a run folder.

    Args:
        store: The run folder.
    """

    def __init__(self, store: RunStore) -> None:
        self.store = store

    @cached_property
    def sweep(self) -> dict[str, Any]:
        """``sweep.yaml``."""
        return self.store.read_sweep()

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """``provenance.json``; empty where there is none."""
        return _optional(self.store.read_provenance)

    @cached_property
    def split_facts(self) -> dict[str, Any]:
        """``split.json``; empty where there is none."""
        return _optional(self.store.read_split_facts)

    @property
    def is_synthetic(self) -> bool:
        """Whether the photographs are the embedded synthetic trial's."""
        return not (self.sweep.get("data") or {}).get("manifest")

    @property
    def name(self) -> str:
        """The run folder's own name; the folders above it are nobody's business."""
        location = self.store.location.partition("?")[0].rstrip("/")
        return str(self.sweep.get("name") or PurePosixPath(location).name)

    @property
    def title(self) -> str:
        """The sweep's title."""
        return str(self.sweep.get("title") or self.name)

    @property
    def private_words(self) -> dict[str, str]:
        """Paths that may name a person or a machine, and what a report says in their place."""
        paths = {self.store.location: self.name}
        manifest = str((self.sweep.get("data") or {}).get("manifest") or "")
        words = list(self.provenance.get("command") or [])
        for path in (manifest, *words):
            if "/" in path or "\\" in path:
                paths[path] = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
        return paths


def _optional(read: Callable[[], Any]) -> dict[str, Any]:
    try:
        return dict(read())
    except FileNotFoundError:
        return {}
