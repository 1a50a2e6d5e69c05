"""Run as a process of its own, to be killed: projects as one launch does. See `test_chance`.

Arguments: the run folder, the mode, how many fits are over when it ends, a seed.
"""

import random
import sys
from pathlib import Path

from miniature_sweep import CONTEXT, all_configs, make_history, make_record, make_sweep
from projectors import wandb_projector

from foldgrid.tracking import FitRuns
from foldgrid.tracking.wandb.session import Patience

SHORT = Patience(init_seconds=1.0, finish_seconds=1.0, close_seconds=60)


def over(folder):
    """The fits whose records are whole; the ledger of this test."""
    return [config for config in all_configs() if (folder / config.fit_id).exists()]


def trained_through(folder, config):
    """The last epoch that a fit was trained through and its checkpoint kept."""
    path = folder / f"{config.fit_id}.epoch"
    return int(path.read_text()) if path.exists() else 0


def launch(folder, mode, num_over, seed):
    """As a launch: makes what is missing, then trains on, two fits side by side."""
    chance = random.Random(seed)
    kind = FitRuns(make_sweep(), CONTEXT)
    with wandb_projector(folder, kind, mode, patience=SHORT) as projector:
        for config in over(folder):
            if not projector.is_projected(config):
                projector.project_whole(config, make_history(), make_record(config))
        left = [config for config in all_configs() if config not in over(folder)]
        running = {}
        while left and len(over(folder)) < num_over:
            for config in left[:2]:
                if config not in running:
                    running[config] = trained_through(folder, config)
                    projector.start(config, make_history(running[config]))
            config = chance.choice(list(running))
            running[config] += 1
            projector.log_epoch(config, make_history()[running[config] - 1])
            if chance.random() < 0.5:
                (folder / f"{config.fit_id}.epoch").write_text(str(running[config]))
            if running[config] == len(make_history()):
                (folder / config.fit_id).touch()
                projector.finish(config, make_record(config), make_history())
                del running[config]
                left.remove(config)
            if chance.random() < 0.5:
                projector.wait(0.2)


if __name__ == "__main__":
    launch(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
