"""The JSON Schemas of sweep and search-space files, for editors.

``python -m foldgrid.specs.json_schema sweep > FILE``, or ``search_space``.
"""

from __future__ import annotations

import json
import sys

from pydantic import BaseModel

from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import Sweep

MODELS: dict[str, type[BaseModel]] = {"sweep": Sweep, "search_space": SearchSpace}


def schema_of(kind: str) -> str:
    """The schema of ``sweeps/*.yaml`` or ``search_spaces/*.yaml`` as JSON text."""
    return json.dumps(MODELS[kind].model_json_schema(by_alias=False), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_of(sys.argv[1]))
