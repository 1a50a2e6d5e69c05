"""The JSON Schema of sweep files, for editors: ``python -m foldgrid.specs.json_schema > FILE``."""

from __future__ import annotations

import json
import sys

from foldgrid.specs.sweep import Sweep


def sweep_schema() -> str:
    """The schema of ``sweeps/*.yaml`` as JSON text."""
    return json.dumps(Sweep.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(sweep_schema())
