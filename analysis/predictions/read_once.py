"""A run folder that is read once, however many look: the checks, then the ranking."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, TypeVar

import pandas as pd

from foldgrid.records import RunStore
from foldgrid.specs.fits import FitRecord

Made = TypeVar("Made")


class ReadOnceStore(RunStore):
    """The same run folder, the sweep and each fit's record and predictions read from disk once.

    What it hands out is shared: nobody may change it. A file that cannot be read is tried again.
    """

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self._record = cache(super().read_fit)
        self._predictions = cache(super().read_predictions)
        self._sweep = cache(super().read_sweep)
        self._made: dict[Callable[..., Any], Any] = {}

    def once(self, make: Callable[[RunStore], Made]) -> Made:
        """What a function makes of this run folder, made when it is first asked for."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    def read_sweep(self) -> dict[str, Any]:
        """``sweep.yaml`` as plain values."""
        return dict(self._sweep())

    @cached_property
    def _finished(self) -> frozenset[str]:
        return frozenset(super().finished_fits())

    def finished_fits(self) -> set[str]:
        """As they were at the first look, so that checks and ranking speak of the same fits."""
        return set(self._finished)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return super().fit_sizes()

    def fit_sizes(self) -> dict[str, int]:
        """As they were at the first look."""
        return self._sizes

    def read_fit(self, fit_id: str) -> FitRecord:
        """The record of one finished fit."""
        return self._record(fit_id)

    def read_predictions(self, fit_id: str) -> pd.DataFrame:
        """The predictions of one finished fit."""
        return self._predictions(fit_id)
