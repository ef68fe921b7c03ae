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


def long_tail(places: IntArray, user_counts: FloatArray, head: float = 0.2) -> FloatArray:
    """Share of each list that stands outside the head of the catalogue, (u,); empty lists score 0.

    The head is the most popular items, a share `head` of all (Abdollahpouri et al. 2017, doi:10.1145/3109859.3109912).

    >>> long_tail(np.array([[0, 1], [1, -1]]), np.array([4.0, 1.0]), head=0.5).tolist()
    [0.5, 1.0]
    """
    tail = np.ones(len(user_counts))
    tail[np.argsort(-user_counts, kind="stable")[: round(head * len(user_counts))]] = 0.0
    return _mean_of(tail, places)


def serendipity(places: IntArray, hits: BoolArray, user_counts: FloatArray, k: int) -> FloatArray:
    """Share of the k places with a relevant item that the k most popular ones do not hold, (u,).

    Ge, Delgado-Battenfeld, Jannach 2010, doi:10.1145/1864708.1864761, with popularity as the primitive recommender.

    >>> serendipity(np.array([[0, 1]]), np.array([[True, True]]), np.array([4.0, 1.0, 5.0]), 2).tolist()
    [0.5]
    """
    obvious = np.zeros(len(user_counts), dtype=bool)
    obvious[np.argsort(-user_counts, kind="stable")[:k]] = True
    return (hits & (places >= 0) & ~obvious[places]).sum(axis=1) / k


def category_entropy(places: IntArray, category: IntArray) -> FloatArray:
    """Entropy of the categories in each list, in bits, (u,): 0 where all items are alike. Unknown ones are left out.

    >>> category_entropy(np.array([[0, 1], [0, 0]]), np.array([0, 1])).tolist()
    [1.0, 0.0]
    """
    share = category_mix(places, category)
    return np.asarray(-(share * np.log2(share, out=np.zeros_like(share), where=share > 0)).sum(axis=1)) + 0.0


def miscalibration(places: IntArray, history: FloatArray, category: IntArray, smoothing: float = 0.01) -> FloatArray:
    """Divergence of each list's mix of categories from that of its user's history, in nats, (u,): 0 where they agree.

    Kullback-Leibler of the history's mix from the list's, into which a share `smoothing` of the history's is mixed
    (Steck 2018, doi:10.1145/3240323.3240372). Lists without a known category are left at that of nothing but smoothing.

    Args:
        places: (u, k).
        history: each user's share of each category, (u, categories).
        category: a code for each item, -1 where unknown.
        smoothing: share.

    >>> miscalibration(np.array([[0, 1], [0, 0]]), np.array([[0.5, 0.5]] * 2), np.array([0, 1])).round(2).tolist()
    [0.0, 1.96]
    """
    listed = (1.0 - smoothing) * category_mix(places, category, history.shape[1]) + smoothing * history
    ratio = np.divide(history, listed, out=np.ones_like(history), where=history > 0)
    return np.asarray((history * np.log(ratio)).sum(axis=1))


def popularity_lift(places: IntArray, user_counts: FloatArray, history: FloatArray) -> FloatArray:
    """How much more popular each list is than its user's history, as a share of the latter, (u,).

    Args:
        places: (u, k).
        user_counts: users of each item.
        history: mean number of users of the items each user had, (u,); where it is 0 the lift is 0.

    >>> popularity_lift(np.array([[0, 0]]), np.array([4.0, 1.0]), np.array([2.0])).tolist()
    [1.0]
    """
    listed = _mean_of(user_counts, places)
    return np.divide(listed - history, history, out=np.zeros_like(listed), where=history > 0)


def personalization(places: IntArray, n_items: int) -> tuple[float, FloatArray]:
    """Share of a list that another user's list does not hold, over all pairs of users, and influences (u,).

    0 where all get the same list, 1 where no two lists share an item. A U-statistic: the influence of a user is twice
    how far the mean over the pairs with that user stands from the value.

    >>> value, _ = personalization(np.array([[0, 1], [0, 2]]), 4)
    >>> value
    0.5
    """
    row, item = _listed(places)
    users, k = len(places), places.shape[1]
    others = np.bincount(item, minlength=n_items)[item] - 1.0
    shared = np.bincount(row, weights=others, minlength=users) / (k * max(users - 1, 1))
    apart = 1.0 - shared
    return float(apart.mean()), 2.0 * (apart - apart.mean())


def category_mix(places: IntArray, category: IntArray, n_categories: int | None = None) -> FloatArray:
    """Share of each category among the listed items that have one, (u, categories); zeros where none has.

    >>> category_mix(np.array([[0, 1, -1]]), np.array([0, 1])).tolist()
    [[0.5, 0.5]]
    """
    size = int(category.max(initial=-1)) + 1 if n_categories is None else n_categories
    codes = np.where(places >= 0, category[places], -1)
    row, at = np.nonzero(codes >= 0)
    counts = np.bincount(row * size + codes[row, at], minlength=len(places) * size).reshape(len(places), size)
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)


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
