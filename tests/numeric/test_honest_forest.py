"""Bins, predictions and the variance of a forest against a plain computation."""

import numpy as np
import pytest

from dorec.numeric.honest_forest import HonestForest, bin_edges, grow_forest, to_codes
from dorec.numeric.honest_tree import OUT, draw_uses


def forest(n: int = 600, trees: int = 40, seed: int = 0) -> tuple[HonestForest, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 3, size=n)])
    w = rng.integers(0, 2, size=n) - 0.5
    y = w * (X[:, 0] > 0) * 2.0 + 0.5 * rng.normal(size=n)
    edges = bin_edges(X)
    codes = to_codes(X, edges)
    words = rng.integers(0, 2**62, size=trees + trees // 4)
    grown = grow_forest(
        codes,
        edges,
        w,
        y,
        np.ones(n),
        np.arange(n),
        seeds=(words[trees:], words[:trees]),
        fraction=0.4,
        mtry=2,
        min_leaf=5,
        balance=0.05,
        each=lambda function, count: [function(i) for i in range(count)],
    )
    return grown, X, codes


def tree_means(grown: HonestForest, code: np.ndarray) -> np.ndarray:
    """Leaf means of every tree for one row (p,) of bins, (trees, 4)."""
    out = []
    for start, first in zip(grown.node_start, grown.leaf_start, strict=True):
        at = start
        while grown.feature[at] >= 0:
            at = start + grown.child[at] + int(code[grown.feature[at]] > grown.cut[at])
        out.append(grown.leaves[first + grown.child[at]])
    return np.array(out, dtype=np.float64)


def ratio(means: np.ndarray) -> float:
    w, y, ww, wy = means.mean(axis=0)
    return float((wy - w * y) / (ww - w * w))


def test_bins_keep_the_order_and_few_levels_apart() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=5_000), rng.integers(0, 4, size=5_000)])
    codes = to_codes(X, bin_edges(X))
    assert codes.dtype == np.uint8
    order = np.argsort(X[:, 0])
    assert (np.diff(codes[0][order].astype(int)) >= 0).all()
    assert np.bincount(codes[0]).max() < 60
    np.testing.assert_array_equal(codes[1], X[:, 1])
    assert (to_codes(3.0 * X + 1.0, bin_edges(3.0 * X + 1.0)) == codes).all()


def test_predictions_are_ratios_of_local_moments() -> None:
    grown, X, codes = forest()
    effect, variance = grown.predict(X[:20])
    for i in range(20):
        assert effect[i] == pytest.approx(ratio(tree_means(grown, codes[:, i])), rel=1e-6)
    assert (variance > 0).all()
    np.testing.assert_array_equal(grown.predict(X[:20], threads=3)[0], effect)


def test_effects_are_found() -> None:
    grown, *_ = forest(n=3_000, trees=100)
    effect, variance = grown.predict(np.array([[-1.0, 1.0], [1.0, 1.0]]))
    assert effect == pytest.approx([0.0, 2.0], abs=0.25)
    assert (np.sqrt(variance) < 0.25).all()
    assert grown.importance[0] > 0.9


def test_out_of_bag_effects_come_from_trees_that_did_not_draw_the_unit() -> None:
    grown, X, codes = forest()
    n = len(X)
    found = grown.predict_out_of_bag(codes, np.arange(n))
    uses = np.array(
        [draw_uses(n, grown.fraction, int(grown.seeds[0][t // 4]), int(grown.seeds[1][t])) for t in range(40)]
    )
    for i in (0, 5, 77):
        free = uses[:, i] == OUT
        assert 0 < free.sum() < 40
        assert found[i] == pytest.approx(ratio(tree_means(grown, codes[:, i])[free]), rel=1e-5)
    others = grown.predict_out_of_bag(codes, np.where(np.arange(n) == 5, -1, np.arange(n)))
    assert others[5] == pytest.approx(ratio(tree_means(grown, codes[:, 5])), rel=1e-5)


def test_variance_is_that_between_bags_less_that_within() -> None:
    grown, X, codes = forest(n=2_000, trees=400)
    effect, variance = grown.predict(X[:30])
    plain = []
    for i in range(30):
        means = tree_means(grown, codes[:, i])
        w, y, ww, _ = means.mean(axis=0)
        level = y - effect[i] * w
        score = means[:, 3] - w * means[:, 1] - level * (means[:, 0] - w) - effect[i] * (means[:, 2] - w * means[:, 0])
        bags = score.reshape(-1, 4)
        noise = bags.var(axis=1).mean() / 3
        plain.append(((bags.mean(axis=1) ** 2).mean() - noise) / (ww - w * w) ** 2)
    assert np.mean(variance) == pytest.approx(np.mean(plain), rel=0.1)
    assert (variance >= np.array(plain) - 1e-12).all()
