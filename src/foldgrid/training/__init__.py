"""One fit: loop, augmentation, plateau, early stopping, checkpoint. No ray, no tracker."""

from typing import TYPE_CHECKING, Any

from foldgrid.training.training_data import TrainingData

if TYPE_CHECKING:
    from foldgrid.training.fit import Fit

__all__ = ["Fit", "TrainingData"]


def __getattr__(name: str) -> Any:
    if name != "Fit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Imported here, and torch with it: whoever plans holds the data and trains nothing.
    from foldgrid.training.fit import Fit

    return Fit
