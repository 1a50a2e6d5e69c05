"""One fit: loop, augmentation, plateau, early stopping, checkpoint. No ray, no tracker."""

from foldgrid.training.fit import Fit
from foldgrid.training.training_data import TrainingData

__all__ = ["Fit", "TrainingData"]
