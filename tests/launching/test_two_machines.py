"""A cluster of two machines that share the run folder, and no temporary folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.records import RunStore
from tests.chaos.evidence import epochs_done, outcome
from tests.chaos.launches import Launch, Place
from tests.chaos.nodes import cluster, require_namespaces
from tests.chaos.processes import needs_proc
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher

pytestmark = [needs_proc, pytest.mark.slow]
SEARCH = TINY + "search_space: lr_plateau\nsearch: {num_trials: 4, sampler: RandomSampler}\n"


@pytest.fixture
def place(tmp_path: Path, shared_cache: Path) -> Place:
    """What the machines share."""
    require_namespaces()
    return Place(tmp_path / "place", ONE_BACKBONE, shared_cache, ("--wandb", "disabled"))


def launch_on_two_machines(place: Place) -> Launch:
    """Launches; all is trained on the machine without the launcher."""
    with cluster(2, place, apart=True) as machines:
        place.options += ("--address", machines.address)
        done = place.to_the_end()
    assert done.process.returncode == 0, done.said
    return done


def test_what_the_second_machine_finishes_is_finished(launcher: Launcher, place: Place) -> None:
    launch_on_two_machines(place)
    trained = Counter(each.fit_id for each in place.trained())
    assert trained == Counter(epochs_done(place.store)), "each epoch once"
    launcher.done_before(ONE_BACKBONE)
    assert outcome(place.store) == outcome(launcher.store())


@pytest.mark.exhaustive
def test_so_are_trials(launcher: Launcher, place: Place) -> None:
    (place.folder / "tiny.yaml").write_text(SEARCH)
    launch_on_two_machines(place)
    launcher(launcher.write(SEARCH))
    runs = RunStore(str(place.run)), launcher.store()
    found, inline = (pd.read_csv(Path(run.location) / "search" / "trials.csv") for run in runs)
    columns = ["trial", "status", "num_epochs", "learning_rate", "oof_mae"]
    pd.testing.assert_frame_equal(found[columns], inline[columns])
