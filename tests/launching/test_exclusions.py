"""Photographs left out of a sweep: before the split, in the plan, the run folder and the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foldgrid
from foldgrid.data.audit.exclusions import EXCLUSIONS, SAME_CASE, ExclusionRules
from foldgrid.data.audit.labelled import audit_labelled
from foldgrid.data.dataset import Survey, survey_left_out
from foldgrid.data.manifest.labelled import read_labelled_manifest
from foldgrid.launching.planning.plan_text import plan_facts
from foldgrid.launching.planning.preparation import PreparedSweep, prepare_sweep
from foldgrid.launching.sweep_run import write_run_files
from foldgrid.simulation.source import survey_data
from foldgrid.specs.errors import InputError, SweepError
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.specs.sweep import DataSpec
from tests.analysis.fake_class_run import FakeClassRun
from tests.data.skin_pictures import make_flaws, make_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photographs of 6 people, 8 of them flawed, 3 marked by a reviewer."""
    folder = tmp_path_factory.mktemp("left_out")
    path, rows = make_study(folder)
    make_flaws(folder)
    statuses = {2: "pending", 3: " Rejected ", 0: "rejected"}
    table = pd.DataFrame(rows).assign(review_status=[statuses.get(n, "") for n in range(24)])
    table.to_csv(path, index=False)
    return folder


def surveyed(folder: Path, *exclude: str, **more: Any) -> Survey:
    data = DataSpec(manifest=folder / "manifest.csv", tile_pixels=32, exclude=exclude, **more)
    return survey_data(data, folder / "cache", photographs="single")


def left_out(survey: Survey) -> dict[str, str]:
    assert survey.left_out is not None
    pairs = zip(survey.left_out.photos["photo"], survey.left_out.reasons, strict=True)
    return {photo: reason for photo, reason in pairs if reason}


def test_what_data_check_would_leave_out_is_left_out(folder: Path) -> None:
    audit = audit_labelled(read_labelled_manifest(folder / "manifest.csv"), ExclusionRules())
    would = {p: r for p, r in zip(audit.manifest.photos["photo"], audit.reasons, strict=True) if r}
    survey = surveyed(folder, "copies", "blurred", "far")
    assert left_out(survey) == would
    assert len(survey.samples) == survey.num_photos == len(survey.photo_hashes) == 24 - len(would)
    assert survey.left_out is not None
    assert str(survey.left_out) == (
        "8 of 24 photographs (2 same picture under two labels, 2 same picture under two subjects, "
        "1 copy of another file, 1 near copy of another picture, 1 blurred, 1 far away)"
    )
    everything = surveyed(folder)
    assert everything.left_out is None
    assert (
        survey_left_out(everything, ("copies", "blurred", "far")).reasons.tolist().count("") == 16
    )


def test_each_word_leaves_out_its_own(folder: Path) -> None:
    assert set(left_out(surveyed(folder, "blurred")).values()) == {"blurred"}
    assert set(left_out(surveyed(folder, "far")).values()) == {"far away"}
    assert left_out(surveyed(folder, "pending")) == {"02.jpg": "review pending"}
    # The first of two equal files was rejected: the other is nobody's copy.
    found = left_out(surveyed(folder, "copies", "rejected"))
    assert found["00.jpg"] == found["03.jpg"] == "rejected in review"
    assert "01.jpg" not in found
    assert set(found.values()) <= {r for each in ("rejected", "copies") for r in EXCLUSIONS[each]}


def test_who_stays_keeps_name_picture_and_place(folder: Path) -> None:
    everything, some = surveyed(folder), surveyed(folder, "pending", "rejected")
    names = {
        tile.photo: everything.samples["sample"][tile.sample_index]
        for tile in everything.table.tiles
    }
    assert [tile.sample_index for tile in some.table.tiles] == list(range(21))
    for tile, digest in zip(some.table.tiles, some.photo_hashes, strict=True):
        assert some.samples["sample"][tile.sample_index] == names[tile.photo]
        place = [each.photo for each in everything.table.tiles].index(tile.photo)
        assert everything.photo_hashes[place] == digest
    assert some.fingerprint != everything.fingerprint
    assert surveyed(folder).fingerprint == everything.fingerprint


