"""Projectors into one tracker, as a launch makes them."""

from foldgrid.tracking import Place, RunProjector
from foldgrid.tracking.wandb import WandbWriter


def place_in(folder, kind, tracker, location=None):
    return Place(folder / tracker, location or str(folder), kind.tracking)


def wandb_projector(folder, kind, mode, pseudonyms=None, *, patience=None, location=None):
    place = place_in(folder, kind, "wandb", location)
    writers = [] if mode == "disabled" else [WandbWriter(place, mode, patience)]
    return RunProjector(kind, writers, pseudonyms)
