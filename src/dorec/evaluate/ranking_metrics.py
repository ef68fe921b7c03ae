"""How good are ranked lists, user by user: arrays in, one score a user out.

`hits` (u, K) says which places of the lists hold a relevant item, `n_relevant` (u,) how many relevant items there are,
found or not; only the first k places count. Every user must have a relevant item. All scores lie in [0, 1].
"""

from collections.abc import Callable, Mapping

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray

Metric = Callable[[AnyArray, AnyArray, int], FloatArray]


def ndcg_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """Discounted gain 1 / log2(rank + 1) of the hits, divided by that of min(k, n_relevant) hits at the top, (u,).

    Jarvelin and Kekalainen 2002, doi:10.1145/582415.582418, with the ideal cut at k: a full list of hits scores 1.

    >>> ndcg_at_k(np.array([[True, False], [False, True]]), np.array([3, 1]), 2).round(3).tolist()
    [0.613, 0.631]
    """
    top = _top(hits, k)
    best = np.concatenate([[0.0], np.cumsum(_discount(k))])
    return (top @ _discount(top.shape[1])) / best[np.minimum(n_relevant, k)]


def ndcg_of_gains(gains: AnyArray, ideal_gains: AnyArray, k: int) -> FloatArray:
    """Graded NDCG, (u,): discounted gains (u, K) over those of the best k of all gains (u, m); negative gains count 0.

    A user without a positive gain scores 0. Hand in 2**grade - 1 for exponential gains.

    >>> ndcg_of_gains(np.array([[3.0, 5.0]]), np.array([[3.0, 5.0, 4.0]]), 2).round(3).tolist()
    [0.818]
    """
    got = np.maximum(_top(gains, k), 0.0)
    best = -np.sort(-np.maximum(np.asarray(ideal_gains, dtype=np.float64), 0.0), axis=1)[:, :k]
    ideal = best @ _discount(best.shape[1])
    return np.divide(got @ _discount(got.shape[1]), ideal, out=np.zeros(len(got)), where=ideal > 0)


def recall_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """Share of the relevant items that stand in the list, (u,).

    >>> recall_at_k(np.array([[True, False]]), np.array([4]), 2).tolist()
    [0.25]
    """
    return _top(hits, k).sum(axis=1) / n_relevant


def precision_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """Share of the k places that hold a relevant item, (u,); an unfilled place is a miss.

    >>> precision_at_k(np.array([[True, False]]), np.array([4]), 2).tolist()
    [0.5]
    """
    del n_relevant
    return _top(hits, k).sum(axis=1) / k


def hit_rate_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """1 where the list holds a relevant item, else 0, (u,).

    >>> hit_rate_at_k(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [1.0, 0.0]
    """
    del n_relevant
    return (_top(hits, k).sum(axis=1) > 0).astype(np.float64)


def reciprocal_rank_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """1 / rank of the first hit, 0 without one, (u,); its mean is MRR.

    >>> reciprocal_rank_at_k(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [0.5, 0.0]
    """
    del n_relevant
    top = _top(hits, k)
    return np.where(top.any(axis=1), 1.0 / (1.0 + top.argmax(axis=1)), 0.0)


def average_precision_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """Mean over min(k, n_relevant) of the precision at the rank of each hit, (u,); its mean is MAP.

    >>> average_precision_at_k(np.array([[True, False, True]]), np.array([2]), 3).round(3).tolist()
    [0.833]
    """
    top = _top(hits, k)
    precision = np.cumsum(top, axis=1) / (1.0 + np.arange(top.shape[1]))
    return (precision * top).sum(axis=1) / np.minimum(n_relevant, k)


def f1_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """Harmonic mean of precision and recall, 0 without a hit, (u,).

    >>> f1_at_k(np.array([[True, False]]), np.array([4]), 2).round(3).tolist()
    [0.333]
    """
    return 2.0 * _top(hits, k).sum(axis=1) / (k + n_relevant)


def r_precision_at_k(hits: AnyArray, n_relevant: AnyArray, k: int) -> FloatArray:
    """Share of the first min(k, n_relevant) places that hold a relevant item, (u,): 1 for a perfect list.

    >>> r_precision_at_k(np.array([[True, False, True]]), np.array([2]), 3).tolist()
    [0.5]
    """
    top = _top(hits, k)
    wanted = np.minimum(n_relevant, k)
    return (top * (np.arange(top.shape[1]) < np.asarray(wanted)[:, None])).sum(axis=1) / wanted


def rank_biased_precision_at_k(hits: AnyArray, n_relevant: AnyArray, k: int, patience: float = 0.8) -> FloatArray:
    """Expected share of hits for a reader who goes on to the next place with chance `patience`, (u,).

    Moffat and Zobel 2008, doi:10.1145/1416950.1416952, over the k places, so that a full list of hits scores 1.

    >>> rank_biased_precision_at_k(np.array([[True, False]]), np.array([1]), 2, patience=0.5).round(3).tolist()
    [0.667]
    """
    del n_relevant
    top, reach = _top(hits, k), patience ** np.arange(k)
    return (top @ reach[: top.shape[1]]) / reach.sum()


ACCURACY: Mapping[str, Metric] = {
    "ndcg": ndcg_at_k,
    "recall": recall_at_k,
    "precision": precision_at_k,
    "mrr": reciprocal_rank_at_k,
    "hit_rate": hit_rate_at_k,
    "map": average_precision_at_k,
    "f1": f1_at_k,
    "r_precision": r_precision_at_k,
    "rbp": rank_biased_precision_at_k,
}


def _top(hits: AnyArray, k: int) -> FloatArray:
    return np.asarray(hits)[:, :k].astype(np.float64)


def _discount(k: int) -> FloatArray:
    return 1.0 / np.log2(np.arange(k) + 2.0)
