"""Lower bounds on a mean that hold at every look, by betting against it (Waudby-Smith, Ramdas, arXiv 2010.09686)."""

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import kernel

MOST = 0.75  # of what one bet may lose


@kernel
def bets(scores: FloatArray, alpha: float) -> FloatArray:
    """How much is bet on each score (n,), decided from the scores before it, in [0, 0.75].

    >>> bets(np.array([0.2, 0.4, 0.1]), 0.05).round(2).tolist()
    [0.75, 0.75, 0.75]
    """
    out = np.empty(len(scores))
    total, squares = 0.5, 0.25
    for t in range(len(scores)):
        variance = squares / (t + 1.0)
        size = np.sqrt(2.0 * np.log(1.0 / alpha) / (variance * (t + 1.0) * np.log(t + 2.0)))
        out[t] = min(size, MOST)
        total += scores[t]
        squares += (scores[t] - total / (t + 2.0)) ** 2
    return out


@kernel
def lower_bounds(scores: FloatArray, alpha: float, looks: IntArray) -> FloatArray:
    """Bounds (k,) after the first `looks` (k,) scores that all hold at once, and at all looks between, at 1 - alpha.

    Whoever bets that scores exceed m, on a mean of m, multiplies his stake by 1 / alpha at some time with probability
    alpha at most (Ville 1939): every m against which the bets did so is below the mean.

    Args:
        scores: (n,) of 0 or more, each with the same mean given those before, a mean of 1 at most; no upper bound.
        alpha: the chance that any bound is above the mean.
        looks: (k,) rising counts of scores.

    >>> lower_bounds(np.full(2000, 0.6), 0.05, np.array([1, 100, 2000])).round(2).tolist()
    [0.0, 0.56, 0.6]
    """
    stake = bets(scores, alpha)
    goal = np.log(1.0 / alpha)
    out = np.zeros(len(looks))
    bound = 0.0
    for k in range(len(looks)):
        # the log of the wealth is concave and falls in m: Newton's steps meet the root from above
        m, wealth, slope = bound, 0.0, 0.0
        for step in range(60):
            wealth, slope = -goal, 0.0
            for i in range(looks[k]):
                factor = 1.0 + stake[i] * (scores[i] - m)
                wealth += np.log(factor)
                slope -= stake[i] / factor
            if (step == 0 and wealth <= 0.0) or slope == 0.0:
                break
            nearer = min(m - wealth / slope, 1.0)
            done = abs(nearer - m) < 1e-10
            m = nearer
            if done:
                break
        bound = max(bound, m - 1e-9)
        out[k] = bound
    return out
