"""What ``--wandb`` means, without asking the network."""

import importlib.util
import os
import subprocess
import sys

import pytest

from foldgrid.specs.errors import InputError
from foldgrid.tracking.wandb import resolve_mode

KEY = "0123456789abcdef" * 2 + "01234567"


def test_auto_without_a_key_is_offline():
    assert resolve_mode("auto") == "offline"


def test_auto_with_a_key_in_the_environment_is_online(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert resolve_mode("auto") == "online"


def test_auto_with_a_key_in_netrc_is_online(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    netrc.write_text(f"machine wandb.example.org\n  login user\n  password {KEY}\n")
    netrc.chmod(0o600)
    assert resolve_mode("auto") == "online"


def test_a_malformed_key_is_not_passed_over(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "short")
    assert resolve_mode("auto") == "online"


@pytest.mark.parametrize(
    "stated, mode",
    [("online", "online"), ("dryrun", "offline"), ("disabled", "disabled")],
)
def test_auto_follows_wandb_mode(monkeypatch, stated, mode):
    monkeypatch.setenv("WANDB_MODE", stated)
    assert resolve_mode("auto") == mode


@pytest.mark.parametrize("requested", ["auto", "offline"])
def test_a_mode_that_wandb_does_not_know_is_said_to_be_wrong(monkeypatch, requested):
    monkeypatch.setenv("WANDB_MODE", "ofline")
    with pytest.raises(InputError, match='found "ofline"'):
        resolve_mode(requested)


def test_a_mode_asked_for_by_name_wins(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert resolve_mode("offline") == "offline"


@pytest.mark.parametrize("requested", ["auto", "online", "offline", "disabled"])
def test_without_the_package_everything_is_disabled(monkeypatch, requested):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert resolve_mode(requested) == "disabled"


def test_importing_the_room_imports_none_of_the_heavy_ones():
    code = (
        "import sys, foldgrid.tracking.wandb as t; t.resolve_mode('disabled'); "
        "print({'wandb', 'torch', 'ray', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "set()\n"
