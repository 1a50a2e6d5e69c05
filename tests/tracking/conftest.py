import os
import sys

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """No key, no settings and no running service of anyone else's; none left behind."""
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    _forget_wandb()
    yield home
    _forget_wandb()


def _forget_wandb():
    if "wandb" in sys.modules:
        import wandb
        from wandb.sdk.lib import wbauth

        wandb.teardown()
        wbauth.unauthenticate_session(update_settings=False)
