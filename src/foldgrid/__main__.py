"""``python -m foldgrid``: the command `foldgrid`, where it is not installed."""

import sys

from foldgrid.cli.main import main

if __name__ == "__main__":
    sys.exit(main(program="python -m foldgrid"))
