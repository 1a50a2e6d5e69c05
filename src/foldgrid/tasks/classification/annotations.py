"""One label from several raters' opinions: by majority, of all of them or of the first few.

Knows arrays of text; "" and NaN are no opinion. Source: Gulshan et al. 2016, where the reference of
a photograph is the majority of its raters, and a network is trained on fewer annotations an image.
Shape letters: N photographs, G raters.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

TextArray = NDArray[np.object_]
Ties = Literal["upward", "downward"]


def translate_annotations(labels_NR: ArrayLike, classes: Mapping[str, str]) -> TextArray:
    """Annotations in the words of a task: ``{"0": "not_referable", …, "4": "referable"}``.

    Raters' words are coarser or finer than a task's classes. Which words are one class has to be
    said before the votes are counted: of 1, 1, 2, 3 and 4 most are 2 or more, and none of these
    is the commonest annotation.

    Args:
        labels_NR: Text; "" or NaN where a rater gave none.
        classes: The class by annotation.

    Returns:
        (N, G) of classes, "" where there is no annotation.

    Raises:
        ValueError: Annotations that ``classes`` does not have, all of them named.
    """
    annotations = _as_text(labels_NR)
    unknown = sorted(set(annotations.ravel()) - {"", *classes})
    if unknown:
        raise ValueError(f"no class is given for the annotations {', '.join(unknown)}")
    translated = np.empty(annotations.shape, dtype=object)
    for place, annotation in np.ndenumerate(annotations):
        translated[place] = classes[annotation] if annotation else ""
    return translated


def majority_label(
    labels_NR: ArrayLike,
    num_raters: int | None,
    names_N: Sequence[str],
    *,
    ties: Ties = "upward",
    order: Sequence[str] | None = None,
) -> TextArray:
    """What most raters say of each photograph.

    With ``num_raters`` only so many count, as if there had been no more. Who counts first for a
    photograph is drawn from its name alone, so it is the same in every run, no rater counts
    more than others, and who counts for n counts for n + 1 too: curves over the number of
    annotations differ by the added opinion and by nothing else.

    Args:
        labels_NR: A column a rater, always in the same order; text, "" or NaN where there is none.
        num_raters: How many opinions count, at least 1; null counts all. A photograph with fewer
            has what it has.
        names_N: The photographs' names.
        ties: Which of equally frequent opinions wins: the one that is later or earlier in
            ``order``. Upward errs on the side of referring.
        order: All opinions from the lowest to the highest; null takes numbers by value, then words
            by the alphabet.

    Returns:
        (N,) of text, "" where nobody gave an annotation.

    Raises:
        ValueError: ``num_raters`` is below 1, the shapes do not fit, or ``order`` lacks an opinion.
    """
    annotations = _as_text(labels_NR)
    if annotations.ndim != 2 or len(annotations) != len(names_N):
        raise ValueError(f"annotations of shape {annotations.shape} for {len(names_N)} photographs")
    if num_raters is not None and num_raters < 1:
        raise ValueError(f"num_raters must be at least 1, found {num_raters}")
    found = sorted(set(annotations.ravel()) - {""}, key=_by_value)
    lacking = (
        [] if order is None else [annotation for annotation in found if annotation not in order]
    )
    if lacking:
        raise ValueError(f"the order of annotations lacks {', '.join(lacking)}")
    rank_of = {
        annotation: rank for rank, annotation in enumerate(found if order is None else order)
    }
    labels = np.full(len(annotations), "", dtype=object)
    for row, name in enumerate(names_N):
        received = [
            annotation
            for annotation in annotations[row, _received_order(name, annotations.shape[1])]
            if annotation
        ]
        if received:
            labels[row] = _winner(received[:num_raters], rank_of, ties)
    return labels


def _as_text(annotations: ArrayLike) -> TextArray:
    values = np.asarray(annotations, dtype=object)
    text = np.empty(values.shape, dtype=object)
    for place, value in np.ndenumerate(values):
        text[place] = "" if value is None or value != value else str(value)
    return text


def _by_value(annotation: str) -> tuple[bool, float, str]:
    try:
        return False, float(annotation), annotation
    except ValueError:
        return True, 0.0, annotation


def _received_order(name: str, num_raters: int) -> NDArray[Any]:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    # Sorting raw draws: the stream of PCG64 is promised to stay, `permutation` is not.
    draws = np.random.Generator(np.random.PCG64(seed)).random(num_raters)
    return np.argsort(draws, kind="stable")


def _winner(received: Sequence[str], rank_of: Mapping[str, int], ties: Ties) -> str:
    votes = Counter(received)
    most = max(votes.values())
    tied = sorted(
        (annotation for annotation, count in votes.items() if count == most),
        key=rank_of.__getitem__,
    )
    return tied[-1] if ties == "upward" else tied[0]
