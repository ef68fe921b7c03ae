"""Ranking against a sample of the catalogue: only where it was asked for, and never in silence."""

import warnings

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.protocols import Scorer
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, IntArray
from dorec.numeric.top_k import top_k

BLOCK_SCORES = 2**22


class SampledRankingWarning(UserWarning):
    """Metrics over a sample of the items need not put models into the order of the metrics over all."""


def sampled_lists(
    scorer: Scorer, ids: AnyArray, k: int, *, keys: IntArray, n_sampled: int, exclude_seen: bool, context: RunContext
) -> IntArray:
    """Positions of the k best among each user's relevant items and `n_sampled` drawn others, (u, k), -1 if unfilled.

    Everyone's items are drawn anew, from those that are neither relevant nor, with `exclude_seen`, in the history.

    Args:
        scorer: a fitted recommender.
        ids: users (u,).
        k: length of the lists.
        keys: sorted row * n_items + item of what is relevant.
        n_sampled: items drawn for each user.
        exclude_seen: whether items of the training history are out of the race.
        context: seed of the draws.
    """
    if n_sampled != int(n_sampled) or n_sampled < 1:
        raise InputError(f"sampled is {n_sampled}; give how many items to draw for each user, or None to rank all.")
    warnings.warn(
        f"ranking against {n_sampled:,} sampled items: such metrics can put models into another order than full "
        "ranking (Krichene and Rendle 2020, doi:10.1145/3394486.3403226); leave sampled out to rank the catalogue",
        SampledRankingWarning,
        stacklevel=3,
    )
    data, m = scorer.dataset, scorer.dataset.n_items
    users, rng = data.index_of(ids), context.rng("sampled ranking")
    popular = np.empty(m, dtype=np.int64)
    popular[np.argsort(-np.bincount(data.matrix.indices, minlength=m), kind="stable")] = np.arange(m)
    places = np.full((len(ids), k), -1, dtype=np.int64)
    step = max(1, BLOCK_SCORES // m)
    for start in range(0, len(ids), step):
        rows = slice(start, start + step)
        table = np.asarray(scorer.score(users[rows]), dtype=np.float64)
        own = keys[(keys >= start * m) & (keys < (start + len(table)) * m)] - start * m
        relevant = np.zeros(table.shape, dtype=bool)
        relevant.ravel()[own] = True
        drawn = rng.random(table.shape)
        drawn[relevant] = np.inf
        if exclude_seen:
            known = np.flatnonzero(users[rows] >= 0)
            seen = data.pairs[users[rows][known]]  # what is stored with weight 0 was seen too
            drawn[np.repeat(known, np.diff(seen.indptr)), seen.indices] = np.inf
        n = min(int(n_sampled), m - 1)
        border = np.partition(drawn, n, axis=1)[:, n : n + 1]
        table[~(relevant | ((drawn < border) & np.isfinite(drawn)))] = -np.inf
        places[rows], best = top_k(table, k, tie_rank=popular)
        places[rows][best == -np.inf] = -1
    return places
