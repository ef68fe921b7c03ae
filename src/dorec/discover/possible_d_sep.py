"""FCI's second round of tests: sets that may separate where a hidden common cause keeps neighbours from doing it."""

from dataclasses import replace

import numpy as np

from dorec.discover.levels import IndependenceTest
from dorec.discover.skeleton import Skeleton, keys
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray
from dorec.numeric.compiled import kernel


@kernel
def possible_d_sep(into: BoolArray, adjacent: BoolArray) -> BoolArray:
    """Possible-D-SEP of each node, (d, d) at [s, x]: s ends a path from x whose inner nodes may all be colliders.

    Each inner node b of the path, between a and c, is a collider (a *-> b <-* c) or in a triangle (a and c adjacent)
    (Spirtes, Glymour, Scheines 2000, section 6.7).

    Args:
        into: (d, d), whether the edge i - j has an arrowhead at j.
        adjacent: (d, d), symmetric.

    Example:
        >>> adjacent = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)  # 0 - 1 - 2
        >>> into = np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)  # 0 -> 1 <- 2
        >>> possible_d_sep(into, adjacent)[:, 0].tolist()
        [False, True, True]
    """
    d = len(adjacent)
    pool = np.zeros((d, d), dtype=np.bool_)
    stack = np.empty((d * d, 2), dtype=np.int64)  # steps a - b of paths, each taken once
    for x in range(d):
        seen = np.zeros((d, d), dtype=np.bool_)
        depth = 0
        for b in range(d):
            if adjacent[x, b]:
                seen[x, b] = True
                stack[depth, 0], stack[depth, 1] = x, b
                depth += 1
        while depth:
            depth -= 1
            a, b = stack[depth, 0], stack[depth, 1]
            pool[b, x] = True
            for c in range(d):
                if not adjacent[b, c] or c in (a, x) or seen[b, c]:
                    continue
                if adjacent[a, c] or (into[a, b] and into[c, b]):
                    seen[b, c] = True
                    stack[depth, 0], stack[depth, 1] = b, c
                    depth += 1
    return pool


def separate_by_possible_d_sep(
    skeleton: Skeleton,
    pool: BoolArray,
    test: IndependenceTest,
    required: BoolArray,
    max_condition: int | None,
    context: RunContext,
) -> Skeleton:
    """The skeleton after tests of each edge x - y given every subset of the pool of x, and of y.

    Sets of a size are tested against the graph that smaller ones left, so the order of the columns does not matter.
    Sets of neighbours, which the skeleton has been tested with, are left out where the pool holds nothing else.

    Args:
        skeleton: adjacent pairs and what separated the others.
        pool: (d, d), whether s may stand in a set for the edges of x, at [s, x].
        test: answers the tests of a level.
        required: (d, d), pairs that are adjacent whatever the tests say.
        max_condition: the largest conditioning set; None for as far as the pool and the sample go.
        context: for progress.
    """
    d = len(pool)
    adjacent, p_value, dependence = skeleton.adjacent, skeleton.p_value, skeleton.dependence
    more = (pool & ~adjacent).any(axis=0)  # of the others every set has been tested
    separators, n_tests = [skeleton.separators], skeleton.n_tests
    n_rows = [] if skeleton.n_rows is None else [skeleton.n_rows]
    deepest = min(test.deepest, d - 2 if max_condition is None else max_condition)
    for size in context.track(range(1, max(deepest, 0) + 1), "testing given Possible-D-SEP", None):
        left = more & adjacent.any(axis=1) & (pool.sum(axis=0) >= size)
        if not left.any():
            break
        level = test.level(size, adjacent & left[:, None], pool, required)
        found = np.where(adjacent, np.maximum(level.p_value, level.p_value.T), 0.0)
        p_value = np.maximum(p_value, found)
        weakest = np.minimum(level.weakest, level.weakest.T)
        dependence = np.where(adjacent, np.minimum(dependence, weakest), dependence)
        separators.append(keys(level.separators, d))
        adjacent = adjacent & ((found <= test.alpha) | required)
        n_tests += level.n_tests
        n_rows += [] if level.n_rows is None else [level.n_rows]
    return replace(
        skeleton,
        adjacent=adjacent,
        p_value=p_value,
        dependence=dependence,
        separators=np.unique(np.concatenate(separators)),
        n_tests=n_tests,
        n_rows=np.concatenate(n_rows) if n_rows else None,
    )
