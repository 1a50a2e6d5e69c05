"""Run a sweep: read it, show the plan, train what is missing, say where the results are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from foldgrid.cli.launch import main

if TYPE_CHECKING:
    pass

if __name__ == "__main__":
    sys.exit(main())
