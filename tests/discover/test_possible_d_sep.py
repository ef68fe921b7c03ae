from itertools import pairwise, permutations

import numpy as np
import pytest

from dorec.discover import FCI
from dorec.discover.possible_d_sep import possible_d_sep
from dorec.discover.skeleton import stable_skeleton
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext


@pytest.mark.parametrize("seed", range(10))
def test_paths_one_by_one(seed):
    rng = np.random.default_rng(seed)
    adjacent = np.triu(rng.random((6, 6)) < 0.5, 1)
    adjacent |= adjacent.T
    into = adjacent & (rng.random((6, 6)) < 0.6)
    wanted = np.zeros((6, 6), dtype=bool)
    for length in range(2, 7):
        for path in permutations(range(6), length):
            steps = list(pairwise(path))
            inner = zip(path, path[1:], path[2:], strict=False)
            if all(adjacent[s] for s in steps) and all(
                adjacent[a, c] or (into[a, b] and into[c, b]) for a, b, c in inner
            ):
                wanted[path[-1], path[0]] = True
    found = possible_d_sep(into, adjacent)
    assert (wanted <= found).all()  # walks may reach a node that no path does, never the other way round
    assert (wanted == found).mean() > 0.9


def test_an_edge_goes_that_no_set_of_neighbours_separates(truth):
    # in the manner of Spirtes, Glymour, Scheines 2000, figure 6.7: hidden common causes keep neighbours from separating
    hidden = {"p": "ab", "q": "de", "r": "bf", "s": "dh"}
    directed = [(u, v) for u, ends in hidden.items() for v in ends]
    directed += [("c", "b"), ("c", "d"), ("b", "e"), ("d", "a"), ("f", "a"), ("h", "e")]
    graph = CausalGraph.from_edges([*"abcdefh", *hidden], directed=directed)
    observed = tuple("abcdefh")
    with_it = FCI(max_possible_d_sep=None).search(observed, truth.Oracle(graph, observed))
    oracle = truth.Oracle(graph, observed)
    apart = [
        {x, y}
        for i, x in enumerate(observed)
        for y in observed[:i]
        if any(
            oracle.separated(observed.index(x), observed.index(y), z)
            for z in truth.subsets(k for k, n in enumerate(observed) if n not in (x, y))
        )
    ]
    assert not [pair for pair in with_it.skeleton if set(pair) in apart]
    everything = np.ones((7, 7), dtype=bool)
    first = stable_skeleton(oracle, everything, ~everything, None, RunContext(seed=0))
    assert first.adjacent.sum() // 2 > len(with_it.edges)
