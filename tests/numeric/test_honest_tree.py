"""The compiled steps of an honest tree against their definitions."""

import numpy as np
import pytest

from dorec.numeric.honest_tree import (
    FILL,
    OUT,
    SPLIT,
    best_cut,
    draw_uses,
    fill_table,
    find_split,
    grow,
    partition,
    relabel,
)


def brute_force_gain(label: np.ndarray, left: np.ndarray) -> float:
    return sum(label[side, 1].sum() ** 2 / label[side, 0].sum() for side in (left, ~left))


def labels(m: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    w, y, weight = rng.normal(size=m), rng.normal(size=m), rng.uniform(0.5, 2.0, size=m)
    out = np.empty((m, 4))
    assert relabel(np.arange(m), w, y, weight, out)
    return out


def test_labels_are_gradients_of_the_local_effect() -> None:
    # moving a unit's weight by d moves the weighted effect by rho d / total
    rng = np.random.default_rng(1)
    w, y, weight = rng.normal(size=50), rng.normal(size=50), np.ones(50)
    out = np.empty((50, 4))
    relabel(np.arange(50), w, y, weight, out)

    def effect(mass: np.ndarray) -> float:
        dw = w - np.average(w, weights=mass)
        return float((mass * dw * y).sum() / (mass * dw * dw).sum())

    for i in (0, 7, 31):
        moved = weight.copy()
        moved[i] += 1e-5
        assert (effect(moved) - effect(weight)) / 1e-5 * 50 == pytest.approx(out[i, 1], rel=1e-3, abs=1e-4)
    assert out[:, 1].sum() == pytest.approx(0.0, abs=1e-9)


def test_a_treatment_that_does_not_vary_has_no_labels() -> None:
    assert not relabel(np.arange(5), np.full(5, 0.3), np.arange(5.0), np.ones(5), np.empty((5, 4)))


@pytest.mark.parametrize("m", [20, 90, 700])
def test_the_best_split_is_that_of_brute_force(m: int) -> None:
    rng = np.random.default_rng(m)
    codes = rng.integers(0, 12, size=(4, m)).astype(np.uint8)
    label, state = labels(m), np.array([3], dtype=np.uint64)
    gain, feature, cut = find_split(
        codes, np.arange(m), label, np.arange(4), 4, np.array([3.0, 0.0]), np.zeros((256, 4)), state
    )
    tried = {
        (f, c): brute_force_gain(label, codes[f] <= c)
        for f in range(4)
        for c in range(11)
        if min(label[codes[f] <= c, 0].sum(), label[codes[f] > c, 0].sum()) >= 3.0
    }
    assert gain == pytest.approx(max(tried.values()))
    assert tried[feature, cut] == pytest.approx(gain)


def test_sides_hold_their_share() -> None:
    code, label = np.repeat(np.arange(10), 10).astype(np.uint8), labels(100)
    label[:, 1] = 0.0
    label[:10, 1] = 100.0  # the best cut of all would set the first bin apart
    table = np.zeros((256, 4))
    for balance, first in ((0.0, 0), (0.3, 2)):
        _, _, size = fill_table(code, np.arange(100), label, table)
        _, where = best_cut(table, size, 1, balance)
        assert where >= first
        assert label[code <= where, 0].sum() >= balance * label[:, 0].sum()


def test_partition_keeps_all_rows() -> None:
    code = np.random.default_rng(0).integers(0, 9, size=40).astype(np.uint8)
    rows = np.arange(40)
    left = partition(rows, code, 4)
    assert (code[rows[:left]] <= 4).all()
    assert (code[rows[left:]] > 4).all()
    assert sorted(rows) == list(range(40))


def test_trees_of_a_bag_draw_from_one_half() -> None:
    used = [draw_uses(1_000, 0.3, 5, tree) != OUT for tree in range(40)]
    assert np.any(used, axis=0).sum() <= 500
    one = draw_uses(1_000, 0.3, 5, 1)
    assert (one == SPLIT).sum() == (one == FILL).sum() == 150
    assert not np.array_equal(one, draw_uses(1_000, 0.3, 5, 2))
    np.testing.assert_array_equal(one, draw_uses(1_000, 0.3, 5, 1))


def test_leaves_hold_the_means_of_the_other_half() -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 40, size=(3, 400)).astype(np.uint8)
    w, y, weight = rng.normal(size=400), rng.normal(size=400), rng.uniform(0.5, 2.0, size=400)
    y += (codes[1] > 20) * w
    feature, cut, child, leaves, importance = grow(codes, w, y, weight, 200, 3, np.array([10.0, 0.05]), 1)
    place = np.zeros(400, dtype=int)
    for i in range(400):
        at = 0
        while feature[at] >= 0:
            at = child[at] + int(codes[feature[at], i] > cut[at])
        place[i] = child[at]
    assert importance.argmax() == 1
    for leaf in range(len(leaves)):
        rows = 200 + np.flatnonzero(place[200:] == leaf)
        assert len(rows) >= 10
        assert len(np.flatnonzero(place[:200] == leaf)) >= 5
        values = [w[rows], y[rows], w[rows] ** 2, w[rows] * y[rows]]
        expected = [np.average(v, weights=weight[rows]) for v in values]
        np.testing.assert_allclose(leaves[leaf], expected, rtol=1e-5, atol=1e-6)


def test_outcomes_of_the_filling_half_choose_no_split() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 40, size=(3, 400)).astype(np.uint8)
    w, y = rng.normal(size=400), rng.normal(size=400)
    other = y.copy()
    other[200:] = rng.normal(size=200) * 100.0
    trees = [grow(codes, w, outcome, np.ones(400), 200, 3, np.array([5.0, 0.05]), 1) for outcome in (y, other)]
    for part in range(3):
        np.testing.assert_array_equal(trees[0][part], trees[1][part])
