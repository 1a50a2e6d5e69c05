"""``python -m analysis``, from a clone: hands over to `foldgrid.cli.main`."""

import sys

from foldgrid.cli.main import main

if __name__ == "__main__":
    sys.exit(main(program="python -m analysis"))
