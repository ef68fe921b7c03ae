"""One honest tree of a causal forest, compiled: draw, relabel, split, grow (Athey, Tibshirani, Wager 2019).

Outcome and treatment arrive centred by what the covariates predict. A tree is grown on one half of its units, in which
effects are relabelled as gradients of the local moment equation (doi:10.1214/18-AOS1709, section 2.3), and its leaves
are filled from the other half, so that no outcome both chooses a leaf and is averaged in it.
"""

import math
from typing import Any

import numpy as np

from dorec.numeric.compiled import kernel

OUT, SPLIT, FILL = 0, 1, 2  # what a tree uses a unit for
N_BINS = 256
TOP_LEVELS = 4  # of a tree, whose splits count as importance
ROWS_PER_BIN = 4  # of a node, so that no bin is searched in vain
MEANS = 4  # of a leaf: treatment, outcome, treatment squared, treatment times outcome


@kernel
def next_word(state: Any) -> Any:
    """The next 64-bit word of a splitmix64 stream (Steele, Lea, Flood 2014); `state` (1,) uint64 moves on."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def shuffle_front(items: Any, m: int, state: Any) -> None:
    """Put a random sample of `m` items, without replacement, at the front."""
    n = len(items)
    for i in range(min(m, n - 1)):
        j = i + int(next_word(state) % np.uint64(n - i))
        items[i], items[j] = items[j], items[i]


@kernel
def draw_uses(n_groups: int, fraction: float, bag_seed: int, tree_seed: int) -> Any:
    """What a tree uses each group of units for, (n_groups,): nothing, splitting or filling its leaves.

    Trees of one bag share the half of the groups that they may draw from; a tree takes `fraction` of all groups.
    """
    state = np.empty(1, dtype=np.uint64)
    state[0] = np.uint64(bag_seed)
    items = np.arange(n_groups)
    half = n_groups // 2
    shuffle_front(items, half, state)
    state[0] = np.uint64(tree_seed)
    mine = items[:half].copy()
    size = min(half, math.ceil(fraction * n_groups))
    shuffle_front(mine, size, state)
    use = np.zeros(n_groups, dtype=np.uint8)
    for i in range(size):
        use[mine[i]] = SPLIT if i < size // 2 else FILL
    return use


@kernel
def relabel(rows: Any, w: Any, y: Any, weight: Any, label: Any) -> Any:
    """Gradients of the local effect at a node's units, and what else a cut needs, into `label` (units, 4).

    Columns, all times the unit's weight: 1; rho = (w_i - w)(y_i - y - effect (w_i - w)) over the mean spread of w; the
    unit's spread (w_i - w)^2; and 0. Gives False where the treatment does not vary among the units.
    """
    total = mean_w = mean_y = 0.0
    for i in rows:
        total += weight[i]
        mean_w += weight[i] * w[i]
        mean_y += weight[i] * y[i]
    if total <= 0.0:
        return False
    mean_w /= total
    mean_y /= total
    ww = wy = 0.0
    for i in rows:
        dw = w[i] - mean_w
        ww += weight[i] * dw * dw
        wy += weight[i] * dw * (y[i] - mean_y)
    if ww <= 1e-10 * total:
        return False
    effect, scale = wy / ww, total / ww
    for j in range(len(rows)):
        i = rows[j]
        dw = w[i] - mean_w
        label[j, 0] = weight[i]
        label[j, 1] = weight[i] * dw * (y[i] - mean_y - effect * dw) * scale
        label[j, 2] = weight[i] * dw * dw
        label[j, 3] = 0.0
    return True


@kernel
def fill_table(code: Any, rows: Any, label: Any, table: Any) -> Any:
    """Sums of the labels by bin into `table`; the lowest code, bits that codes are shifted by, and the bins used."""
    low, high = 0, N_BINS - 1
    if len(rows) < N_BINS:
        low, high = N_BINS, -1
        for i in rows:
            low = min(low, int(code[i]))
            high = max(high, int(code[i]))
    shift = 0  # a small node doesn't need the finest bins
    while (high - low) >> shift > max(16, len(rows) // ROWS_PER_BIN):
        shift += 1
    size = max(0, (high - low) >> shift) + 1
    for b in range(size):
        for k in range(4):
            table[b, k] = 0.0
    for j in range(len(rows)):
        b = (int(code[rows[j]]) - low) >> shift
        for k in range(4):  # four numbers side by side are one instruction
            table[b, k] += label[j, k]
    return low, shift, size


@kernel
def best_cut(table: Any, size: int, min_leaf: int, balance: float) -> Any:
    """The best threshold between a feature's bins: (gain, bin): bins up to it go left; the bin is -1 where none can be.

    The gain is sum(rho)^2 / weight of both sides. A side needs the weight `min_leaf` and the share `balance` of the
    node's weight and of its spread of the treatment.
    """
    mass = total = varied = 0.0
    for b in range(size):
        mass += table[b, 0]
        total += table[b, 1]
        varied += table[b, 2]
    need, need_spread = max(float(min_leaf), balance * mass), balance * varied
    left = r_left = s_left = 0.0
    best, where = -1.0, -1
    for b in range(size - 1):
        here = table[b, 0]
        if here == 0.0:
            continue
        left += here
        r_left += table[b, 1]
        s_left += table[b, 2]
        if left < need or s_left < need_spread:
            continue
        right, rest = mass - left, total - r_left
        if right < need or varied - s_left < need_spread:
            break
        gain = r_left * r_left * right + rest * rest * left
        gain /= left * right
        if gain > best:
            best, where = gain, b
    return best, where


@kernel
def partition(rows: Any, code: Any, cut: int) -> int:
    """Reorder rows so that those with a code up to `cut` come first; how many they are."""
    i, j = 0, len(rows) - 1
    while i <= j:
        if code[rows[i]] <= cut:
            i += 1
        else:
            rows[i], rows[j] = rows[j], rows[i]
            j -= 1
    return i


@kernel
def fill_leaf(rows: Any, w: Any, y: Any, weight: Any, leaf: Any) -> None:
    """Weighted means of a leaf's units, into `leaf` (4,)."""
    total = a = b = c = d = 0.0
    for i in rows:
        total += weight[i]
        a += weight[i] * w[i]
        b += weight[i] * y[i]
        c += weight[i] * w[i] * w[i]
        d += weight[i] * w[i] * y[i]
    total = total if total > 0.0 else 1.0
    leaf[0], leaf[1], leaf[2], leaf[3] = a / total, b / total, c / total, d / total


