"""Run as a process of its own: projects until it is killed. Argument: the run folder.

Prints a line whenever everything so far is with W&B, so that the killer knows where it strikes.
"""

import sys
import time
from pathlib import Path

from miniature_sweep import CONTEXT, all_configs, make_epoch, make_history, make_record, make_sweep

from foldgrid.tracking import RunProjector

projector = RunProjector(Path(sys.argv[1]), make_sweep(), "offline", CONTEXT)
first, second, third, *_ = all_configs()
projector.start_fit(first)
for epoch in make_history():
    projector.log_epoch(first, epoch)
projector.finish_fit(first, make_record(first))
projector.start_fit(second)
projector.log_epoch(second, make_epoch(1))
projector.log_epoch(second, make_epoch(2))
projector.start_fit(third)
projector.wait()
print("ready", flush=True)
time.sleep(600)
