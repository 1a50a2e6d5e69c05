"""What every place that holds a run folder must keep: a local folder, and object storage."""

from __future__ import annotations

import pickle
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from foldgrid.records import PlannedFit, RunStore, run_location
from foldgrid.records.files import FileRoot
from foldgrid.specs.errors import SweepError
from tests.records.finished_fits import (
    make_config,
    make_epoch,
    make_predictions,
    make_record,
    write_fit,
)
from tests.records.s3_on_localhost import BUCKET, CREDENTIALS, s3_server

PLACES = ("local", "file_uri", "s3_by_environment", "s3_by_uri")


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=PLACES)
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place that ``--storage`` could name."""
    if request.param == "local":
        return str(tmp_path / "not" / "yet" / "there")
    if request.param == "file_uri":
        return (tmp_path / "runs").as_uri()
    address = request.getfixturevalue("s3_address")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    prefix = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    if request.param == "s3_by_uri":
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        return f"{prefix}?scheme=http&endpoint_override={address}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
    return prefix


@pytest.fixture
def store(storage: str) -> RunStore:
    return RunStore(run_location(storage, "a_sweep"))


@pytest.fixture
def root(store: RunStore) -> FileRoot:
    return store.root


def test_what_was_written_is_read(root: FileRoot) -> None:
    content = bytes(range(256)) * 1000
    root.write_bytes("deep/down/a.bin", content)
    root.write_bytes("empty", b"", durable=True)
    assert root.read_bytes("deep/down/a.bin") == content
    assert root.read_bytes("empty") == b""
    assert root.exists("deep/down/a.bin")
    assert not root.exists("deep/down")


def test_the_last_writing_wins_whole(root: FileRoot) -> None:
    root.write_bytes("a", b"a long content")
    root.write_bytes("a", b"short")
    assert root.read_bytes("a") == b"short"


def test_what_is_not_there_is_said_to_be_missing(root: FileRoot) -> None:
    assert not root.exists("nothing")
    with pytest.raises(FileNotFoundError):
        root.read_bytes("nothing")
    root.remove("nothing")
    assert root.files("no/folder") == root.folders("no/folder") == []


def test_lines_are_added_in_order(root: FileRoot) -> None:
    for number in range(5):
        root.append_line("log/lines.txt", f"line {number} ä")
    assert root.read_bytes("log/lines.txt").decode() == "".join(f"line {n} ä\n" for n in range(5))


def test_files_and_folders_are_listed_sorted_and_one_level_deep(root: FileRoot) -> None:
    for name in ("b/2/x", "b/1/x", "b/1/deeper/x", "b/z.txt", "b/a.txt", "top"):
        root.write_bytes(name, b"")
    assert root.folders("b") == ["1", "2"]
    assert root.files("b") == ["a.txt", "z.txt"]


def test_what_was_removed_is_gone_and_its_neighbours_are_not(root: FileRoot) -> None:
    root.write_bytes("a/1", b"1")
    root.write_bytes("a/2", b"2")
    root.remove("a/1")
    assert root.files("a") == ["2"]
    assert not root.exists("a/1")


def test_a_file_is_copied_out_whole_or_not_at_all(root: FileRoot, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    root.write_bytes("weights/a.bin", content)
    target = tmp_path / "another machine" / "a.bin"
    assert root.copy_to("weights/a.bin", target)
    assert target.read_bytes() == content
    assert not root.copy_to("weights/nothing", target.with_name("nothing"))
    assert [each.name for each in target.parent.iterdir()] == ["a.bin"]


def test_a_temporary_folder_is_empty_at_first_and_gone_at_the_end(root: FileRoot) -> None:
    root.write_bytes("tune/of a launch that was killed", b"")
    root.write_bytes("kept", b"")
    with root.temporary_folder("tune") as (system, path):
        assert root.files("tune") == []
        with system.open_output_stream(f"{path}/state") as stream:
            stream.write(b"paused")
        assert root.read_bytes("tune/state") == b"paused"
    assert not root.exists("tune/state")
    assert (root.folders(""), root.files("")) == ([], ["kept"])


def test_a_reader_never_sees_half_a_file(root: FileRoot) -> None:
    contents = {bytes([letter]) * 300_000 for letter in b"abc"}
    root.write_bytes("state", next(iter(contents)))
    seen: list[bytes] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            seen.append(root.read_bytes("state"))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(10):
            for content in contents:
                root.write_bytes("state", content)
    finally:
        is_over.set()
        reader.join()
    assert seen
    assert set(seen) <= contents


def test_a_store_travels_between_processes(store: RunStore) -> None:
    store.write_json("facts.json", {"a": [1, "ä"]})
    again = pickle.loads(pickle.dumps(store))
    assert again.read_json("facts.json") == {"a": [1, "ä"]}
    again.write_text("more.txt", "more")
    assert store.root.read_bytes("more.txt") == b"more"


def test_tables_and_facts_of_a_run_are_read_as_written(store: RunStore) -> None:
    split = pd.DataFrame({"sample": ["1/a/trunk"], "partition": ["train"], "fold": [0]})
    store.write_split(split, {"imbalance": 0.25})
    store.write_provenance({"host": "ä"})
    store.write_sweep({"title": "1e-5: yes", "backbones": ["resnet18"], "seed": None})
    fits = [PlannedFit("b-fold1-0", "b", 1), PlannedFit("a-fold0-0", "a", 0)]
    store.write_plan(fits)
    pd.testing.assert_frame_equal(store.read_split(), split)
    assert store.read_split_facts() == {"imbalance": 0.25}
    assert store.read_provenance() == {"host": "ä"}
    assert store.read_sweep() == {"title": "1e-5: yes", "backbones": ["resnet18"], "seed": None}
    assert store.read_plan() == tuple(fits)


def test_only_a_folder_that_holds_a_sweep_is_opened(store: RunStore) -> None:
    with pytest.raises(SweepError) as caught:
        RunStore.open(store.location)
    message = str(caught.value)
    assert message.startswith(f"{store.location}: not a run folder")
    assert "foldgrid launch" in message
    store.write_sweep({"title": "A"})
    assert RunStore.open(store.location).read_sweep() == {"title": "A"}


def save_weights(path: Path) -> None:
    path.write_bytes(b"weights")


def test_weights_are_written_whole_or_not_at_all(store: RunStore) -> None:
    folder = store.fit(make_config().fit_id)
    folder.write_weights(save_weights)

    def fail(path: Path) -> None:
        path.write_bytes(b"half of th")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        folder.write_weights(fail)
    assert folder.read_weights() == b"weights"
    assert store.root.files(f"fits/{folder.fit_id}") == ["best.safetensors"]


def test_a_fit_is_finished_when_its_record_is_there_and_not_before(store: RunStore) -> None:
    assert store.finished_fits() == set()
    config, other = make_config(), make_config("alexnet", 1)
    write_fit(store.fit(config.fit_id), config)
    unfinished = store.fit(other.fit_id)
    unfinished.append_epoch(make_epoch(1))
    unfinished.write_predictions(make_predictions())
    unfinished.write_weights(save_weights)
    unfinished.write_checkpoint(b"checkpoint")
    assert store.finished_fits() == {config.fit_id}
    assert not unfinished.is_finished()
    with pytest.raises(FileNotFoundError):
        unfinished.read_record()


def test_a_finished_fit_is_read_as_it_was_written(store: RunStore) -> None:
    config = make_config()
    write_fit(store.fit(config.fit_id), config)
    assert store.read_fit(config.fit_id) == make_record(config)
    assert store.read_history(config.fit_id) == [make_epoch(1), make_epoch(2)]
    pd.testing.assert_frame_equal(store.read_predictions(config.fit_id), make_predictions())


def test_completing_clears_what_a_complete_fit_no_longer_needs(store: RunStore) -> None:
    config = make_config()
    folder = store.fit(config.fit_id)
    folder.write_checkpoint(b"checkpoint")
    folder.write_failure("Traceback …")
    folder.write_weights(save_weights)
    assert folder.has_checkpoint()
    assert folder.read_checkpoint() == b"checkpoint"
    write_fit(folder, config)
    assert not folder.has_checkpoint()
    assert folder.read_checkpoint() is None
    assert folder.read_weights() == b"weights"
    assert store.root.files(f"fits/{config.fit_id}") == [
        "best.safetensors",
        "fit.json",
        "history.jsonl",
        "predictions.parquet",
    ]


def test_a_history_torn_by_a_crash_is_read_up_to_the_tear(store: RunStore) -> None:
    folder = store.fit("a-fold0-0")
    assert folder.read_history() == []
    whole = "".join(make_epoch(epoch).model_dump_json() + "\n" for epoch in (1, 2))
    name = "fits/a-fold0-0/history.jsonl"
    store.root.write_bytes(name, (whole + '{"epoch": 3, "learn').encode())
    assert folder.read_history() == [make_epoch(1), make_epoch(2)]
    folder.rewrite_history(folder.read_history())
    folder.append_epoch(make_epoch(3))
    assert [epoch.epoch for epoch in folder.read_history()] == [1, 2, 3]
    folder.rewrite_history([])
    assert folder.read_history() == []


def test_two_sweeps_in_one_storage_do_not_meet(storage: str) -> None:
    one, two = (RunStore(run_location(storage, name)) for name in ("one", "two"))
    one.write_sweep({"title": "One"})
    assert not two.root.exists("sweep.yaml")