@kernel
def find_split(codes: Any, rows: Any, label: Any, features: Any, mtry: int, limits: Any, table: Any, state: Any) -> Any:
    """The best of `mtry` random features at a node: (gain, feature, bin); the feature is -1 where none can be cut."""
    best, feature, cut = 0.0, -1, -1
    shuffle_front(features, mtry, state)
    for k in range(mtry):
        f = features[k]
        low, shift, size = fill_table(codes[f], rows, label, table)
        gain, where = best_cut(table, size, int(limits[0]), limits[1])
        if where >= 0 and gain > best:
            best, feature, cut = gain, f, low + ((where + 1) << shift) - 1
    return best, feature, cut


@kernel
def grow(codes: Any, w: Any, y: Any, weight: Any, n_split: int, mtry: int, limits: Any, seed: int) -> Any:
    """A tree on units whose first `n_split` split and whose others fill the leaves.

    Args:
        codes: (p, m) uint8 bins of the features.
        w, y, weight: (m,) centred treatment and outcome, unit weights.
        limits: (2,) units that a leaf needs, share of a node that each side needs.

    Returns:
        feature (nodes,) int16, -1 at a leaf; cut (nodes,) uint8; child (nodes,) int32: the left node (the right one
        follows), or the leaf's number; leaves (n_leaves, 4) float32; importance (p,) gain of the upper splits.
    """
    p, m = codes.shape
    min_leaf = int(limits[0])
    most = 2 * max(1, n_split // max(1, min_leaf)) + 1
    feature, cut = np.full(most, -1, dtype=np.int16), np.zeros(most, dtype=np.uint8)
    child, depth = np.zeros(most, dtype=np.int32), np.zeros(most, dtype=np.int32)
    leaves = np.empty((most // 2 + 1, MEANS), dtype=np.float32)
    bounds = np.zeros((most, 4), dtype=np.int64)  # of a node in the splitting and in the filling units
    rows, fill = np.arange(n_split).astype(np.int32), np.arange(n_split, m).astype(np.int32)
    label, table = np.empty((n_split, 4), dtype=np.float32), np.zeros((N_BINS, 4), dtype=np.float32)
    features = np.arange(p)
    importance = np.zeros(p)
    state = np.empty(1, dtype=np.uint64)
    state[0] = np.uint64(seed)
    bounds[0, 1], bounds[0, 3] = n_split, m - n_split
    n_nodes, n_leaves, at = 1, 0, 0
    while at < n_nodes:
        a, b, c, d = bounds[at]
        mine, theirs = rows[a:b], fill[c:d]
        found = -1
        if b - a >= 2 * min_leaf and d - c >= 2 * min_leaf and relabel(mine, w, y, weight, label):
            gain, found, where = find_split(codes, mine, label, features, mtry, limits, table, state)
        if found >= 0:
            left = partition(theirs, codes[found], where)
            if left < min_leaf or d - c - left < min_leaf:
                found = -1
        if found < 0:
            child[at] = n_leaves
            fill_leaf(theirs, w, y, weight, leaves[n_leaves])
            n_leaves += 1
        else:
            middle = a + partition(mine, codes[found], where)
            feature[at], cut[at], child[at] = found, where, n_nodes
            bounds[n_nodes, 0], bounds[n_nodes, 1], bounds[n_nodes, 2], bounds[n_nodes, 3] = a, middle, c, c + left
            n_nodes += 1
            bounds[n_nodes, 0], bounds[n_nodes, 1], bounds[n_nodes, 2], bounds[n_nodes, 3] = middle, b, c + left, d
            n_nodes += 1
            depth[n_nodes - 1] = depth[n_nodes - 2] = depth[at] + 1
            if depth[at] < TOP_LEVELS:
                importance[found] += gain
        at += 1
    return (
        feature[:n_nodes].copy(),
        cut[:n_nodes].copy(),
        child[:n_nodes].copy(),
        leaves[:n_leaves].copy(),
        importance,
    )
