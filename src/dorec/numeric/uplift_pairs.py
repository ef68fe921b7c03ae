"""One pass of stochastic gradient descent over pairs of exposures: a likely effect above an unlikely one."""

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import kernel
from dorec.numeric.pairwise_factors import TRIES, _move, _score


@kernel
def uplift_pairs_epoch(
    positive: tuple[IntArray, IntArray, IntArray, BoolArray],
    negative: tuple[IntArray, IntArray, BoolArray],
    factors: tuple[FloatArray, FloatArray, FloatArray],
    how: FloatArray,
    rng: np.random.Generator,
) -> float:
    """Move the factors in place; the share of drawn pairs that were in the right order before their step.

    Args:
        positive: the order of the steps (p,), and of each row its user, its item, and whether it is positive for sure;
            one that is not counts with probability `how[2]`.
        negative: indptr (n + 1,) of the users' rows, their items, and whether each is negative for sure; one that is
            not is passed over with probability `how[2]`.
        factors: of users (n, f) and items (k, f), and the items' biases (k,).
        how: learning rate, weight decay, and the probability that a row that is not sure is positive.
        rng: of the draws.
    """
    order, user, item, is_positive = positive
    indptr, against, is_negative = negative
    users, items, bias = factors
    right, drawn = 0, 0
    for t in order:
        u, i = user[t], item[t]
        start, stop = indptr[u], indptr[u + 1]
        if start == stop or not (is_positive[t] or rng.random() < how[2]):
            continue
        for _ in range(TRIES):
            q = int(rng.integers(start, stop))
            if is_negative[q] or rng.random() >= how[2]:
                j = against[q]
                ahead = _score(users[u], items[i], bias[i]) - _score(users[u], items[j], bias[j])
                right += ahead > 0.0
                drawn += 1
                if i != j:
                    _move(factors, (u, i, j), 1.0 / (1.0 + np.exp(min(ahead, 500.0))), how)
                break
    return right / max(drawn, 1)
