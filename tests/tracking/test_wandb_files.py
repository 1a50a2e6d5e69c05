"""The reader of ``.wandb`` files: framing over block ends, torn ends, corruption."""

import shutil

import pytest
from miniature_sweep import CONTEXT, make_config, make_history, make_record, make_sweep
from projectors import wandb_projector

from foldgrid.specs.errors import InputError
from foldgrid.tracking import FitRuns
from tests.wandb_run_file import BLOCK_BYTES, HEADER, read_run_file

NUM_EPOCHS = 300


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """A run whose file takes several blocks."""
    folder = tmp_path_factory.mktemp("long")
    config = make_config()
    with wandb_projector(folder, FitRuns(make_sweep(), CONTEXT), "offline") as projector:
        projector.project_whole(config, make_history(NUM_EPOCHS), make_record(config, NUM_EPOCHS))
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    assert path.stat().st_size > 4 * BLOCK_BYTES
    return path


@pytest.fixture
def copy(long_file, tmp_path):
    return shutil.copy(long_file, tmp_path / "run.wandb")


def test_records_over_block_ends_are_read(long_file):
    run = read_run_file(long_file)
    assert [step for step, _ in run.history] == list(range(1, NUM_EPOCHS + 1))
    assert run.is_finished
    assert not run.is_truncated


@pytest.mark.parametrize("keep", [0, 3, 7, 10, 5000, BLOCK_BYTES + 3, 3 * BLOCK_BYTES - 50])
def test_a_torn_file_is_read_as_far_as_it_goes(copy, keep):
    copy.write_bytes(copy.read_bytes()[:keep])
    run = read_run_file(copy)
    steps = [step for step, _ in run.history]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) < NUM_EPOCHS
    assert not run.is_finished
    if keep != len(HEADER):
        assert run.is_truncated


def test_padding_at_the_end_is_not_corruption(copy):
    copy.write_bytes(copy.read_bytes() + b"\0" * 100)
    run = read_run_file(copy)
    assert run.is_finished
    assert not run.is_truncated


def test_a_changed_byte_is_found(copy):
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(InputError, match="checksum"):
        read_run_file(copy)


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "run.wandb"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="not a W&B run file"):
        read_run_file(path)
