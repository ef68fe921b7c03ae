"""The causal order of linear non-Gaussian data, by entropies of residuals, compiled."""

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.compiled import fast_kernel, kernel

GAUSSIAN = (1 + np.log(2 * np.pi)) / 2
K1, K2, GAMMA = 79.047, 7.4129, 0.37457
LOG_2 = np.log(2.0)


def entropy(values: FloatArray) -> float:
    """The entropy of standardised values (n,), by Hyvärinen's (1998) maximum entropy approximation.

    >>> rng = np.random.default_rng(0)
    >>> round(entropy(rng.normal(size=100_000)), 2), round(entropy(rng.uniform(-(3**0.5), 3**0.5, 100_000)), 2)
    (1.42, 1.37)
    """
    return float(_entropy(values, values, 0.0))


@kernel
def entropy_order(columns: FloatArray, precedes: BoolArray) -> IntArray:
    """The order (d,) of DirectLiNGAM: at each step the column least dependent on the residuals that it leaves.

    The measure of Hyvärinen, Smith (2013): for each other column the difference of mutual information between both
    directions, squared where it speaks against the candidate. A candidate whose sum is above another's complete one
    can't win, so the pairs are compared best first and most of them never (as in Shahbazinia et al. 2021).

    Args:
        columns: (d, n), not constant and not collinear; overwritten.
        precedes: (d, d), whether i must stand before j.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(size=2000)
    >>> entropy_order(np.stack([x + 0.5 * rng.uniform(size=2000), x]), np.zeros((2, 2), dtype=np.bool_)).tolist()
    [1, 0]
    """
    d, n = columns.shape
    order, left = np.empty(d, dtype=np.int64), np.ones(d, dtype=np.bool_)
    alone = np.empty(d)
    for step in range(d):
        for i in range(d):
            if left[i]:
                columns[i] -= columns[i].mean()
                columns[i] /= np.sqrt((columns[i] * columns[i]).mean())
                alone[i] = _entropy(columns[i], columns[i], 0.0)
        first = _most_exogenous(columns, left, precedes, alone)
        order[step] = first
        left[first] = False
        for i in range(d):
            if left[i]:
                columns[i] -= _dot(columns[i], columns[first]) / n * columns[first]
    return order


@kernel
def _most_exogenous(columns: FloatArray, left: BoolArray, precedes: BoolArray, alone: FloatArray) -> int:
    """The candidate with the least sum, found by always extending the least partial sum by one pair."""
    d, n = columns.shape
    total, candidate = np.zeros(d), left.copy()
    for i in range(d):
        for j in range(d):
            if left[j] and precedes[j, i]:
                candidate[i] = False
    compared = np.zeros((d, d), dtype=np.bool_)
    while True:
        best = -1
        for i in range(d):
            if candidate[i] and (best < 0 or total[i] < total[best]):
                best = i
        other = -1
        for j in range(d):
            if left[j] and j != best and not compared[best, j] and (other < 0 or total[j] < total[other]):
                other = j
        if other < 0:
            return best
        r = _dot(columns[best], columns[other]) / n
        x, y = columns[best], columns[other]
        gain = alone[other] + _entropy(x, y, r) - alone[best] - _entropy(y, x, r)
        total[best] += min(0.0, gain) ** 2
        total[other] += min(0.0, -gain) ** 2
        compared[best, other] = compared[other, best] = True


@fast_kernel
def _dot(x: FloatArray, y: FloatArray) -> float:
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@fast_kernel
def _entropy(x: FloatArray, y: FloatArray, r: float) -> float:
    """The entropy of x - r y at variance one, for x and y of variance one and correlation r."""
    scale = 1.0 / np.sqrt(1.0 - r * r)
    size, product, logs, bump = 0.0, 1.0, 0.0, 0.0  # log cosh u = |u| + log(1 + exp(-2 |u|)) - log 2
    for i in range(len(x)):
        u = (x[i] - r * y[i]) * scale
        size += abs(u)
        product *= 1.0 + np.exp(-2.0 * abs(u))
        if i % 512 == 511:  # one logarithm for many: the product stays below 2^512
            logs += np.log(product)
            product = 1.0
        bump += u * np.exp(-0.5 * u * u)
    n = len(x)
    log_cosh = size + logs + np.log(product) - n * LOG_2
    return GAUSSIAN - K1 * (log_cosh / n - GAMMA) ** 2 - K2 * (bump / n) ** 2
