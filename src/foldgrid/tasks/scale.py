"""Where the numbers of a task lie: their ends, their unit, their smallest step.

Everybody who has to bring a prediction onto a scale, to say a number with its unit or to take a
number as a fraction asks this, and knows no range of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """The line that a task's numbers lie on; an end that is not given is open.

    Attributes:
        lowest: No number is below it; null where there is no such end.
        highest: No number is above it; null likewise.
        step: The smallest difference that means anything, above 0.
        unit: What is said after a number: ``months``; "" for a pure number.

    Example:
        >>> Scale(0, 72).clip([-3, 80]).tolist()
        [0.0, 72.0]
        >>> Scale().clip([-3, 80]).tolist()
        [-3.0, 80.0]
    """

    lowest: float | None = None
    highest: float | None = None
    step: float = 1.0
    unit: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether it has both ends."""
        return self.lowest is not None and self.highest is not None

    def clip(self, values: ArrayLike) -> FloatArray:
        """Numbers that lie beyond an end moved to it, the others as they are."""
        numbers = np.asarray(values, dtype=np.float64)
        if self.lowest is None and self.highest is None:
            return numbers
        return np.clip(numbers, self.lowest, self.highest)

    def fraction(self, values: ArrayLike) -> FloatArray:
        """Numbers as fractions of the range from lowest to highest; as they are if it is open.

        The unit in which a penalty means the same for what is predicted and by what.
        """
        return (np.asarray(values, dtype=np.float64) - self.origin) / self.width

    def of_fraction(self, fractions: ArrayLike) -> FloatArray:
        """The numbers that fractions are of; undoes ``fraction``."""
        return self.width * np.asarray(fractions, dtype=np.float64) + self.origin

    def over(self, values: ArrayLike) -> Scale:
        """This scale, an open end closed where these numbers end; the finite of them."""
        numbers = np.asarray(values, dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        lowest, highest = (numbers.min(), numbers.max()) if numbers.size else (0.0, 1.0)
        return replace(
            self,
            lowest=float(lowest) if self.lowest is None else self.lowest,
            highest=float(highest) if self.highest is None else self.highest,
        )

    def mirrored(self, values: ArrayLike) -> FloatArray:
        """Numbers upside down: the lowest becomes the highest. The scale has to be closed."""
        assert self.lowest is not None
        assert self.highest is not None
        return (self.lowest + self.highest) - np.asarray(values, dtype=np.float64)

    @property
    def width(self) -> float:
        """From the lowest to the highest; 1 if an end is open."""
        if self.lowest is None or self.highest is None:
            return 1.0
        return self.highest - self.lowest

    @property
    def decimals(self) -> int:
        """Digits after the point down to a hundredth of a step: finer, an error means nothing."""
        return max(0, 2 - math.floor(math.log10(self.step)))

    @property
    def ends(self) -> str:
        """``0 to 51``, ``from 0``, ``up to 51``; "" where both ends are open."""
        if self.lowest is None:
            return "" if self.highest is None else f"up to {self.highest:g}"
        rest = "" if self.highest is None else f" to {self.highest:g}"
        return f"{self.lowest:g}{rest}" if rest else f"from {self.lowest:g}"

    @property
    def origin(self) -> float:
        """Where fractions count from: the lowest; 0 if an end is open."""
        return self.lowest if self.lowest is not None and self.highest is not None else 0.0
