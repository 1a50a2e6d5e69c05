"""``python -m foldgrid``: exit 0 on success, 1 when the work failed, 2 when the input is wrong."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from foldgrid.cli import explain as codes
from foldgrid.cli import networks, photographs, weights
from foldgrid.cli.prediction import predict
from foldgrid.cli.terminal import explain
from foldgrid.specs.errors import SweepError

INTERRUPTED = 130

app = App(
    name="python -m foldgrid",
    help="The toolbox: photographs, networks, pre-trained weights, predictions. It trains nothing.",
    version_flags=[],
    result_action="return_value",
    # Else cyclopts exits by itself, without a word.
    suppress_keyboard_interrupt=False,
)
app.command(photographs.app)
app.command(networks.app)
app.command(weights.app)
app.command(predict)
app.command(codes.explain)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    # What third parties warn of is for their developers; our own messages are not warnings.
    warnings.simplefilter("ignore")
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except SweepError as error:
        print(error, file=sys.stderr)
        return 2
    except CycloptsError as error:
        print(explain(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
