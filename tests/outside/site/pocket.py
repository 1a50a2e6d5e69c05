"""A source of networks: two convolutions and a last layer, for pictures of any size."""

from torch import nn

from foldgrid.models.sources import NetworkSource


class Pocket(NetworkSource):
    title = "pocket networks"
    library = "torch"

    def names(self):
        return ("pocket_cnn",)

    def construct(self, name, num_outputs):
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, num_outputs),
        )

    def native_pixels(self, name):
        return 64


POCKET = Pocket()
