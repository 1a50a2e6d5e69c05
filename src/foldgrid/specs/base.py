"""The parent of every specification: frozen, strict, no unknown keys.

A field that was renamed keeps its earlier name as its ``alias``: it is read under both, and written
under the alias, so that files of earlier versions are read and no fit's id changes. What users
write is brought to today's names by `foldgrid.specs.renamed`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen, strict pydantic model that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        loc_by_alias=False,
    )


class Record(Spec):
    """A specification whose numbers may be NaN: what was measured, not what was asked for."""

    model_config = ConfigDict(allow_inf_nan=True)
