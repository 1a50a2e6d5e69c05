"""One fit: loop, augmentation, plateau and early stopping, checkpoint. Knows neither ray nor wandb."""

from foldgrid.training.fit import Fit
from foldgrid.training.training_data import TrainingData

__all__ = ["Fit", "TrainingData"]
