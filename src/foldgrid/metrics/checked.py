"""What a metric is given, checked: pairs of numbers, or classes with probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldgrid.specs.metric import Target

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def checked_pair(
    target: Target, reference: ArrayLike, predicted: ArrayLike
) -> tuple[NDArray[Any], FloatArray] | None:
    """Truth and predictions as arrays; nothing where they are empty or not finite.

    Raises:
        ValueError: The shapes do not belong together, or an index names no class.
    """
    if target.kind == "numbers":
        return checked_numbers(reference, predicted)
    if target.num_classes and np.shape(predicted)[1:] != (target.num_classes,):
        raise ValueError(f"{target.num_classes} probabilities a unit are needed")
    return checked_classes(reference, predicted)


def checked_numbers(
    reference: ArrayLike, predicted: ArrayLike
) -> tuple[FloatArray, FloatArray] | None:
    """Both arrays as float64; nothing where they are empty or not finite.

    Raises:
        ValueError: The shapes differ or are not one-dimensional.
    """
    first = np.asarray(reference, dtype=np.float64)
    second = np.asarray(predicted, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"a metric compares two 1-D arrays of one length, not {first.shape} and {second.shape}"
        )
    is_usable = first.size and np.isfinite(first).all() and np.isfinite(second).all()
    return (first, second) if is_usable else None


def checked_classes(
    reference: ArrayLike, probabilities: ArrayLike
) -> tuple[IntArray, FloatArray] | None:
    """Class indices and probabilities; nothing where they are empty or not finite.

    Raises:
        ValueError: The shapes do not belong together, or an index names no class.
    """
    classes = np.asarray(reference)
    values = np.asarray(probabilities, dtype=np.float64)
    if classes.ndim != 1 or values.ndim != 2 or len(classes) != len(values):
        raise ValueError(
            "a class metric compares U classes with U by K probabilities, "
            f"not {classes.shape} with {values.shape}"
        )
    if not classes.size or not np.isfinite(classes).all() or not np.isfinite(values).all():
        return None
    indices = classes.astype(np.int64)
    if (indices != classes).any() or indices.min() < 0 or indices.max() >= values.shape[1]:
        raise ValueError(f"classes are indices from 0 to {values.shape[1] - 1}")
    return indices, values
