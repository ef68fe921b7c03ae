"""RATE: how far a ranking puts large effects first (Yadlowsky et al. 2025, doi:10.1080/01621459.2024.2393466)."""

from typing import Literal

import numpy as np
from scipy import stats

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.evaluate.uplift import METHOD, qini, ranked
from dorec.numeric.arrays import AnyArray, FloatArray


def rate(
    effects: AnyArray,
    scores: AnyArray,
    *,
    target: Literal["autoc", "qini"] = "autoc",
    sample: str = "",
    cluster: AnyArray | None = None,
) -> Estimate:
    """Rank-weighted average treatment effect: 0 where the ranking is worth nothing.

    The curve TOC(q) is the average effect of the best share q of the units less that of all. "autoc" is the area under
    it, which looks at the very best units; "qini" weights it by q, and is `qini`. Ties are taken in a random order, in
    expectation. The influence counts that a unit moves the ranks of others.

    Args:
        effects: predicted effects or any other priority (n,), or (n, k - 1): then each unit's best arm. They must not
            have seen the units' own outcomes.
        scores: orthogonal scores (n, k) as of `EffectModel.scores`, or for two arms their contrast (n,).
        target: which weights.

    Example:
        >>> round(rate(np.array([3.0, 2.0, 1.0]), np.array([2.0, 0.0, 1.0])).value, 3)
        0.333
        >>> rate(np.zeros(3), np.array([2.0, 0.0, 1.0])).value
        0.0
    """
    if target == "qini":
        return qini(effects, scores, sample=sample, cluster=cluster)
    if target != "autoc":
        raise InputError(f"target is {target!r}; allowed: 'autoc', 'qini'.")
    effect, contrast = ranked(effects, scores)
    value, influence = autoc(effect, contrast)
    return Estimate(value, influence, name="AUTOC", method=METHOD, sample=sample, cluster=cluster)


def autoc(effect: FloatArray, contrast: FloatArray) -> tuple[float, FloatArray]:
    """Area under TOC and its influence (n,), for effects (n,) by which units are ranked and score contrasts (n,).

    The i-th best of n units counts sum_{j >= i} 1 / j, the number of its averages over the best j, less 1.
    """
    n = len(effect)
    _, code, count = np.unique(-effect, return_inverse=True, return_counts=True)
    tails = np.cumsum((1.0 / np.arange(1, n + 1))[::-1])[::-1]
    ends = np.cumsum(count)
    sums = np.concatenate([[0.0], np.cumsum(tails)])
    weight = (np.diff(sums[np.concatenate([[0], ends])]) / count)[code] - 1.0
    total = float((contrast * weight).mean())
    # one more unit above a place at rank u takes d(-log u) = -1/u off its weight
    place = (stats.rankdata(-effect) - 0.5) / n
    by_level = np.bincount(code, weights=(contrast - contrast.mean()) / place, minlength=len(count))
    below = by_level.sum() - np.cumsum(by_level)
    moved = (below + 0.5 * by_level)[code] / n
    own = (contrast - contrast.mean()) * weight
    raw = own - moved
    return total, np.asarray(raw - raw.mean())
