"""What lists are like beside being right: novel, popular, varied, spread over the catalogue.

`places` (u, k) holds the positions of the listed items, -1 where a place is empty.
"""

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray


def novelty(places: IntArray, user_counts: FloatArray, n_users: int) -> FloatArray:
    """Mean self-information of the listed items, (u,): -log2 of the share of users who had the item, in bits.

    An item that nobody had counts as one user's (Zhou et al. 2010, doi:10.1073/pnas.1000488107). Empty lists score 0.

    >>> novelty(np.array([[0, 1], [1, -1]]), np.array([4.0, 1.0]), 4).tolist()
    [1.0, 2.0]
    """
    information = -np.log2(np.maximum(user_counts, 1.0) / n_users)
    return _mean_of(information, places)


def mean_popularity(places: IntArray, user_counts: FloatArray) -> FloatArray:
    """Mean number of users who had the listed items, (u,): ARP when averaged. Empty lists score 0.

    >>> mean_popularity(np.array([[0, 1], [1, -1]]), np.array([4.0, 1.0])).tolist()
    [2.5, 1.0]
    """
    return _mean_of(user_counts, places)


def diversity(places: IntArray, category: IntArray) -> FloatArray:
    """Share of the pairs in each list whose items are of different categories, (u,); lists below two items score 0.

    Args:
        places: (u, k).
        category: (n_items,) a code for each item; -1, an unknown category, is like no other.

    >>> diversity(np.array([[0, 1, 2], [0, 1, -1]]), np.array([0, 0, 1])).round(3).tolist()
    [0.667, 0.0]
    """
    filled = places >= 0
    codes = np.where(filled, category[places], -1)
    same = _alike(codes)
    size = filled.sum(axis=1)
    pairs = size * (size - 1) / 2.0
    return np.where(pairs > 0, 1.0 - same / np.maximum(pairs, 1.0), 0.0)


def coverage(places: IntArray, n_items: int) -> tuple[float, FloatArray]:
    """Share of the catalogue that stands in any list, and the influence of each user (u,), by the exact jackknife.

    What a user adds is the items that nobody else was shown. Read the value as that of as many users as there are
    here: more users see more of the catalogue. The jackknife errs on the wide side (Efron and Stein 1981): where most
    items are shown to one user or none, its intervals are up to 1.6 times as wide as they need be.

    >>> value, influence = coverage(np.array([[0, 1], [0, 2]]), 4)
    >>> value, influence.tolist()
    (0.75, [0.0, 0.0])
    """
    row, item = _listed(places)
    counts = np.bincount(item, minlength=n_items)
    alone = np.bincount(row, weights=counts[item] == 1, minlength=len(places)) / n_items
    return float((counts > 0).mean()), (len(places) - 1) * (alone - alone.mean())


def gini(places: IntArray, n_items: int) -> tuple[float, FloatArray]:
    """Gini index of how often the items are listed (0: all alike, near 1: few take all), and influences (u,).

    The influences are those of the exact jackknife, as for `coverage`.

    >>> value, _ = gini(np.array([[0, 1], [0, 1]]), 4)
    >>> value
    0.5
    """
    row, item = _listed(places)
    counts = np.bincount(item, minlength=n_items)
    total = counts.sum()
    if not total:
        return 0.0, np.zeros(len(places))
    in_order = np.sort(counts)
    apart = float((2.0 * np.arange(1, n_items + 1) - n_items - 1.0) @ in_order)  # sum of |c_i - c_j| over pairs
    # one listing less moves an item away from all that have as many or more, and towards the others
    moved = n_items - 1.0 - 2.0 * np.searchsorted(in_order, counts, side="left")
    alike = _alike(np.where(places >= 0, counts[places], -1))  # two that lose one each stay as far apart
    change = np.bincount(row, weights=moved[item], minlength=len(places)).astype(np.float64) - 2.0 * alike
    left = total - np.bincount(row, minlength=len(places))
    without = np.divide(apart + change, n_items * left, out=np.zeros(len(places)), where=left > 0)
    return float(apart / (n_items * total)), (len(places) - 1) * (without.mean() - without)


def _alike(codes: IntArray) -> FloatArray:
    """Number of pairs in each row with the same code; -1 is like nothing, (u,)."""
    same = np.zeros(len(codes))
    for gap in range(1, codes.shape[1]):
        left, right = codes[:, gap:], codes[:, :-gap]
        same += ((left == right) & (left >= 0)).sum(axis=1)
    return same


def _mean_of(values: FloatArray, places: IntArray) -> FloatArray:
    filled = places >= 0
    total = np.where(filled, values[places], 0.0).sum(axis=1)
    return total / np.maximum(filled.sum(axis=1), 1)


def _listed(places: IntArray) -> tuple[IntArray, IntArray]:
    filled: BoolArray = places >= 0
    return np.nonzero(filled)[0], places[filled]
