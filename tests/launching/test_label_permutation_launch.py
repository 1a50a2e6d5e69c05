"""``launch.py --canary shuffled_scores``: beside the sweep, and never taken for it."""

from __future__ import annotations

import json

from foldgrid.cli.main import main
from foldgrid.records import RunStore
from foldgrid.tasks.pasi.arithmetic import SCORES
from tests.launching.tiny_sweep import ONE_BACKBONE, TINY, Launcher
from tests.wandb_run_file import read_run_file

NAME = "tiny-canary-shuffled_scores"
OPTIONS = ("--canary", "shuffled_scores", "--set", "training.max_epochs=1")


def test_the_plan_says_that_it_is_a_label_permutation_and_writes_nothing(
    launcher: Launcher,
) -> None:
    planned = launcher(launcher.write(), "--canary", "shuffled_scores", "--plan")
    assert planned.code == 0, planned.err
    assert planned.out.startswith(
        "LABEL-PERMUTATION TEST (shuffled_scores, no result): a tiny sweep"
    )
    assert "whatever skill remains is a leak" in " ".join(planned.out.split())
    assert f"runs/{NAME}" in "".join(planned.out.split())
    assert not launcher.storage.exists()


def test_an_unknown_label_permutation_is_refused(launcher: Launcher) -> None:
    refused = launcher(launcher.write(), "--canary", "shuffled_pixels")
    assert refused.code == 2
    assert "shuffled_scores" in refused.err
    assert not launcher.storage.exists()


def test_a_label_permutation_is_trained_beside_its_sweep_and_checked_with_it(
    launcher: Launcher,
) -> None:
    path = launcher.done_before(TINY, *OPTIONS[2:])
    before = (launcher.storage / "tiny" / "plan.json").read_bytes()
    done = launcher(path, *OPTIONS, "--wandb", "offline", ranked=True)
    assert done.code == 0, done.err
    true, canary = launcher.store(), launcher.store(NAME)
    assert (launcher.storage / "tiny" / "plan.json").read_bytes() == before

    # The same split and photographs, other scores, and therefore other fits.
    assert true.read_split().equals(canary.read_split())
    assert true.read_photos().equals(canary.read_photos())
    assert len(canary.finished_fits()) == 4
    assert not true.finished_fits() & canary.finished_fits()
    about = canary.read_permutation()
    assert about is not None
    assert about.sweep == "tiny"
    assert about.data_fingerprint == true.read_provenance()["data_fingerprint"]
    assert about.data_fingerprint != canary.read_provenance()["data_fingerprint"]
    assert true.read_permutation() is None

    # The scores that it was trained on are the subject's alone.
    predictions = canary.read_predictions(sorted(canary.finished_fits())[0])
    rows = predictions.merge(canary.read_split(), on="sample")
    assert (rows.groupby(["subject", "region"])[list(SCORES)].nunique() == 1).all(axis=None)

    # Whoever sees it is told.
    assert "LABEL-PERMUTATION TEST" in done.out
    folders = (launcher.storage / NAME / "wandb").glob("offline-run-*/*.wandb")
    assert all(
        {"canary", "canary-shuffled_scores", NAME} <= set(read_run_file(f).tags) for f in folders
    )

    # The sweep's own check finds it.
    code = main(["check", str(launcher.storage / "tiny"), "--format", "json"])
    results = json.loads(launcher.capture.readouterr().out)["results"]
    found = {each["code"]: each for each in results}
    assert code == 0
    assert "Train one" not in found["FG501"]["evidence"]
    assert found["FG104"]["status"] == "passed"
    assert found["FG105"]["status"] == "passed"


def test_a_label_permutation_of_other_settings_says_nothing(launcher: Launcher) -> None:
    path = launcher.done_before(ONE_BACKBONE, *OPTIONS[2:])
    launcher(path, *OPTIONS, "--set", "training.lr=0.002")
    main(["check", str(launcher.storage / "tiny"), "--format", "json"])
    results = json.loads(launcher.capture.readouterr().out)["results"]
    [found] = [each for each in results if each["code"] == "FG501"]
    assert found["status"] == "not applicable"
    assert "other settings" in found["evidence"]


def test_a_sweep_and_a_label_permutation_never_share_a_folder(launcher: Launcher) -> None:
    path = launcher.write(ONE_BACKBONE)
    RunStore(str(launcher.storage / NAME)).write_sweep({"name": NAME})
    refused = launcher(path, *OPTIONS)
    assert refused.code == 2
    assert "a label-permutation test of that name may not join it" in refused.err
    (launcher.storage / NAME / "sweep.yaml").unlink()
    assert launcher(path, *OPTIONS).code == 0
    named_alike = launcher.write(f"name: {NAME}\n{TINY}")
    refused = launcher(named_alike)
    assert refused.code == 2
    assert "a sweep of that name may not join it" in refused.err

    # Nor does it predict for anybody.
    run = str(launcher.storage / NAME)
    assert main(["predict", run, str(launcher.folder / "new.csv")]) == 2
    assert "means nothing" in launcher.capture.readouterr().err


def test_a_search_has_no_label_permutation(launcher: Launcher) -> None:
    search = TINY + "search_space: lr_plateau\nsearch: {num_trials: 2}\n"
    refused = launcher(launcher.write(search), "--canary", "shuffled_scores")
    assert refused.code == 2
    assert "a search has no label-permutation test" in refused.err
    assert not launcher.storage.exists()
