"""Run as a process of its own: sends every fit that the server lacks.

Arguments: the run folder, and ``over`` where only the fits that `chance` calls over are to be sent.
"""

import sys
from pathlib import Path

from chance import over
from miniature_sweep import CONTEXT, all_configs, make_history, make_record, make_sweep

from foldgrid.tracking import FitRuns
from foldgrid.tracking.wandb import RunSender

folder = Path(sys.argv[1])
with RunSender(folder, FitRuns(make_sweep(), CONTEXT)) as sender:
    for config in over(folder) if sys.argv[2:] == ["over"] else all_configs():
        if not sender.is_sent(config):
            sender.send(config, make_record(config), make_history())
