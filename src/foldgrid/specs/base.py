"""The parent of every specification: frozen, strict, no unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen, strict pydantic model that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Record(Spec):
    """A specification whose numbers may be NaN: what was measured, not what was asked for."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=True)
