"""``last.pt``: the state from which a fit goes on after its process was lost."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import torch

from foldgrid.models import load_state
from foldgrid.training.device import describe_device

if TYPE_CHECKING:
    from foldgrid.training.fit import Fit

CHECKPOINT_FORMAT = 1
"""Raised when what ``last.pt`` holds changes."""


def save(fit: Fit) -> None:
    """Writes everything that the epochs to come depend on, random generators included."""
    state: dict[str, Any] = {
        **_where(fit),
        "epoch": fit.epoch,
        "network": fit.network.state_dict(),
        "best": fit.best.of(fit.network),
        "optimizer": fit.optimizer.state_dict(),
        "plateau": fit.plateau.state_dict(),
        "scaler": fit.scaler.state_dict(),
        "best_loss": fit.stopping.best_loss,
        "best_epoch": fit.stopping.best_epoch,
        "train_seconds": fit.train_seconds,
        "generator": fit.generator.get_state(),
        "torch_rng": torch.get_rng_state(),
    }
    if fit.device.type == "cuda":
        state["cuda_rng"] = torch.cuda.get_rng_state(fit.device)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    fit.folder.write_checkpoint(buffer.getvalue())


def resume(fit: Fit) -> None:
    """Goes on from ``last.pt`` where there is one; else clears a history that led nowhere."""
    data = fit.folder.read_checkpoint()
    history = fit.folder.read_history()
    state = _load(data, fit) if data is not None else None
    epoch = int(state["epoch"]) if state else 0
    if state is None or len(history) < epoch:
        fit.folder.clear_history()
        return
    fit.folder.rewrite_history(history[:epoch])
    fit.epoch = epoch
    load_state(fit.network, state["network"])
    fit.best.state = {name: value.cpu() for name, value in state["best"].items()}
    fit.optimizer.load_state_dict(state["optimizer"])
    fit.plateau.load_state_dict(state["plateau"])
    fit.scaler.load_state_dict(state["scaler"])
    fit.stopping.best_loss = float(state["best_loss"])
    fit.stopping.best_epoch = int(state["best_epoch"])
    fit.stopping.epoch = epoch
    fit.train_seconds = float(state["train_seconds"])
    fit.generator.set_state(state["generator"].cpu())
    torch.set_rng_state(state["torch_rng"].cpu())
    if "cuda_rng" in state:
        torch.cuda.set_rng_state(state["cuda_rng"].cpu(), fit.device)


def _where(fit: Fit) -> dict[str, str | int]:
    """What a checkpoint must share with the fit that goes on from it."""
    return {
        "format": CHECKPOINT_FORMAT,
        "device": describe_device(fit.device),
        "precision": fit.precision,
    }


def _load(data: bytes, fit: Fit) -> dict[str, Any] | None:
    """The state, or nothing where it is torn, of another version, or of another device.

    Starting anew costs the epochs so far, never a wrong result: half a fit in one precision and
    half in another would have bits of its own.
    """
    # weights_only: nothing but tensors and plain values is ever unpickled from a run folder.
    try:
        state = torch.load(io.BytesIO(data), map_location=fit.device, weights_only=True)
    except Exception:
        return None
    if not isinstance(state, dict) or any(state.get(k) != v for k, v in _where(fit).items()):
        return None
    return state
