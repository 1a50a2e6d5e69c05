"""One label from several raters' opinions: by majority, of all of them or of the first few.

Knows arrays of text; "" and NaN are no opinion. Source: Gulshan et al. 2016, where the reference of
a photograph is the majority of its raters, and a network is trained on fewer grades an image.
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
    """Grades in the words of a task: ``{"0": "not_referable", …, "4": "referable"}``.

    Raters' words are coarser or finer than a task's classes. Which words are one class has to be
    said before the votes are counted: of 1, 1, 2, 3 and 4 most are 2 or more, and none of these
    is the commonest grade.

    Args:
        labels_NR: Text; "" or NaN where a rater gave none.
        classes: The class by grade.

    Returns:
        (N, G) of classes, "" where there is no grade.

    Raises:
        ValueError: Grades that ``classes`` does not have, all of them named.
    """
    grades = _as_text(labels_NR)
    unknown = sorted(set(grades.ravel()) - {"", *classes})
    if unknown:
        raise ValueError(f"no class is given for the grades {', '.join(unknown)}")
    translated = np.empty(grades.shape, dtype=object)
    for place, grade in np.ndenumerate(grades):
        translated[place] = classes[grade] if grade else ""
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

    With ``num_raters`` only so many are heard, as if there had been no more. Whom a photograph
    hears first is drawn from its name alone, so it is the same in every run, no rater is heard
    more than others, and who is heard for n is heard for n + 1 too: curves over the number of
    grades differ by the added opinion and by nothing else.

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
        (N,) of text, "" where nobody gave a grade.

    Raises:
        ValueError: ``num_raters`` is below 1, the shapes do not fit, or ``order`` lacks an opinion.
    """
    grades = _as_text(labels_NR)
    if grades.ndim != 2 or len(grades) != len(names_N):
        raise ValueError(f"grades of shape {grades.shape} for {len(names_N)} photographs")
    if num_raters is not None and num_raters < 1:
        raise ValueError(f"num_raters must be at least 1, found {num_raters}")
    found = sorted(set(grades.ravel()) - {""}, key=_by_value)
    lacking = [] if order is None else [grade for grade in found if grade not in order]
    if lacking:
        raise ValueError(f"the order of grades lacks {', '.join(lacking)}")
    rank_of = {grade: rank for rank, grade in enumerate(found if order is None else order)}
    labels = np.full(len(grades), "", dtype=object)
    for row, name in enumerate(names_N):
        received = [grade for grade in grades[row, _hearing_order(name, grades.shape[1])] if grade]
        if received:
            labels[row] = _winner(received[:num_raters], rank_of, ties)
    return labels


def _as_text(grades: ArrayLike) -> TextArray:
    values = np.asarray(grades, dtype=object)
    text = np.empty(values.shape, dtype=object)
    for place, value in np.ndenumerate(values):
        text[place] = "" if value is None or value != value else str(value)
    return text


def _by_value(grade: str) -> tuple[bool, float, str]:
    try:
        return False, float(grade), grade
    except ValueError:
        return True, 0.0, grade


def _hearing_order(name: str, num_raters: int) -> NDArray[Any]:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    # Sorting raw draws: the stream of PCG64 is promised to stay, `permutation` is not.
    draws = np.random.Generator(np.random.PCG64(seed)).random(num_raters)
    return np.argsort(draws, kind="stable")


def _winner(received: Sequence[str], rank_of: Mapping[str, int], ties: Ties) -> str:
    votes = Counter(received)
    most = max(votes.values())
    tied = sorted(
        (grade for grade, count in votes.items() if count == most), key=rank_of.__getitem__
    )
    return tied[-1] if ties == "upward" else tied[0]
