"""Attention of a graph's nodes over their neighbours, and its gradient; no edge's weight is ever kept."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dorec.numeric.arrays import IntArray
from dorec.numeric.compiled import fast_kernel, ranges, run_parts
from dorec.numeric.graph_smoothing import PARTS_PER_THREAD, Bipartite, Edges

Single: TypeAlias = NDArray[np.float32]
BEND = np.float32(0.2)  # slope of the leaky rectifier below zero


def attended(edges: Edges, asks: Single, tells: Single, values: Single, threads: int = 1) -> tuple[Single, Single]:
    """What each node reads from its neighbours (n, f), and the log of its softmax's sum (n, h).

    Head a of node i gives neighbour j the weight softmax_j(leaky(asks_ia + tells_ja)) and reads its share of the
    columns of values (Velickovic et al. 2018, arXiv 1710.10903, equations 3 to 5). A node without neighbours reads
    zeros. The answer does not depend on the number of threads. Time is edges x f.

    Args:
        edges: of the nodes that read; their weights are left out.
        asks: (n, h).
        tells: (m, h) of the nodes that are read.
        values: (m, f), f a multiple of h.
        threads: at most.

    Example:
        >>> edges = Edges(np.array([0, 2]), np.array([0, 1]), np.ones(2, dtype=np.float32))
        >>> logits = np.log(np.array([[1.0], [3.0]], dtype=np.float32))
        >>> values = np.array([[0.0], [1.0]], dtype=np.float32)
        >>> attended(edges, np.zeros((1, 1), dtype=np.float32), logits, values)[0].round(4).tolist()
        [[0.75]]
    """
    out, log_mass = np.zeros((len(asks), values.shape[1]), dtype=np.float32), np.zeros_like(asks)

    def rows(start: int, stop: int) -> None:
        _read((start, stop), edges.indptr, edges.indices, (asks, tells, values), (out, log_mass))

    run_parts(rows, list(ranges(len(out), PARTS_PER_THREAD * threads)), threads)
    return out, log_mass


def attention_slopes(
    graph: Bipartite, given: tuple[Single, Single, Single], told: tuple[Single, Single], slope: Single, threads: int = 1
) -> tuple[Single, Single, Single]:
    """The gradients with respect to asks, tells and values of what users read from items.

    Args:
        graph: as seen by those who read (`by_user`) and by those who are read (`by_item`).
        given: asks, tells and values.
        told: what `attended` gave.
        slope: of the loss with respect to what was read, (n, f).
        threads: at most.
    """
    asks, tells, values = given
    out, log_mass = told
    n_heads = asks.shape[1]
    own = (slope * out).reshape(len(out), n_heads, -1).sum(axis=2)  # what a weight's slope is measured from
    to_asks, to_tells, to_values = (np.zeros_like(part) for part in given)
    passed = (asks, tells, values, log_mass, own, slope)

    def readers(start: int, stop: int) -> None:
        _to_readers((start, stop), graph.by_user.indptr, graph.by_user.indices, passed, to_asks)

    def those_read(start: int, stop: int) -> None:
        _to_read((start, stop), graph.by_item.indptr, graph.by_item.indices, passed, (to_tells, to_values))

    for work, n in ((readers, len(asks)), (those_read, len(tells))):
        run_parts(work, list(ranges(n, PARTS_PER_THREAD * threads)), threads)
    return to_asks, to_tells, to_values


@fast_kernel
def _read(
    span: tuple[int, int],
    indptr: IntArray,
    indices: IntArray,
    given: tuple[Single, Single, Single],
    to: tuple[Single, Single],
) -> None:
    asks, tells, values = given
    out, log_mass = to
    n_heads = asks.shape[1]
    width = values.shape[1] // n_heads
    for i in range(span[0], span[1]):
        if indptr[i] == indptr[i + 1]:
            continue
        for a in range(n_heads):
            peak = np.float32(-3e38)  # no infinity: the compiler counts on there being none
            for q in range(indptr[i], indptr[i + 1]):
                x = asks[i, a] + tells[indices[q], a]
                peak = max(peak, x if x > 0 else BEND * x)
            mass = np.float32(0.0)
            for q in range(indptr[i], indptr[i + 1]):
                j = indices[q]
                x = asks[i, a] + tells[j, a]
                share = np.exp((x if x > 0 else BEND * x) - peak)
                mass += share
                for f in range(a * width, (a + 1) * width):
                    out[i, f] += share * values[j, f]
            log_mass[i, a] = peak + np.log(mass)
            for f in range(a * width, (a + 1) * width):
                out[i, f] /= mass


@fast_kernel
def _weight_and_slope(i: int, j: int, a: int, passed: tuple[Single, ...]) -> tuple[float, float]:
    """An edge's weight, and the slope of the loss with respect to what its leaky rectifier was given."""
    asks, tells, values, log_mass, own, slope = passed
    width = values.shape[1] // asks.shape[1]
    x = asks[i, a] + tells[j, a]
    bend = np.float32(1.0) if x > 0 else BEND
    weight = np.exp(bend * x - log_mass[i, a])
    along = np.float32(0.0)
    for f in range(a * width, (a + 1) * width):
        along += slope[i, f] * values[j, f]
    return weight, bend * weight * (along - own[i, a])


@fast_kernel
def _to_readers(
    span: tuple[int, int], indptr: IntArray, indices: IntArray, passed: tuple[Single, ...], to_asks: Single
) -> None:
    for i in range(span[0], span[1]):
        for a in range(to_asks.shape[1]):
            total = np.float32(0.0)
            for q in range(indptr[i], indptr[i + 1]):
                total += _weight_and_slope(i, indices[q], a, passed)[1]
            to_asks[i, a] = total


@fast_kernel
def _to_read(
    span: tuple[int, int],
    indptr: IntArray,
    indices: IntArray,
    passed: tuple[Single, ...],
    to: tuple[Single, Single],
) -> None:
    to_tells, to_values = to
    slope = passed[5]
    n_heads = to_tells.shape[1]
    width = to_values.shape[1] // n_heads
    for j in range(span[0], span[1]):
        for a in range(n_heads):
            for q in range(indptr[j], indptr[j + 1]):
                i = indices[q]
                weight, to_logit = _weight_and_slope(i, j, a, passed)
                to_tells[j, a] += to_logit
                for f in range(a * width, (a + 1) * width):
                    to_values[j, f] += weight * slope[i, f]
