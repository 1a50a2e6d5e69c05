"""``python launch.py --sweep NAME``: runs a sweep; see `foldgrid.cli.launch`."""

import sys

from foldgrid.cli.launch import main

if __name__ == "__main__":
    sys.exit(main())
