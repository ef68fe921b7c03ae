"""One pass of gradient descent over pairs of items, told apart by which of two causes a choice between them shows."""

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel, kernel
from dorec.numeric.pairwise_factors import TRIES, _has
from dorec.numeric.popularity_factors import _dot, _sigmoid

Sides = tuple[FloatArray, FloatArray]  # factors of users (n, f) and of items (k, f)


@fast_kernel
def _push(factors: Sides, triple: tuple[int, int, int], push: float, how: FloatArray) -> None:
    """A step up the difference of the scores of i and j for u, times `push`, with weight decay."""
    users, items = factors
    u, i, j = triple
    for f in range(users.shape[1]):
        x, y, z = users[u, f], items[i, f], items[j, f]
        users[u, f] += how[0] * (push * (y - z) - how[1] * x)
        items[i, f] += how[0] * (push * x - how[1] * y)
        items[j, f] -= how[0] * (push * x + how[1] * z)


@fast_kernel
def _part(one: FloatArray, other: FloatArray, row: int, step: float) -> None:
    """A step that takes two vectors apart, up the mean of their squared differences."""
    for f in range(one.shape[1]):
        gap = step * (one[row, f] - other[row, f]) / one.shape[1]
        one[row, f] += gap
        other[row, f] -= gap


@kernel
def _ahead(factors: Sides, u: int, i: int, j: int) -> float:
    return _dot(factors[0][u], factors[1][i]) - _dot(factors[0][u], factors[1][j])


@kernel
def cause_specific_epoch(
    pairs: tuple[IntArray, IntArray, IntArray],
    history: tuple[AnyArray, AnyArray],
    ladder: tuple[IntArray, IntArray, IntArray],
    factors: tuple[Sides, Sides],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the factors in place; the share of drawn pairs that the sum of both scores put right before their step.

    The user took i and not j. Where j is the more popular, interest spoke for i, and conformity for j; where j is the
    less popular, conformity spoke for i, and nothing is known of interest. The sum of both is that of BPR (Zheng et al.
    2021, arXiv 2006.11011, equations 4 to 9).

    Args:
        pairs: the order of the steps (m,), and user and item of each pair (m,).
        history: indptr and sorted indices of the users' items.
        ladder: items by rising popularity (k,), and for each item how many are clearly less popular (k,) and from which
            place on they are clearly more popular (k,).
        factors: of interest, then of conformity.
        how: learning rate, weight decay, and the weights of both causes' own losses and of their distance.
        rng: of the draws.
    """
    order, user, item = pairs
    indptr, indices = history
    rising, below, above = ladder
    interest, conformity = factors
    right, drawn = 0, 0
    for t in order:
        u, i = user[t], item[t]
        less, more = below[i], len(rising) - above[i]
        if less + more == 0:
            continue
        popular = less == 0 or (more > 0 and rng.random() < 0.5)
        first, last = (above[i], len(rising)) if popular else (0, less)
        j = rising[rng.integers(first, last)]
        tries = 1
        while tries < TRIES and _has(indices, indptr[u], indptr[u + 1], j):
            j = rising[rng.integers(first, last)]
            tries += 1
        if tries == TRIES:
            continue
        by_interest, by_conformity = _ahead(interest, u, i, j), _ahead(conformity, u, i, j)
        right += by_interest + by_conformity > 0.0
        drawn += 1
        both = _sigmoid(-by_interest - by_conformity)
        if popular:
            own, other = how[2] * _sigmoid(-by_interest), -how[2] * _sigmoid(by_conformity)
        else:
            own, other = 0.0, how[2] * _sigmoid(-by_conformity)
        _push(interest, (u, i, j), both + own, how)
        _push(conformity, (u, i, j), both + other, how)
        _part(interest[0], conformity[0], u, how[0] * how[3])
        _part(interest[1], conformity[1], i, how[0] * how[3])
        _part(interest[1], conformity[1], j, how[0] * how[3])
    return right / max(drawn, 1)
