"""Finished fits are looked at: what is not what was written is named, and never counts."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.records import RunStore, run_location, verify_fits
from foldgrid.records.verification import run_faults
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from tests.records.corruption import CORRUPTIONS, cut
from tests.records.finished_fits import make_config, make_epoch, make_predictions, make_record
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS, s3_server

CONFIG, NEIGHBOUR = make_config(), make_config(fold=1)
IDS = [CONFIG.fit_id, NEIGHBOUR.fit_id, "never-trained"]
FILES = ("fit.json", "history.jsonl", "predictions.parquet", "best.safetensors")


def leave_whole_fits(store: RunStore) -> None:
    for config in (CONFIG, NEIGHBOUR):
        folder = store.fit(config.fit_id)
        for epoch in (1, 2):
            folder.append_epoch(make_epoch(epoch))
        folder.write_predictions(make_predictions())
        folder.write_weights(lambda path: path.write_bytes(bytes(range(256))))
        folder.complete(make_record(config).model_copy(update={"weights_kept": True}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    leave_whole_fits(RunStore(str(folder)))
    return folder


def test_whole_fits_are_finished_and_others_are_not(whole: Path) -> None:
    verified = verify_fits(RunStore(str(whole)), IDS)
    assert verified.finished == set(IDS[:2])
    assert verified.corrupt == ()


@given(st.sampled_from(FILES), st.sampled_from(sorted(CORRUPTIONS)), st.floats(0, 1))
def test_a_corrupt_fit_is_named_and_its_neighbour_is_not(
    whole: Path, file: str, corruption: str, where: float
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        shutil.copytree(whole, folder)
        store = RunStore(str(folder))
        path = folder / "fits" / CONFIG.fit_id / file
        before = json.loads(path.read_bytes()) if file == "fit.json" else None
        CORRUPTIONS[corruption](path, where)
        verified = verify_fits(store, IDS)
        assert NEIGHBOUR.fit_id in verified.finished
        if CONFIG.fit_id in verified.finished:
            # Unseen only what says nothing, and weights until somebody reads them.
            if file == "fit.json":
                assert json.loads(path.read_bytes()) == before
            else:
                assert (file, corruption) == ("best.safetensors", "flip")
                with pytest.raises(CorruptFileError, match=r"best\.safetensors: not what"):
                    store.fit(CONFIG.fit_id).read_weights()
        elif (file, corruption) == ("fit.json", "lose"):
            assert verified.corrupt == ()
        else:
            [line] = verified.corrupt[0].lines
            assert line.startswith(f"fits/{CONFIG.fit_id}/{file}: ")


def test_reading_corrupt_files_names_them_and_what_to_do(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    store, folder = RunStore(str(tmp_path)), tmp_path / "fits" / CONFIG.fit_id
    cut(folder / "predictions.parquet", 0.5)
    with pytest.raises(CorruptFileError, match=r"predictions\.parquet: [\d,]+ bytes, [\d,]+ were"):
        store.read_predictions(CONFIG.fit_id)
    (folder / "predictions.parquet").unlink()
    with pytest.raises(MissingFileError, match="it trains this fit again"):
        store.read_predictions(CONFIG.fit_id)
    cut(folder / "fit.json", 0.5)
    with pytest.raises(CorruptFileError, match=r"fit\.json: cannot be read.*\n.*trains this fit"):
        store.read_fit(CONFIG.fit_id)


def test_records_from_before_there_were_checksums_are_accepted(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    store, path = RunStore(str(tmp_path)), tmp_path / "fits" / CONFIG.fit_id / "fit.json"
    record = json.loads(path.read_bytes())
    del record["sha256"], record["files"]
    path.write_text(json.dumps(record))
    assert verify_fits(store, IDS).finished == set(IDS[:2])
    assert len(store.read_predictions(CONFIG.fit_id)) == 2
    # Without checksums only what cannot be read, or disagrees, is found.
    history = path.with_name("history.jsonl")
    history.write_text(history.read_text().splitlines(keepends=True)[0])
    assert verify_fits(store, IDS).corrupt[0].faults == ("history.jsonl: 1 of 2 epochs",)
    history.unlink()
    assert verify_fits(store, IDS).corrupt[0].faults == ("history.jsonl: missing",)
    cut(path.with_name("predictions.parquet"), 0.5)
    assert len(verify_fits(store, IDS).corrupt[0].faults) == 2


def test_the_record_of_another_fit_is_found(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    fits = tmp_path / "fits"
    shutil.copy(fits / NEIGHBOUR.fit_id / "fit.json", fits / CONFIG.fit_id / "fit.json")
    [corrupt] = verify_fits(RunStore(str(tmp_path)), IDS).corrupt
    assert corrupt.faults == (f"fit.json: of another fit, {NEIGHBOUR.fit_id}",)


def test_a_discarded_fit_leaves_nothing(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    store = RunStore(str(tmp_path))
    store.fit(CONFIG.fit_id).discard()
    assert store.root.files(f"fits/{CONFIG.fit_id}") == []
    assert store.finished_fits() == {NEIGHBOUR.fit_id}


def test_it_works_in_object_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with s3_server() as address:
        storage = f"s3://{BUCKET}/x?scheme=http&endpoint_override={address}"
        store = RunStore(run_location(storage, "a_sweep"))
        assert verify_fits(store, IDS).finished == frozenset()
        leave_whole_fits(store)
        assert verify_fits(store, IDS).finished == set(IDS[:2])
        name = f"fits/{CONFIG.fit_id}/predictions.parquet"
        store.root.write_bytes(name, store.root.read_bytes(name)[:-1])
        assert [fit.fit_id for fit in verify_fits(store, IDS).corrupt] == [CONFIG.fit_id]


def test_the_run_folder_s_own_files_are_looked_at(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    assert run_faults(store) == ()
    store.write_sweep({"title": "A", "name": "a"})
    store.write_plan([])
    store.write_split(make_predictions(), {"imbalance": 0.5})
    store.write_photos(make_predictions())
    store.write_provenance({"versions": {}})
    assert run_faults(store) == ()
    files = ("sweep.yaml", "plan.json", "split.parquet", "split.json", "photos.parquet")
    for file in (*files, "provenance.json"):
        cut(tmp_path / file, 0.6)
    assert [line.partition(":")[0] for line in run_faults(store)] == [*files, "provenance.json"]
