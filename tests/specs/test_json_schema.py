from __future__ import annotations

from pathlib import Path

from foldgrid.specs.json_schema import sweep_schema

SWEEPS = Path(__file__).parents[2] / "sweeps"


def test_the_schema_that_editors_use_is_the_models_own() -> None:
    assert (SWEEPS / "sweep.schema.json").read_text() == sweep_schema(), "run `make schema`"


def test_every_sweep_names_the_schema() -> None:
    for path in SWEEPS.glob("*.yaml"):
        assert path.read_text().startswith("# yaml-language-server: $schema=sweep.schema.json")
