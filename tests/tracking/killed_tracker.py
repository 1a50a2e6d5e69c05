"""Run as a process of its own: a tracker is told of a grid and a search until it is killed.

Arguments: the run folder, the tracker. Of the first fit and the first trial everything is told, of
the second not the end, of the third nothing but that it began.
"""

import sys
import time
from pathlib import Path

import miniature_search
from miniature_sweep import CONTEXT, all_configs, make_history, make_record, make_sweep
from trackers import KITS

from foldgrid.tracking import FitRuns


def tell(projector, things, epochs, record):
    for thing in things[:3]:
        projector.start(thing)
    for thing in things[:2]:
        for epoch in epochs[: None if thing is things[0] else 2]:
            projector.log_epoch(thing, epoch)
    projector.finish(things[0], record)
    assert projector.wait()


folder, kit = Path(sys.argv[1]), KITS[sys.argv[2]]
grid = kit.projector(folder / "grid", FitRuns(make_sweep(), CONTEXT))
search = kit.projector(folder / "search", miniature_search.make_kind())
fits, trials = all_configs(), [miniature_search.make_trial(number) for number in range(3)]
tell(grid, fits, make_history(), make_record(fits[0]))
tell(search, trials, miniature_search.make_epochs(), miniature_search.make_record(trials[0]))
print("ready", flush=True)
time.sleep(600)
