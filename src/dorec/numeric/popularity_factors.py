"""Passes of stochastic gradient descent over factor models in which popularity is a cause of its own."""

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.pairwise_factors import TRIES, _has

LARGEST = 30.0  # of what is exponentiated


@kernel
def _dot(x: FloatArray, y: FloatArray) -> float:
    total = 0.0
    for f in range(len(x)):
        total += x[f] * y[f]
    return total


@kernel
def _sigmoid(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-min(max(x, -LARGEST), LARGEST))))


@kernel
def _rival(u: int, history: tuple[AnyArray, AnyArray], n_items: int, rng: np.random.Generator) -> int:
    """An item that the user does not have, -1 if none was found."""
    indptr, indices = history
    for _ in range(TRIES):
        j = int(rng.integers(0, n_items))
        if not _has(indices, indptr[u], indptr[u + 1], j):
            return j
    return -1


@kernel
def deconfounded_epoch(
    pairs: tuple[IntArray, IntArray, IntArray],
    history: tuple[AnyArray, AnyArray],
    factors: tuple[FloatArray, FloatArray, FloatArray],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the factors in place; the share of drawn pairs that were in the right order before their step.

    The score is (ELU(x'y) + 1) times the third of `factors`, a fixed strength of each item (Zhang et al. 2021,
    doi:10.1145/3404835.3462875); the loss is that of BPR.

    Args:
        pairs: the order of the steps (m,), and user and item of each pair (m,).
        history: indptr and sorted indices of the users' items.
        factors: of users (n, f) and items (k, f), and the strength of the items (k,), which stays.
        how: learning rate and weight decay.
        rng: of the draws.
    """
    order, user, item = pairs
    users, items, strength = factors
    rate, reg = how[0], how[1]
    right, drawn = 0, 0
    for t in order:
        u, i = user[t], item[t]
        j = _rival(u, history, len(items), rng)
        if j < 0:
            continue
        a, b = _dot(users[u], items[i]), _dot(users[u], items[j])
        slope_a, slope_b = np.exp(min(a, 0.0)), np.exp(min(b, 0.0))
        ahead = (slope_a + max(a, 0.0)) * strength[i] - (slope_b + max(b, 0.0)) * strength[j]
        right += ahead > 0.0
        drawn += 1
        push = _sigmoid(-ahead)
        up, down = push * slope_a * strength[i], push * slope_b * strength[j]
        for f in range(users.shape[1]):
            x, y, z = users[u, f], items[i, f], items[j, f]
            users[u, f] += rate * (up * y - down * z - reg * x)
            items[i, f] += rate * (up * x - reg * y)
            items[j, f] -= rate * (down * x + reg * z)
    return right / max(drawn, 1)


@kernel
def counterfactual_epoch(
    pairs: tuple[IntArray, IntArray, IntArray],
    history: tuple[AnyArray, AnyArray],
    factors: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the factors in place; the mean log likelihood of the drawn pairs before their steps.

    A pair is a success with probability sigmoid(x'y sigmoid(b_i) sigmoid(a_u)); b and a are also held to tell successes
    on their own (Wei et al. 2021, arXiv 2010.15363). Each pair of the data comes with `how[4]` that are none.

    Args:
        pairs: the order of the steps (m,), and user and item of each pair (m,).
        history: indptr and sorted indices of the users' items.
        factors: of users (n, f) and items (k, f), and what items (k,) and users (n,) are on their own.
        how: learning rate, weight decay, weights of the items' and of the users' own losses, and drawn pairs a step.
        rng: of the draws.
    """
    order, user, item = pairs
    users, items, of_item, of_user = factors
    total, drawn = 0.0, 0
    for t in order:
        u = user[t]
        for draw in range(int(how[4]) + 1):
            i = int(item[t]) if draw == 0 else _rival(u, history, len(items), rng)
            if i < 0:
                continue
            hit = 1.0 if draw == 0 else 0.0
            match, a, b = _dot(users[u], items[i]), _sigmoid(of_user[u]), _sigmoid(of_item[i])
            p = _sigmoid(match * a * b)
            total += np.log(max(p if draw == 0 else 1.0 - p, 1e-12))
            drawn += 1
            gap = hit - p
            for f in range(users.shape[1]):
                x, y = users[u, f], items[i, f]
                users[u, f] += how[0] * (gap * a * b * y - how[1] * x)
                items[i, f] += how[0] * (gap * a * b * x - how[1] * y)
            of_item[i] += how[0] * (gap * match * a * b * (1.0 - b) + how[2] * (hit - b))
            of_user[u] += how[0] * (gap * match * b * a * (1.0 - a) + how[3] * (hit - a))
    return total / max(drawn, 1)