def test_a_case_may_go_as_a_whole(folder: Path) -> None:
    found = left_out(surveyed(folder, "pending", exclude_whole_cases=True))
    assert found.pop("02.jpg") == "review pending"
    assert found == dict.fromkeys(("00.jpg", "01.jpg", "03.jpg"), SAME_CASE)


def test_what_cannot_be_left_out_is_said(folder: Path) -> None:
    with pytest.raises(InputError, match=r"data\.exclude.*needs photographs of regions"):
        survey_data(DataSpec(exclude=("copies",)), folder / "cache", photographs="mosaics")
    with pytest.raises(ValueError, match="'copies', 'blurred', 'far', 'pending' or 'rejected'"):
        DataSpec(exclude=("copy",))
    path = folder / "all_pending.csv"
    pd.read_csv(folder / "manifest.csv").assign(review_status="pending").to_csv(path, index=False)
    data = DataSpec(manifest=path, exclude=("pending",))
    with pytest.raises(InputError, match="leaves out all of 24 photographs"):
        survey_data(data, folder / "cache", photographs="single")


def prepare(folder: Path, *overrides: str) -> PreparedSweep:
    sweep = {
        "title": "two kinds of skin",
        "task": {"name": "classification"},
        "data": {"tile_pixels": 32, "manifest": str(folder / "manifest.csv")},
        "split": {"num_folds": 2, "num_seeds": 2, "test_fraction": 0.2},
        "backbones": ["resnet18"],
        "weights": "none",
    }
    path = folder / "skin.yaml"
    path.write_text(json.dumps(sweep))
    resolved = resolve_sweep(path, "paper", overrides)
    return prepare_sweep(resolved, storage=str(folder / "runs"), cache=folder / "cache")


def test_plan_and_launch_say_what_is_left_out_and_what_is_not(folder: Path) -> None:
    plain = prepare(folder)
    facts = dict(plan_facts(plain))
    assert "left out" not in facts
    assert facts["reviews"] == (
        "2 rejected in review and 1 review pending of 24 photographs are among them; "
        "`data.exclude: [rejected, pending]` leaves them out"
    )
    [said] = write_run_files(plain)
    assert said.startswith("8 of 24 photographs (")
    assert said.endswith("`data.exclude: [copies, blurred, far]` leaves them out.")
    assert not plain.store.root.exists("flow.json")
    words = ", ".join(EXCLUSIONS)
    cleaned = prepare(folder, f"data.exclude=[{words}]")
    facts = dict(plan_facts(cleaned))
    assert facts["left out"].startswith("10 of 24 photographs (2 rejected in review, 1 review")
    assert "reviews" not in facts
    assert len(cleaned.split.table) == 14
    ids = [{job.config.fit_id for job in each.grid.jobs} for each in (plain, cleaned)]
    assert not ids[0] & ids[1]
    assert write_run_files(cleaned) == []
    steps = cleaned.store.read_flow()["steps"]
    assert [steps[0]["num_photos"], steps[-1]["num_photos"]] == [24, 14]
    assert {step["step"]: step["num_photos"] for step in steps}["blurred"] == 1
    # What is said no more does not stay.
    write_run_files(plain)
    assert not plain.store.root.exists("flow.json")


def test_the_report_shows_the_flow(folder: Path, tmp_path: Path) -> None:
    store = FakeClassRun(tmp_path / "classes").write()
    with pytest.raises(SweepError, match="leaves no photograph out"):
        foldgrid.open_run(store.location).exhibit("flow")
    cleaned = prepare(folder, "data.exclude=[copies, blurred, far]")
    write_run_files(cleaned)
    flow = cleaned.store.read_flow()
    store.write_flow(flow["steps"], ["blurred: 40 % of mild, 0 % of the others"])
    shown = foldgrid.open_run(store.location).exhibit("flow")
    frame = shown.frame()
    assert frame["Photographs"].tolist()[0] == 24
    assert frame["Photographs"].iloc[-1] == 16
    assert frame["Photographs"].iloc[1:-1].sum() == -8
    methods = foldgrid.open_run(store.location).exhibit("methods").frame("statements")
    [said] = methods.loc[methods["statement"] == "exclusions", "text"]
    assert said.startswith("Of 24 photographs 8 were left out before the split (2 same picture")
    compared = shown.frame("compared")
    assert np.isfinite(compared["p"]).all()
    assert set(compared["column"]) >= {"label"}
