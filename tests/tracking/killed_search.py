"""Run as a process of its own: projects until it is killed. Arguments: the run folder, the mode.

Trial 0 is over and whole in W&B, trial 1 is over and its end not written, trial 2 is under way.
"""

import sys
import time
from pathlib import Path

from miniature_search import make_epoch, make_epochs, make_kind, make_record, make_trial
from projectors import wandb_projector

projector = wandb_projector(Path(sys.argv[1]), make_kind(), sys.argv[2])
trials = [make_trial(number) for number in range(3)]
for trial in trials:
    projector.start(trial)
projector.finish(trials[0], make_record(trials[0]), make_epochs())
for epoch in (1, 2):
    projector.log_epoch(trials[1], make_epoch(epoch))
    projector.log_epoch(trials[2], make_epoch(epoch))
projector.wait()
print("ready", flush=True)
time.sleep(600)
