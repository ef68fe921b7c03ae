from itertools import combinations

import numpy as np
import pytest

from dorec.numeric.subsets import next_subset, questions_around


@pytest.mark.parametrize(("n", "size"), [(5, 1), (5, 3), (4, 4), (7, 2)])
def test_every_subset_once_and_what_changed(n, size):
    member = np.arange(size)
    seen, first = [tuple(member.tolist())], 0
    while (first := next_subset(member, n)) >= 0:
        before, now = seen[-1], tuple(member.tolist())
        assert before[:first] == now[:first]
        assert before[first] != now[first]
        seen.append(now)
    assert seen == list(combinations(range(n), size))


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_every_test_around_a_node_once(size):
    rng = np.random.default_rng(size)
    adjacent = rng.random((7, 7)) < 0.6
    adjacent |= adjacent.T
    np.fill_diagonal(adjacent, False)
    pool = rng.random((7, 7)) < 0.6
    for x in range(7):
        members = [s for s in range(7) if pool[s, x] and s != x]
        wanted = {
            (x, y, *given)
            for y in np.flatnonzero(adjacent[x]).tolist()
            for given in combinations([s for s in members if s != y], size)
        }
        found = [tuple(row) for row in questions_around(x, adjacent, pool, size).tolist()]
        assert len(found) == len(wanted)
        assert set(found) == wanted
