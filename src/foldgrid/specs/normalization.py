"""What a network sees of a picture: the channels' means and deviations, as a recipe says them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

OF_NETWORK = "network"
"""What a network sees is what its weights were trained with; planning says what that is."""

CHANNEL_STATISTICS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "minus_one_to_one": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "zero_to_one": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}
"""What is subtracted from each channel of a picture in [0, 1], and what it is then divided by."""


def channel_statistics(normalization: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The channels' means and deviations that a value of ``normalization`` stands for.

    Fits of before networks had values of their own saw ImageNet's; theirs read ``network``.

    Raises:
        ValueError: Neither a known word nor six numbers.
    """
    if normalization == OF_NETWORK:
        return CHANNEL_STATISTICS["imagenet"]
    if normalization in CHANNEL_STATISTICS:
        return CHANNEL_STATISTICS[normalization]
    try:
        mean, std = (tuple(map(float, part.split())) for part in normalization.split("/"))
    except ValueError:
        mean, std = (), ()
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        words = ", ".join([OF_NETWORK, *CHANNEL_STATISTICS])
        raise ValueError(
            f"give {words}, or three means / three deviations above 0, such as "
            '"0.5 0.5 0.5 / 0.25 0.25 0.25"'
        )
    return mean, std


def normalization_of(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    """The value of ``normalization`` that stands for these means and deviations."""
    found = (name for name, each in CHANNEL_STATISTICS.items() if each == (mean, std))
    numbers = " / ".join(" ".join(map(repr, part)) for part in (mean, std))
    return next(found, numbers)


def _check_normalization(normalization: str) -> str:
    channel_statistics(normalization)
    return normalization


Normalization = Annotated[str, AfterValidator(_check_normalization)]
