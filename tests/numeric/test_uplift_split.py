"""Splits of uplift trees against the paper's formulae, written out over every possible cut."""

import math

import numpy as np
import pytest

from dorec.numeric.honest_forest import bin_edges, to_codes
from dorec.numeric.uplift_split import CHI, EUCLIDEAN, KL, best_cut, divergence, grow_uplift_tree, impurity

KINDS = {"kl": KL, "euclidean": EUCLIDEAN, "chi": CHI}


def clipped(q: float) -> float:
    return min(max(q, 1e-6), 1 - 1e-6)


def far(kind: str, p: float, q: float) -> float:
    """Over the two outcomes, as the paper sums them."""
    if kind == "euclidean":
        return (p - q) ** 2 + ((1 - p) - (1 - q)) ** 2
    at, rest = clipped(q), 1 - clipped(q)
    if kind == "chi":
        return (p - at) ** 2 / at + ((1 - p) - rest) ** 2 / rest
    return sum(a * math.log(a / b) for a, b in ((p, at), (1 - p, rest)) if a > 0)


def mixed(kind: str, *shares: float) -> float:
    if kind == "kl":
        return -sum(s * math.log(s) for s in shares if s > 0)
    return 1 - sum(s * s for s in shares)


def gain(kind: str, y: np.ndarray, t: np.ndarray, left: np.ndarray, alpha: float, normalise: bool) -> float:
    """The gain of a cut, arms 0 (control), 1, ...; no smoothing of shares."""
    k = int(t.max()) + 1

    def apart(rows: np.ndarray) -> float:
        p = [y[rows & (t == a)].mean() for a in range(k)]
        control = np.mean([far(kind, p[a], p[0]) for a in range(1, k)])
        if k == 2:
            return float(control)
        pairs = [far(kind, p[a], p[b]) for a in range(1, k) for b in range(1, k) if a != b]
        return float(alpha * control + (1 - alpha) * np.mean(pairs))

    n, everyone = len(y), np.ones(len(y), dtype=bool)
    found = left.sum() / n * apart(left) + (~left).sum() / n * apart(~left) - apart(everyone)
    if not normalise:
        return found
    size = [int((t == a).sum()) for a in range(k)]
    went = [left[t == a].mean() for a in range(k)]
    treated = sum(size[1:])
    pooled = left[t > 0].mean()
    w = alpha if k > 2 else 1.0
    bound = w * mixed(kind, treated / n, size[0] / n) * far(kind, pooled, went[0]) + 0.5
    bound += size[0] / n * mixed(kind, went[0], 1 - went[0])
    for a in range(1, k):
        both = size[a] + size[0]
        bound += (1 - w) * mixed(kind, size[a] / both, size[0] / both) * far(kind, went[a], went[0])
        bound += size[a] / n * mixed(kind, went[a], 1 - went[a])
    return found / bound


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("k", [2, 3])
def test_the_first_split_is_the_best_of_all(kind: str, normalise: bool, k: int) -> None:
    for seed in range(6):
        rng = np.random.default_rng([k, seed])
        X = rng.integers(0, 6, size=(60, 3)).astype(float)
        t, y = np.arange(60) % k, rng.integers(0, 2, size=60).astype(float)
        best, where = 0.0, None
        for f in range(3):
            for cut in np.unique(X[:, f])[:-1]:
                left = X[:, f] <= cut
                if min(np.bincount(t[left], minlength=k).min(), np.bincount(t[~left], minlength=k).min()) < 3:
                    continue
                worth = gain(kind, y, t, left, 0.9, normalise)
                if worth > best + 1e-12:
                    best, where = worth, (f, cut)
        edges = bin_edges(X)
        limits = np.array([1.0, 3.0, 0.9, 0.0])
        feature, cut, _, gains = grow_uplift_tree(
            to_codes(X, edges), t, np.ones(60), y, KINDS[kind], normalise, limits, k
        )
        assert where is not None
        assert gains[0] == pytest.approx(best, rel=1e-9, abs=1e-12)
        values = np.unique(X[:, feature[0]])
        assert (int(feature[0]), values[cut[0]]) == where


def test_a_published_formula_for_two_arms() -> None:
    """KL gain over entropy-based normalisation: the numbers of a 2 x 2 table worked out by hand."""
    y = np.array([1, 1, 1, 0, 0, 0, 0, 1] * 2, dtype=float)
    t = np.array([1, 1, 0, 0, 1, 1, 0, 0] * 2)
    left = np.array([1, 1, 1, 1, 0, 0, 0, 0] * 2, dtype=bool)
    # left: treated 1.0, control .5; right: treated 0, control .5; before: .5 and .5
    by_hand = 0.5 * math.log(1 / 0.5) + 0.5 * math.log(1 / 0.5)
    bound = 0.5 + 0.5 * math.log(2) + 0.5 * math.log(2)  # the arms are cut alike, each in halves
    table = np.zeros((2, 2, 3))
    for b, rows in enumerate((left, ~left)):
        for a in range(2):
            table[b, a] = (rows & (t == a)).sum(), (rows & (t == a)).sum(), y[rows & (t == a)].sum()
    value, where = best_cut(KL, table, table.sum(axis=0), 1.0, True, 0.9, 0.0)
    assert where == 0
    assert value == pytest.approx(by_hand / bound)
    assert gain("kl", y, t, left, 0.9, True) == pytest.approx(by_hand / bound)


def test_divergences_are_0_only_for_equal_shares() -> None:
    for kind in KINDS.values():
        assert divergence(kind, 0.3, 0.3) == pytest.approx(0.0, abs=1e-15)
        assert divergence(kind, 0.3, 0.4) > 0
        assert math.isfinite(divergence(kind, 1.0, 0.0))
        assert impurity(kind, 0.5) > impurity(kind, 0.4) > impurity(kind, 0.0)


def test_every_leaf_holds_enough_of_each_arm_and_deeper_cuts_lie_within() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(2000, 4))
    t = rng.integers(0, 2, size=2000)
    y = (rng.random(2000) < 0.3 + 0.3 * t * (X[:, 0] > 0) - 0.2 * t * (X[:, 1] > 0)).astype(float)
    edges = bin_edges(X)
    codes = to_codes(X, edges)
    limits = np.array([4.0, 50.0, 0.9, 1.0])
    feature, cut, left, gains = grow_uplift_tree(codes, t, np.ones(2000), y, KL, True, limits, 2)
    at = np.zeros(2000, dtype=int)
    while (feature[at] >= 0).any():
        inner = feature[at] >= 0
        go = codes[np.maximum(feature[at], 0), np.arange(2000)] > cut[at]
        at = np.where(inner, left[at] + go, at)
    counts = [np.bincount(t[at == leaf], minlength=2).min() for leaf in np.unique(at)]
    assert min(counts) >= 50
    assert set(np.flatnonzero(feature < 0)) == set(np.unique(at))
    assert {int(feature[0]), *feature[1:3].tolist()} >= {0, 1}
    assert (gains[feature >= 0] > 0).all()
