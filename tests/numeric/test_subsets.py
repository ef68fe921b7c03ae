from itertools import combinations

import numpy as np
import pytest

from dorec.numeric.subsets import next_subset


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
