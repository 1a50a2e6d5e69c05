"""``last.pt``: the state from which a fit goes on after its process was lost."""

from __future__ import annotations

import io
import logging
from itertools import chain
from typing import Any

import torch

from foldgrid.models import load_state
from foldgrid.specs.fits import EpochRecord
from foldgrid.specs.phases import phase_index
from foldgrid.training.device import describe_device
from foldgrid.training.network_state import take_unaveraged
from foldgrid.training.state import FitState

logger = logging.getLogger(__name__)

CHECKPOINT_FORMAT = 3
"""Raised when what ``last.pt`` holds changes."""


def state_of(fit: FitState) -> dict[str, Any]:
    """Everything that the epochs to come depend on, random generators included.

    Tensors and plain values only, so that ``torch.load`` can read it with ``weights_only``. They
    are the fit's own, not copies.
    """
    state: dict[str, Any] = {
        **_where(fit),
        "epoch": fit.epoch,
        # Under the checksum with the rest: the file may be torn or changed by the time somebody
        # goes on.
        "history": [epoch.model_dump_json() for epoch in fit.folder.read_history()[: fit.epoch]],
        "network": fit.trained.state_dict(),
        "best": fit.best.of(fit.trained),
        "unaveraged": None if fit.average is None else fit.average.unaveraged,
        "optimizer": fit.optimizer.state_dict(),
        "groups": _groups_of(fit),
        "schedule": fit.schedule.state_dict(),
        "scaler": fit.scaler.state_dict(),
        "best_loss": fit.stopping.best_loss,
        "best_epoch": fit.stopping.best_epoch,
        "train_seconds": fit.train_seconds,
        "chosen": fit.chosen,
        "generator": fit.generator.get_state(),
        "torch_rng": torch.get_rng_state(),
    }
    if fit.device.type == "cuda":
        state["cuda_rng"] = torch.cuda.get_rng_state(fit.device)
    return state


def save(fit: FitState) -> None:
    """Writes the fit's state to its folder."""
    buffer = io.BytesIO()
    torch.save(state_of(fit), buffer)
    fit.folder.write_checkpoint(buffer.getvalue())


def resume(fit: FitState) -> None:
    """Goes on from ``last.pt`` where there is one; else clears a history that led nowhere."""
    fit.folder.clear_partials()
    data = fit.folder.read_checkpoint()
    state = read_state(data, fit.device) if data is not None else None
    if state is None or not is_of(state, fit) or len(state["history"]) != int(state["epoch"]):
        if data is not None:
            logger.warning("fold %d: last.pt cannot be gone on from; starts anew", fit.config.fold)
        fit.folder.clear_history()
        return
    restore(fit, state)
    logger.info("fold %d: goes on after epoch %d, from last.pt", fit.config.fold, fit.epoch)


def restore(fit: FitState, state: dict[str, Any]) -> None:
    """Puts a fit, which has trained nothing yet, where ``state`` was taken, its history too.

    Args:
        fit: A fit of the same backbone, on the same device; see ``is_of``.
        state: From ``state_of``.
    """
    epoch = int(state["epoch"])
    history = [EpochRecord.model_validate_json(line) for line in state["history"]]
    fit.folder.rewrite_history(history)
    fit.epoch = epoch
    # The phase of the last epoch: its optimiser is what the state holds.
    fit.enter_phase(phase_index(fit.config.training.phases, max(epoch, 1)))
    fit.last_learning_rate = history[epoch - 1].learning_rate if epoch else None
    load_state(fit.trained, state["network"])
    if fit.average is not None:
        fit.average.go_on_from(state.get("unaveraged"))
    elif state.get("unaveraged") is not None:
        take_unaveraged(fit.trained, state["unaveraged"])
    fit.best.state = {name: value.cpu() for name, value in state["best"].items()}
    fit.optimizer.load_state_dict(_optimizer_state(fit, state))
    fit.schedule.load_state_dict(state["schedule"])
    fit.scaler.load_state_dict(state["scaler"])
    fit.stopping.best_loss = float(state["best_loss"])
    fit.stopping.best_epoch = int(state["best_epoch"])
    fit.stopping.epoch = epoch
    fit.train_seconds = float(state["train_seconds"])
    fit.chosen = dict(state.get("chosen", {}))
    fit.generator.set_state(state["generator"].cpu())
    torch.set_rng_state(state["torch_rng"].cpu())
    if "cuda_rng" in state:
        torch.cuda.set_rng_state(state["cuda_rng"].cpu(), fit.device)


def _groups_of(fit: FitState) -> list[list[str]]:
    """The names of the parameters in each group of the optimiser."""
    names = {parameter: name for name, parameter in fit.trained.named_parameters()}
    return [[names[each] for each in group["params"]] for group in fit.optimizer.param_groups]


def _optimizer_state(fit: FitState, state: dict[str, Any]) -> dict[str, Any]:
    """The optimiser's state; of one that grouped its parameters otherwise, in the fit's groups."""
    found, own = state["optimizer"], _groups_of(fit)
    theirs = state.get("groups", own)
    if theirs == own:
        return dict(found)
    numbers = {name: number for number, name in enumerate(chain(*own))}
    kept = {
        numbers[name]: found["state"][number]
        for number, name in enumerate(chain(*theirs))
        if number in found["state"]
    }
    # What an optimiser counts for a whole group goes on, too.
    counted = {key: value for key, value in found["param_groups"][0].items() if key != "lr_scale"}
    groups = [counted | group for group in fit.optimizer.state_dict()["param_groups"]]
    return {"state": kept, "param_groups": groups}


def _where(fit: FitState) -> dict[str, str | int]:
    """What a checkpoint must share with the fit that goes on from it."""
    where: dict[str, str | int] = {
        "format": CHECKPOINT_FORMAT,
        "device": describe_device(fit.device),
        "precision": fit.precision,
    }
    if fit.trains_head_alone:
        where["part"] = "head"
    return where


def is_of(state: dict[str, Any], fit: FitState) -> bool:
    """Whether ``state`` was taken by this version, on such a device, in this precision.

    Starting anew costs the epochs so far, never a wrong result: half a fit in one precision and
    half in another would have bits of its own.
    """
    return all(state.get(key) == value for key, value in _where(fit).items())


def read_state(data: bytes, device: torch.device) -> dict[str, Any] | None:
    """What ``torch.save`` wrote, or nothing where it is torn or no state."""
    # weights_only: nothing but tensors and plain values is ever unpickled from a run folder.
    try:
        state = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    except Exception:
        return None
    return state if isinstance(state, dict) else None
