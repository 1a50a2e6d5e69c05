"""Whether W&B is spoken to, written for later, or left alone; and the quiet it is kept in."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from foldgrid.specs.errors import InputError, Problem

Mode = Literal["online", "offline", "disabled"]

_STATED_MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


def resolve_mode(requested: Literal["auto"] | Mode) -> Mode:
    """What ``--wandb`` means here and now, without asking the network.

    ``auto`` follows ``WANDB_MODE`` where that is set; else it is online where W&B finds a key
    (``WANDB_API_KEY``, an identity token, ``.netrc``, its settings file) and offline where it does
    not. A mode that was asked for by name wins over ``WANDB_MODE``. Without the wandb package
    everything is ``disabled``.

    Raises:
        InputError: ``WANDB_MODE`` says something that W&B does not know.
    """
    if requested == "disabled" or importlib.util.find_spec("wandb") is None:
        return "disabled"
    stated = os.environ.get("WANDB_MODE")
    if stated and stated not in _STATED_MODES:
        # Even where it is overruled: with it no run would open.
        allowed = "Allowed are online, offline and disabled. Correct it, or unset it."
        problem = Problem("environment", "WANDB_MODE", f'found "{stated}". {allowed}')
        raise InputError("Weights & Biases", [problem])
    if requested != "auto":
        return requested
    if stated:
        return _STATED_MODES[stated]
    return "online" if has_key() else "offline"


def has_key() -> bool:
    """Whether W&B finds credentials, by its own rules.

    Malformed ones count: they are refused when the first run opens, which the user is reported; as
    "no key" it would go unsaid.
    """
    with quiet_environment():
        from wandb.errors import AuthenticationError
        from wandb.sdk import wandb_setup
        from wandb.sdk.lib import wbauth

        host = wandb_setup.singleton().settings.base_url
        try:
            found = wbauth.authenticate_session(
                host=host, source="foldgrid", prompt=False, update_session=False
            )
        except AuthenticationError:
            return True
        return found is not None


@contextmanager
def quiet_environment(cache: Path | None = None) -> Iterator[None]:
    """Sets what W&B reads from the environment alone, and puts the old values back.

    Args:
        cache: Where W&B's logs and staging files go instead of the home folder.
    """
    ours = {
        # Its settings loader prints before any setting could silence it.
        "WANDB_SILENT": "true",
        # Crash reports would go to W&B even from an offline run.
        "WANDB_ERROR_REPORTING": "false",
    }
    if cache is not None:
        ours |= {"WANDB_CACHE_DIR": str(cache), "WANDB_DATA_DIR": str(cache)}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
