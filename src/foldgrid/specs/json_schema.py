"""The JSON Schemas of the files of sweeps, search spaces and recipes, for editors.

``python -m foldgrid.specs.json_schema sweep > FILE``, or ``search_space``, or ``recipe``.
"""

from __future__ import annotations

import json
import sys

from pydantic import BaseModel

from foldgrid.specs.recipe_cards import RecipeCard
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import Sweep

MODELS: dict[str, type[BaseModel]] = {
    "sweep": Sweep,
    "search_space": SearchSpace,
    "recipe": RecipeCard,
}


def schema_of(kind: str) -> str:
    """The schema of one kind of file, such as ``sweeps/*.yaml``, as JSON text."""
    return json.dumps(MODELS[kind].model_json_schema(by_alias=False), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_of(sys.argv[1]))
