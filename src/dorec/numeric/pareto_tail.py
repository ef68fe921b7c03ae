"""How heavy a tail is: the shape of the generalised Pareto distribution that its largest values follow."""

import numpy as np

from dorec.numeric.arrays import FloatArray


def tail_index(values: FloatArray) -> float:
    """The shape k of the largest values' generalised Pareto distribution: moments of order 1 / k and above don't exist.

    The tail is the largest min(20%, 3 sqrt(n)) of the values, as in Vehtari, Simpson, Gelman, Yao and Gabry (2024,
    JMLR 25(72)); the fit is that of Zhang and Stephens (2009, doi:10.1198/tech.2009.08017) with its weak prior. NaN
    where fewer than 5 values are in the tail; negative for a bounded one.

    >>> u = (np.arange(4000) + 0.5) / 4000
    >>> round(tail_index(u**-0.5), 1), tail_index(u) < 0
    (0.5, True)
    """
    n = len(values)
    m = int(min(0.2 * n, 3 * np.sqrt(n)))
    if m < 5:
        return float("nan")
    top = np.sort(np.partition(values, n - m - 1)[n - m - 1 :])
    excess = top[1:] - top[0]
    if excess[-1] <= 0:  # no value stands out
        return -np.inf
    excess = excess[excess > 0]
    return _shape(excess) if len(excess) >= 5 else float("nan")


def _shape(excess: FloatArray) -> float:
    """Zhang and Stephens' estimate from sorted excesses above 0, (m,)."""
    m = len(excess)
    n_points = 30 + int(np.sqrt(m))
    quartile = excess[int(m / 4 + 0.5) - 1]
    theta = 1 / excess[-1] + (1 - np.sqrt(n_points / (np.arange(1, n_points + 1) - 0.5))) / (3 * quartile)
    shape = np.log1p(-theta[:, None] * excess).mean(axis=1)
    # where theta is 0, as equal excesses can make it, the ratio is the limit: an exponential tail
    ratio = np.divide(-theta, shape, out=np.full(n_points, 1 / excess.mean()), where=shape != 0)
    profile = m * (np.log(ratio) - shape - 1)
    weight = np.exp(profile - profile.max())
    mean = float((theta * weight).sum() / weight.sum())
    k = float(np.log1p(-mean * excess).mean())
    return (k * m + 0.5 * 10) / (m + 10)
