from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.specs.json_schema import schema_of

PROJECT = Path(__file__).parents[2]
FOLDERS = {each: PROJECT / f"{each}s" for each in ("sweep", "search_space", "recipe")}


@pytest.mark.parametrize("kind", FOLDERS)
def test_the_schema_that_editors_use_is_the_models_own(kind: str) -> None:
    written = (FOLDERS[kind] / f"{kind}.schema.json").read_text()
    assert written == schema_of(kind), "run `make schema`"


@pytest.mark.parametrize("kind", FOLDERS)
def test_every_file_names_the_schema(kind: str) -> None:
    for path in FOLDERS[kind].glob("*.yaml"):
        assert path.read_text().startswith(f"# yaml-language-server: $schema={kind}.schema.json")
