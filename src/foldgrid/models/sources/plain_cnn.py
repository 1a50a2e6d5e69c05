"""The plain convolutional network that the SSc skin study trains from scratch beside MobileNetV2.

Source: Akay and others 2021, IEEE OJEMB 2:104-110: blocks of a 3x3 convolution, ReLU and 2x2 max
pooling, channels doubled at each block, the last map flattened into dense layers. The paper gives
neither the number of blocks nor any width in its text.

Shape letters: B batch, H and W pixels, K outputs.
"""

from __future__ import annotations

from torch import Tensor, nn

NATIVE_PIXELS = 128
"""The study's pictures."""

_FIRST_CHANNELS = 32
_NUM_BLOCKS = 5
_CELLS = 4
"""128 pixels, halved five times."""
_NUM_HIDDEN = 128


class PlainCnn(nn.Module):
    """Five blocks from 32 to 512 channels, a hidden dense layer of 128, and the last layer.

    Pictures of 128 pixels end as 4x4 cells, which are flattened as they are; those of other sizes
    from 32 pixels on are first brought to 4x4 by adaptive average pooling.

    Args:
        num_outputs: K.
    """

    def __init__(self, num_outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        incoming, outgoing = 3, _FIRST_CHANNELS
        for _ in range(_NUM_BLOCKS):
            layers += [nn.Conv2d(incoming, outgoing, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            incoming, outgoing = outgoing, 2 * outgoing
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(_CELLS)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(incoming * _CELLS**2, _NUM_HIDDEN),
            nn.ReLU(),
            nn.Linear(_NUM_HIDDEN, num_outputs),
        )
        self._initialise()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, K)."""
        outputs_BK: Tensor = self.classifier(self.avgpool(self.features(images_BCHW)))
        return outputs_BK

    def _initialise(self) -> None:
        """He's initialisation: without normalisation, torch's own lets the signal fade."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module is not self.classifier[-1]:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
