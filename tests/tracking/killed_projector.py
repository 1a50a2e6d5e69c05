"""Run as a process of its own: projects until it is killed. Argument: the run folder.

Prints a line whenever everything so far is with W&B, so that the killer knows where it strikes.
"""

import sys
import time
from pathlib import Path

from miniature_sweep import CONTEXT, all_configs, make_epoch, make_history, make_record, make_sweep
from projectors import wandb_projector

from foldgrid.tracking import FitRuns

projector = wandb_projector(Path(sys.argv[1]), FitRuns(make_sweep(), CONTEXT), "offline")
first, second, third, *_ = all_configs()
projector.start(first)
for epoch in make_history():
    projector.log_epoch(first, epoch)
projector.finish(first, make_record(first))
projector.start(second)
projector.log_epoch(second, make_epoch(1))
projector.log_epoch(second, make_epoch(2))
projector.start(third)
projector.wait()
print("ready", flush=True)
time.sleep(600)
