"""Units of many features on a plane, neighbours beside neighbours (t-SNE).

Distances between groups and their sizes on the plane mean nothing; which units are neighbours does.

N units, F features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no types there

FloatArray = NDArray[np.float64]

PERPLEXITY = 30.0
"""About how many neighbours a unit looks at; a third of the units where there are few."""

MOST_COMPONENTS = 50
"""Principal components that neighbours are looked for in."""

FEWEST_UNITS = 5
"""Below this a plane shows nothing that a table would not."""

SEED = 20


def plane_coordinates(features_NF: NDArray[np.generic], seed: int = SEED) -> FloatArray:
    """t-SNE coordinates, the same for the same features and seed on one machine.

    Args:
        features_NF: The activations of the last hidden layer.
        seed: Of the start where there is a single feature; else it starts from the principal
            components and draws nothing.

    Returns:
        N by 2.

    Raises:
        ValueError: Fewer than ``FEWEST_UNITS`` units, or a feature that is not finite.
    """
    features = np.asarray(features_NF, dtype=np.float64)
    if len(features) < FEWEST_UNITS or not np.isfinite(features).all():
        raise ValueError(f"a plane needs {FEWEST_UNITS} units or more with finite features")
    num_components = min(MOST_COMPONENTS, *features.shape)
    init = "pca" if num_components > 1 else "random"
    # On one core: the order of summation, and with it the plane, changes with their number.
    with threadpool_limits(1):
        reduced = PCA(num_components, svd_solver="full").fit_transform(features)
        perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
        plane = TSNE(2, perplexity=perplexity, init=init, random_state=seed, n_jobs=1)
        return np.asarray(plane.fit_transform(reduced), dtype=np.float64)
