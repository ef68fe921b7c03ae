"""One pass of stochastic gradient descent over the pairs "u has i", each against an item that u does not have."""

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel, kernel

TRIES = 100  # draws of an item the user does not have, before a user who has nearly all is passed over


@kernel
def _has(indices: AnyArray, start: int, stop: int, item: int) -> bool:
    while start < stop:
        middle = (start + stop) // 2
        if indices[middle] < item:
            start = middle + 1
        else:
            stop = middle
    return bool(start < len(indices) and indices[start] == item)


@fast_kernel
def _score(x: FloatArray, y: FloatArray, bias: float) -> float:
    total = bias
    for f in range(len(x)):
        total += x[f] * y[f]
    return total


@fast_kernel
def _move(
    factors: tuple[FloatArray, FloatArray, FloatArray], pair: tuple[int, int, int], gradient: float, how: FloatArray
) -> None:
    """A step up the difference of the scores of i and j for u, with weight decay."""
    users, items, bias = factors
    u, i, j = pair
    rate, reg = how[0], how[1]
    for f in range(users.shape[1]):
        x, a, b = users[u, f], items[i, f], items[j, f]
        users[u, f] += rate * (gradient * (a - b) - reg * x)
        items[i, f] += rate * (gradient * x - reg * a)
        items[j, f] -= rate * (gradient * x + reg * b)
    bias[i] += rate * (gradient - reg * bias[i])
    bias[j] -= rate * (gradient + reg * bias[j])


@kernel
def bpr_epoch(
    pairs: tuple[IntArray, IntArray, IntArray],
    history: tuple[AnyArray, AnyArray],
    factors: tuple[FloatArray, FloatArray, FloatArray],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the factors in place; the share of drawn pairs that were in the right order before their step.

    The loss is -log sigmoid of the difference (Rendle et al. 2009, arXiv 1205.2618).

    Args:
        pairs: the order of the steps (m,), and user and item of each pair (m,).
        history: indptr and sorted indices of the users' items.
        factors: of users (n, f) and items (k, f), and the items' biases (k,).
        how: learning rate and weight decay.
        rng: of the draws.
    """
    order, user, item = pairs
    indptr, indices = history
    users, items, bias = factors
    right, drawn = 0, 0
    for t in order:
        u, i = user[t], item[t]
        j = int(rng.integers(0, len(items)))
        tries = 1
        while tries < TRIES and _has(indices, indptr[u], indptr[u + 1], j):
            j = int(rng.integers(0, len(items)))
            tries += 1
        if tries == TRIES:
            continue
        ahead = _score(users[u], items[i], bias[i]) - _score(users[u], items[j], bias[j])
        right += ahead > 0.0
        drawn += 1
        _move(factors, (u, i, j), 1.0 / (1.0 + np.exp(min(ahead, 500.0))), how)
    return right / max(drawn, 1)


@kernel
def warp_epoch(
    pairs: tuple[IntArray, IntArray, IntArray],
    history: tuple[AnyArray, AnyArray],
    factors: tuple[FloatArray, FloatArray, FloatArray],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the factors in place; the share of pairs for which no violation was found.

    Items are drawn until one scores within the margin of 1 of i; the fewer draws it takes, the lower i must rank, and
    the larger is the step, log of the estimated rank (Weston, Bengio, Usunier 2011, doi:10.5591/978-1-57735-516-8).

    Args:
        pairs: the order of the steps (m,), and user and item of each pair (m,).
        history: indptr and sorted indices of the users' items.
        factors: of users (n, f) and items (k, f), and the items' biases (k,).
        how: learning rate, weight decay, and the draws after which a pair is left in peace.
        rng: of the draws.
    """
    order, user, item = pairs
    indptr, indices = history
    users, items, bias = factors
    most = int(how[2])
    right = 0
    scale = np.log(max(len(items) - 1.0, 2.0))
    for t in order:
        u, i = user[t], item[t]
        mine = _score(users[u], items[i], bias[i])
        found = False
        for trial in range(1, most + 1):
            j = int(rng.integers(0, len(items)))
            if _has(indices, indptr[u], indptr[u + 1], j):
                continue
            if _score(users[u], items[j], bias[j]) > mine - 1.0:
                rank = max((len(items) - 1) // trial, 1)
                _move(factors, (u, i, j), np.log(max(rank, 2.0)) / scale, how)
                found = True
                break
        right += not found
    return right / max(len(order), 1)
