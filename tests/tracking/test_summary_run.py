"""The sweep's own run: ranking, visits under pseudonyms, facts, and images only where allowed."""

import json

import numpy as np
import pandas as pd
import pytest
from miniature_sweep import CONTEXT, make_sweep, with_images
from offline_runs import read_all
from projectors import wandb_projector

from foldgrid.tracking import FitRuns, Pseudonyms

RANKING = [
    {"rank": 1, "backbone": "resnet18", "mae": np.float64(3.25), "ccc": 0.8},
    {"rank": 2, "backbone": "mobilenet_v2", "mae": 3.5},
]
VISITS = pd.DataFrame(
    {
        "subject": ["Ada Lovelace", "Ada Lovelace", "Grace Hopper"],
        "visit": ["2019-03-04", "2018-11-30", "2020-01-01"],
        "day": [94, 0, 0],
        "sample": [11, 12, 13],
        "photo": ["ada/1.jpg", "ada/2.jpg", "grace/1.jpg"],
        "true": [12.5, 30.0, 4.0],
        "predicted": [13.0, 28.0, 5.5],
    }
)
IMAGES = [np.zeros((8, 8, 3), dtype=np.uint8)]


def summarise(folder, sweep=None, **content):
    pseudonyms = Pseudonyms.open(folder)
    projector = wandb_projector(
        folder, FitRuns(sweep or make_sweep(), CONTEXT), "offline", pseudonyms
    )
    with projector:
        projector.summarise(RANKING, **content)
    return projector


def table(folder, key):
    (path,) = folder.glob(f"wandb/offline-run-*/files/media/table/{key}_*.table.json")
    return json.loads(path.read_text())


def only_run(folder):
    (run,) = read_all(folder).values()
    return run


def test_the_ranking_is_a_table_in_the_runs_own_folder(tmp_path):
    summarise(tmp_path, facts={"best": {"backbone": "resnet18"}, "num_fits": np.int64(6)})
    run = only_run(tmp_path)
    assert run.job_type == "summary"
    assert run.group == "mini"
    assert run.artifacts == []
    assert run.is_finished
    assert run.summary["best/backbone"] == "resnet18"
    assert run.summary["num_fits"] == 6
    assert run.history[0][1]["ranking/_type"] == "table-file"
    assert run.files[0].startswith("media/table/ranking_")
    assert table(tmp_path, "ranking") == {
        "columns": ["rank", "backbone", "mae", "ccc"],
        "data": [[1, "resnet18", 3.25, 0.8], [2, "mobilenet_v2", 3.5, None]],
    }


def test_visits_leave_as_pseudonyms_and_numbers(tmp_path):
    summarise(tmp_path, visit_predictions=VISITS)
    visits = table(tmp_path, "visits")
    assert visits["columns"] == ["subject", "visit_number", "day", "true", "predicted"]
    ada, grace = (Pseudonyms.open(tmp_path).pseudonym(name) for name in VISITS.subject.unique())
    assert [row[:2] for row in visits["data"]] == [[ada, 2], [ada, 1], [grace, 1]]


def test_a_second_summary_replaces_the_first(tmp_path):
    summarise(tmp_path, facts={"num_fits": 5})
    summarise(tmp_path, facts={"num_fits": 6})
    assert only_run(tmp_path).summary["num_fits"] == 6


def test_other_data_or_another_budget_is_another_summary(tmp_path):
    summarise(tmp_path)
    summarise(tmp_path, make_sweep(budget="paper"))
    assert len(read_all(tmp_path)) == 2


def test_images_stay_at_home_unless_the_sweep_allows_them(tmp_path):
    projector = summarise(tmp_path, sample_images=IMAGES)
    assert "tracking.images" in projector.warnings[0]
    assert not list(tmp_path.glob("wandb/**/*.png"))


def test_images_go_where_the_sweep_allows_them(tmp_path):
    projector = summarise(tmp_path, with_images(), sample_images=IMAGES)
    assert projector.warnings == ()
    assert len(list(tmp_path.glob("wandb/**/*.png"))) == 1


@pytest.mark.parametrize("path", ["/home/ada/photos", "C:\\photos\\ada"])
def test_a_path_among_the_facts_is_refused(tmp_path, path):
    with pytest.raises(TypeError, match="paths are not uploaded"):
        summarise(tmp_path, facts={"manifest": path})


def test_visits_without_pseudonyms_are_refused(tmp_path):
    projector = wandb_projector(tmp_path, FitRuns(make_sweep(), CONTEXT), "offline")
    with pytest.raises(TypeError, match="pseudonyms"):
        projector.summarise(RANKING, VISITS)
