"""``python -m analysis``, from a clone: hands over to `foldgrid.cli.results`."""

import sys

from foldgrid.cli.results import main

if __name__ == "__main__":
    sys.exit(main())
