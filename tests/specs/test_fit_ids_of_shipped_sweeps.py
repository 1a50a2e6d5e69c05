"""Every shipped sweep plans the fits that it always planned: nobody trains again what is done.

A fit's id is a hash of all that decides its outcome. Here the photographs, the split and the
first weights count as fixed texts (`tests/specs/fit_ids.json` would differ by machine otherwise);
the sweep's words, its budget, its recipes and its task's classes are the real ones.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_digits

from foldgrid.launching.planning import grid as planning
from foldgrid.launching.planning.grid import SampleCounts, Selection, plan_grid
from foldgrid.models.footprint import footprint
from foldgrid.simulation.labelled.studies import STUDIES
from foldgrid.specs.fits import content_digest
from foldgrid.specs.folders import yaml_files
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.synthetic import StudySettings
from foldgrid.tasks.registry import resolve_task

SWEEPS = Path(__file__).parents[2] / "sweeps"
KNOWN = Path(__file__).with_name("fit_ids.json")


def samples_of(sweep: Sweep) -> pd.DataFrame:
    """What a task asks the data for: the cells of the simulated study's manifest."""
    if sweep.data.example:
        labels = [str(label) for label in load_digits().target]
        return pd.DataFrame({"label": labels, "taxonomy": "", "partition": "train"}).assign(
            sample=range(len(labels))
        )
    settings = sweep.data.synthetic
    if not isinstance(settings, StudySettings):
        return pd.DataFrame()
    study = STUDIES[settings.study]
    cells = pd.DataFrame([shot.cells for shot in study.plan(settings)], columns=study.columns)
    if "value" in cells:
        cells["value"] = cells["value"].astype(float)
    return cells.assign(partition="train", sample=cells.index)


def fit_ids(name: str) -> list[str]:
    """The ids that a launch under ``paper`` would plan on these photographs."""
    sweep = resolve_sweep(SWEEPS / f"{name}.yaml", "paper").sweep
    sweep = sweep.model_copy(update={"task": resolve_task(sweep.task, samples_of(sweep))})
    # How long a fit takes decides nothing.
    size = footprint("plain_cnn", 1, 64)
    grid = plan_grid(
        sweep,
        data_fingerprint="0123456789abcdef",
        split_fingerprint="fedcba9876543210",
        weights=dict.fromkeys(sweep.backbones),
        footprints=defaultdict(lambda: size),
        counts=SampleCounts(1, 1, 1),
        finished=set(),
        selection=Selection(),
    )
    return [job.config.fit_id for job in grid.jobs]


def test_every_shipped_sweep_is_known() -> None:
    assert sorted(json.loads(KNOWN.read_text())) == sorted(yaml_files(SWEEPS))


@pytest.mark.parametrize("name", sorted(yaml_files(SWEEPS)))
def test_its_fits_have_the_ids_that_they_always_had(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is computed once decides nothing either, and takes a look at each network.
    monkeypatch.setattr(planning, "plan_features", lambda *_: "")
    ids = fit_ids(name)
    known = json.loads(KNOWN.read_text())[name]
    assert {"num_fits": len(ids), "first": ids[0], "all": content_digest(ids, 16)} == known, (
        "Fits that are done would be trained again. Leave a new key out of the hash at its "
        "default (LATER_KEYS); where the change is meant, say so in CHANGELOG.md and write the "
        f"new ids into {KNOWN.name}."
    )
