"""A cluster of two machines that share the run folder, and no temporary folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from foldgrid.records import RunStore
from tests.chaos.evidence import epochs_done, outcome
from tests.chaos.launches import Place
from tests.chaos.nodes import cluster, require_namespaces
from tests.chaos.processes import needs_proc
from tests.launching.tiny_sweep import TINY, Launcher

SEARCH = TINY + "search_space: lr_plateau\nsearch: {num_trials: 4, sampler: RandomSampler}\n"


@needs_proc
def test_what_the_second_machine_finishes_is_finished(
    launcher: Launcher, shared_cache: Path, tmp_path: Path
) -> None:
    require_namespaces()
    place = Place(tmp_path / "place", TINY, shared_cache, ("--wandb", "disabled"))
    with cluster(2, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        grid = place.to_the_end()
        trained = Counter(each.fit_id for each in place.trained())
        (place.folder / "tiny.yaml").write_text(SEARCH)
        search = place.to_the_end()
    assert grid.process.returncode == 0, grid.said
    assert trained == Counter(epochs_done(place.store)), "each epoch once"
    launcher(launcher.write())
    assert outcome(place.store) == outcome(launcher.store())

    assert search.process.returncode == 0, search.said
    launcher(launcher.write(SEARCH))
    runs = RunStore(str(place.run)), launcher.store()
    found, inline = (pd.read_csv(Path(run.location) / "search" / "trials.csv") for run in runs)
    columns = ["trial", "status", "num_epochs", "learning_rate", "oof_mae"]
    pd.testing.assert_frame_equal(found[columns], inline[columns])
