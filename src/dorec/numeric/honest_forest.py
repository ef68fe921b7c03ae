"""A forest of honest trees on binned features: growing it, predicting effects, and the variance by little bags."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import kernel, ranges, run_parts
from dorec.numeric.honest_tree import FILL, MEANS, OUT, SPLIT, draw_uses, grow

Codes = NDArray[np.uint8]
QUANTILE_ROWS = 100_000  # that tell quantiles well enough
ROWS_AT_ONCE = 10_000  # that are predicted


def bin_edges(X: FloatArray, n_bins: int = 255) -> tuple[FloatArray, ...]:
    """Thresholds between the bins of each column of X (n, p): between its levels where they are few, else quantiles.

    >>> bin_edges(np.array([[0.0], [1.0], [1.0], [3.0]]))[0].tolist()
    [0.5, 2.0]
    """
    edges = []
    for column in X[:: max(1, len(X) // QUANTILE_ROWS)].T:
        levels = np.unique(column)
        if len(levels) > n_bins:
            levels = np.unique(np.quantile(column, np.linspace(0, 1, n_bins), method="inverted_cdf"))
        edges.append(levels[:-1] + np.diff(levels) / 2)
    return tuple(edges)


def to_codes(X: FloatArray, edges: tuple[FloatArray, ...]) -> Codes:
    """The bin of each value of X (n, p), as (p, n): how many thresholds lie below it."""
    return np.stack([np.searchsorted(e, column).astype(np.uint8) for e, column in zip(edges, X.T, strict=True)])


@dataclass(frozen=True, eq=False)
class HonestForest:
    """Trees one after the other; a tree's nodes and leaves are numbered from its own start."""

    edges: tuple[FloatArray, ...]  # (p,) of thresholds
    feature: NDArray[np.int16]  # (nodes,)
    cut: Codes  # (nodes,)
    child: NDArray[np.int32]  # (nodes,)
    node_start: IntArray  # (trees,)
    leaves: NDArray[np.float32]  # (leaves, 4)
    leaf_start: IntArray  # (trees,)
    seeds: tuple[IntArray, IntArray]  # (bags,), (trees,)
    fraction: float
    importance: FloatArray  # (p,) shares of the upper splits' gain

    @property
    def bag_size(self) -> int:
        """Trees of a bag."""
        return len(self.node_start) // len(self.seeds[0])

    def predict(
        self, X: FloatArray, threads: int = 1, smooth: Callable[[FloatArray], FloatArray] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Effect and its variance for each row of X (n, p), (n,) each.

        Args:
            X: (n, p), in the columns that the forest was grown on.
            threads: rows are shared among so many.
            smooth: gives for rows of X the part of the effect, (n, bags), that was taken off the outcomes which filled
                the leaves of each bag; it is put back.
        """
        out = np.empty((len(X), 2))
        trees = (self.feature, self.cut, self.child, self.node_start, self.leaves, self.leaf_start)

        def work(start: int, stop: int) -> None:
            codes = np.ascontiguousarray(to_codes(X[start:stop], self.edges).T)
            part = np.zeros((stop - start, len(self.seeds[0]))) if smooth is None else smooth(X[start:stop])
            predict_rows(codes, part, *trees, self.bag_size, out[start:stop])

        parts = max(threads, -(-len(X) // ROWS_AT_ONCE), 1)
        run_parts(work, list(ranges(len(X), min(parts, max(1, len(X))))), threads)
        return out[:, 0], out[:, 1]

    def predict_out_of_bag(
        self,
        codes: Codes,
        group: IntArray,
        trees: Iterable[int] | None = None,
        smooth: Callable[[int], FloatArray] | None = None,
    ) -> FloatArray:
        """Effect of each of the units (n,) that the forest was grown on, from the trees that did not draw it.

        Args:
            codes: (p, n), in the order in which they were grown.
            group: (n,) as for `grow_forest`; -1 for a unit that no tree could draw.
            trees: which of them are asked, all by default.
            smooth: gives the part of the effect (n,) that was taken off the outcomes of a bag.
        """
        rows = np.ascontiguousarray(codes.T)
        sums, part, bag = np.zeros((len(rows), MEANS + 2)), np.zeros(len(rows)), -1
        n_groups = int(group.max()) + 1
        for t in trees if trees is not None else range(len(self.node_start)):
            use = draw_uses(n_groups, self.fraction, int(self.seeds[0][t // self.bag_size]), int(self.seeds[1][t]))
            if smooth is not None and bag != t // self.bag_size:
                bag = t // self.bag_size
                part = np.asarray(smooth(bag), dtype=np.float64)
            add_unused(
                rows, part, group, use, self.feature, self.cut, self.child, self.node_start[t], self.leaves,
                self.leaf_start[t], sums,
            )  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore"):
            a, b, c, d, level = (sums[:, : MEANS + 1] / sums[:, MEANS + 1 :]).T
            return np.asarray(level + (d - a * b) / (c - a * a))


def grow_forest(
    codes: Codes,
    edges: tuple[FloatArray, ...],
    w: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    group: IntArray,
    *,
    seeds: tuple[IntArray, IntArray],
    fraction: float,
    mtry: int,
    min_leaf: int,
    balance: float,
    each: Callable[[Callable[[int], Any], int], list[Any]],
    smooth: Callable[[int], FloatArray] | None = None,
) -> HonestForest:
    """Grow a tree for each of the tree seeds; `each(function, count)` maps over the bags.

    Args:
        codes: (p, n) bins.
        w, y, weight: (n,) centred treatment, centred outcome, unit weights.
        group: (n,) codes from 0 of units that are drawn together.
        smooth: gives a part of the effect (n,) for a bag, which is taken off the outcomes that fill its trees' leaves;
            splits see the whole effect.
    """
    n_groups, size = int(group.max()) + 1, len(seeds[1]) // len(seeds[0])
    limits = np.array([float(min_leaf), balance])

    def one_bag(bag: int) -> list[Any]:
        rest = y if smooth is None else y - w * smooth(bag)
        return [one_tree(bag, t, rest) for t in range(bag * size, (bag + 1) * size)]

    def one_tree(bag: int, t: int, rest: FloatArray) -> Any:
        use = draw_uses(n_groups, fraction, int(seeds[0][bag]), int(seeds[1][t]))[group]
        split, fill = np.flatnonzero(use == SPLIT), np.flatnonzero(use == FILL)
        rows = np.concatenate([split, fill])
        taken = np.take(codes, rows, axis=1)
        outcome = np.concatenate([y[split], rest[fill]])
        return grow(taken, w[rows], outcome, weight[rows], len(split), mtry, limits, int(seeds[1][t]) ^ 0x5DEECE66D)

    trees = [tree for bag in each(one_bag, len(seeds[0])) for tree in bag]
    importance = np.sum([tree[4] for tree in trees], axis=0)
    sizes = np.array([[len(tree[0]), len(tree[3])] for tree in trees])
    starts = np.cumsum(sizes, axis=0) - sizes
    return HonestForest(
        edges=edges,
        feature=np.concatenate([tree[0] for tree in trees]),
        cut=np.concatenate([tree[1] for tree in trees]),
        child=np.concatenate([tree[2] for tree in trees]),
        node_start=np.ascontiguousarray(starts[:, 0]),
        leaves=np.concatenate([tree[3] for tree in trees]),
        leaf_start=np.ascontiguousarray(starts[:, 1]),
        seeds=seeds,
        fraction=fraction,
        importance=importance / (importance.sum() or 1.0),
    )


def half_samples(n_groups: int, bag_seeds: IntArray) -> NDArray[np.int8]:
    """Which groups each bag may draw, (bags, n_groups): 1 for its half, -1 for the others.

    >>> half_samples(4, np.array([3, 8])).sum(axis=1).tolist()
    [0, 0]
    """
    return np.stack([np.where(draw_uses(n_groups, 0.5, int(s), 0) == OUT, -1, 1).astype(np.int8) for s in bag_seeds])


@kernel
def find_leaf(code: Any, feature: Any, cut: Any, child: Any, start: int) -> int:
    """The leaf, numbered within its tree, to which a row (p,) of bins falls."""
    at = start
    while feature[at] >= 0:
        at = start + child[at] + (1 if code[feature[at]] > cut[at] else 0)
    return int(child[at])


@kernel
def predict_rows(
    codes: Any, smooth: Any, feature: Any, cut: Any, child: Any, node_start: Any, leaves: Any, leaf_start: Any,
    bag: int, out: Any,
) -> None:  # fmt: skip
    """Effect and variance of each row into `out` (n, 2); the variance is the bootstrap of little bags.

    `smooth` (n, bags) is what a bag's leaves lack of the effect.

    Athey, Tibshirani, Wager 2019, section 4.1: the variance between bags, each a half-sample, less what the trees of
    a bag differ by; kept positive by its mean under a flat prior on positive values.
    """
    n_trees = len(node_start)
    n_bags = n_trees // bag
    means = np.empty((n_trees, MEANS))
    for i in range(len(codes)):
        total = np.zeros(MEANS)
        for t in range(n_trees):
            leaf = leaf_start[t] + find_leaf(codes[i], feature, cut, child, node_start[t])
            for k in range(MEANS):
                means[t, k] = leaves[leaf, k]
                total[k] += means[t, k]
        w, y, ww, wy = total / n_trees
        spread = ww - w * w
        effect = (wy - w * y) / spread if spread > 0.0 else 0.0
        level = y - effect * w
        lacking = smooth[i].mean()
        between = within = 0.0
        for g in range(n_bags):
            first, second = 0.0, 0.0
            apart = (smooth[i, g] - lacking) * spread
            for t in range(g * bag, (g + 1) * bag):
                m = means[t]
                score = m[3] - w * m[1] - level * (m[0] - w) - effect * (m[2] - w * m[0]) + apart
                first += score
                second += score * score
            between += (first / bag) ** 2
            within += second / bag - (first / bag) ** 2
        out[i, 0] = effect + lacking
        out[i, 1] = _positive(between / n_bags, within / n_bags / max(1, bag - 1), n_bags) / max(spread, 1e-12) ** 2


@kernel
def _positive(between: float, noise: float, n_bags: int) -> float:
    """The variance between bags less noise, kept positive, and the error of having finitely many bags."""
    found, error = between - noise, max(between, noise) * math.sqrt(2.0 / n_bags)
    if error <= 0.0:
        return 0.0
    ratio = found / error
    if ratio < -30.0:
        return between / n_bags
    density = math.exp(-0.5 * ratio * ratio) / math.sqrt(2.0 * math.pi)
    return found + error * density / (0.5 * math.erfc(-ratio / math.sqrt(2.0))) + between / n_bags


@kernel
def add_unused(
    codes: Any, smooth: Any, group: Any, use: Any, feature: Any, cut: Any, child: Any, start: int, leaves: Any,
    leaf_start: int, sums: Any,
) -> None:  # fmt: skip
    """Add a tree's leaf means, its smooth part (n,) and 1 to `sums` (n, 6) of the rows that the tree did not draw."""
    for i in range(len(codes)):
        if group[i] >= 0 and use[group[i]] != OUT:
            continue
        leaf = leaf_start + find_leaf(codes[i], feature, cut, child, start)
        for k in range(MEANS):
            sums[i, k] += leaves[leaf, k]
        sums[i, MEANS] += smooth[i]
        sums[i, MEANS + 1] += 1.0
