"""The label-permutation test (``--canary``): a sweep trained once more, on shuffled truths."""

from __future__ import annotations

from typing import Literal

from foldgrid.specs.base import Spec

PermutationName = Literal["shuffled_scores"]


class LabelPermutation(Spec):
    """What makes a run folder that of a label-permutation test: ``canary.json``.

    Attributes:
        name: What was shuffled.
        sweep: The sweep's own name, without the test's ending.
        seed: What decided the shuffle.
        data_fingerprint: The data set's with its true scores.
    """

    name: PermutationName
    sweep: str
    seed: int
    data_fingerprint: str


def permutation_folder(run: str, name: PermutationName) -> str:
    """The run folder's name of a sweep's test: ``quickstart-canary-shuffled_scores``."""
    return f"{run}-canary-{name}"
