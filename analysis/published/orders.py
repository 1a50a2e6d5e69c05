"""How far two orders of the same models agree. Knows numbers only."""

from __future__ import annotations

import numpy as np

NUM_PERMUTATIONS = 1999
FEWEST_MODELS = 3
"""Two models are in the same order half the time."""


def rank_correlation(
    ours: np.ndarray, theirs: np.ndarray, seed: int = 0
) -> tuple[float, float, float, float]:
    """Spearman's rho and Kendall's tau-b with permutation p-values.

    The models are permuted, 1,999 times, both ways counted, the found order as one of them: the
    p-value asks whether the orders agree more than two shuffled lists would. It knows nothing of
    the error in each figure, nor that models of one family resemble each other.

    Args:
        ours: One side's figures, a model each.
        theirs: The other side's.
        seed: Of the permutations.

    Returns:
        rho, its p, tau, its p; all NaN below three models or where one side is constant.
    """
    from scipy.stats import kendalltau, rankdata, spearmanr

    if len(ours) < FEWEST_MODELS or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return (np.nan,) * 4
    # PN: permutations by models; MN: pairs of models.
    shuffled_PN = np.random.default_rng(seed).permuted(
        np.tile(rankdata(theirs), (NUM_PERMUTATIONS, 1)), axis=1
    )
    rank_N = rankdata(ours)
    centred_N = rank_N - rank_N.mean()
    product = abs(float(centred_N @ rankdata(theirs)))
    spearman_p = _share_beyond(np.abs(shuffled_PN @ centred_N), product)
    first, second = np.triu_indices(len(ours), k=1)
    order_M = np.sign(rank_N[first] - rank_N[second])
    concordance_P = np.sign(shuffled_PN[:, first] - shuffled_PN[:, second]) @ order_M
    their_rank = rankdata(theirs)
    concordance = abs(float(np.sign(their_rank[first] - their_rank[second]) @ order_M))
    kendall_p = _share_beyond(np.abs(concordance_P), concordance)
    rho, tau = spearmanr(ours, theirs).statistic, kendalltau(ours, theirs).statistic
    return float(rho), spearman_p, float(tau), kendall_p


def _share_beyond(permuted: np.ndarray, found: float) -> float:
    # Sums of ranks are whole or half numbers; the slack is for rounding alone.
    return float((1 + np.count_nonzero(permuted >= found - 1e-6)) / (1 + len(permuted)))
