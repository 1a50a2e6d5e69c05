"""``python launch.py --sweep NAME``, from a clone: ``foldgrid launch``; see `foldgrid.cli.main`."""

import sys

from foldgrid.cli.main import main, words_of_launch_py

if __name__ == "__main__":
    sys.exit(main(words_of_launch_py(sys.argv[1:])))
