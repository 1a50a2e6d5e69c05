"""Whether a machine has GPUs is answered without torch only where it certainly has none."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from foldgrid.execution import gpus


def no_library(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Linux without cards, in a process without torch; where torch would count seven."""
    monkeypatch.setattr(gpus, "sys", SimpleNamespace(platform="linux", modules={}))
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 7)
    return tmp_path


def test_without_a_device_and_a_driver_torch_is_not_asked(bare_machine: Path) -> None:
    (bare_machine / "null").touch()
    assert gpus.num_gpus() == 0


@pytest.mark.parametrize("device", ["nvidia0", "nvidiactl", "nvhost-gpu", "nvmap", "dxg", "kfd"])
def test_with_a_device_it_is(device: str, bare_machine: Path) -> None:
    (bare_machine / device).touch()
    assert gpus.num_gpus() == 7


def test_with_a_driver_it_is(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: None)
    assert gpus.num_gpus() == 7


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_on_another_system_it_is(
    system: str, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "sys", SimpleNamespace(platform=system, modules={}))
    assert gpus.num_gpus() == 7


def test_where_torch_is_loaded_it_answers(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "sys", sys)
    assert gpus.num_gpus() == 7


def test_the_quick_answer_is_torch_s_on_this_machine() -> None:
    assert torch.cuda.device_count() == 0 or not gpus.has_none()
