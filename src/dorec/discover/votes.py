"""How many of the sets that separate two variables hold a third: what conservative and majority orientation ask."""

from dataclasses import dataclass

import numpy as np

from dorec.discover.levels import IndependenceTest, batches
from dorec.discover.skeleton import Skeleton, Triple, keys
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Votes:
    """Sets of neighbours that separate pairs of variables which are not adjacent."""

    n_sets: IntArray  # (d, d), of each pair x < z, the sets that separate it
    holding: IntArray  # (m,), sorted keys of (x, z, y), once for every set that separates x and z and holds y

    def split(self, triples: list[Triple], orientation: str) -> tuple[list[Triple], list[Triple]]:
        """Colliders, and triples (x, y, z) of which the sets say both or nothing.

        Conservative: y is a collider if it is in none of the sets, and none if it is in all. Majority: in fewer than
        half, in more than half.
        """
        rows = np.array(triples, dtype=np.int64).reshape(-1, 3)
        wanted = keys(rows[:, [0, 2, 1]], len(self.n_sets))
        n_with = np.searchsorted(self.holding, wanted, side="right") - np.searchsorted(self.holding, wanted)
        colliders, ambiguous = [], []
        for (x, y, z), holding in zip(triples, n_with.tolist(), strict=True):
            n = int(self.n_sets[x, z])
            if orientation == "conservative":
                is_collider, is_none = holding == 0, holding == n
            else:
                is_collider, is_none = 2 * holding < n, 2 * holding > n
            if n == 0 or is_collider == is_none:
                ambiguous.append((x, y, z))
            elif is_collider:
                colliders.append((x, y, z))
        return colliders, ambiguous


def count_votes(
    test: IndependenceTest,
    skeleton: Skeleton,
    triples: list[Triple],
    usable: BoolArray,
    max_condition: int | None,
    context: RunContext,
) -> Votes:
    """Test the ends of each triple (x, y, z), x < z, given every set of neighbours of x, or of z; each set votes once.

    Args:
        test: answers rows of tests.
        skeleton: the pairs that are adjacent, at last.
        triples: unshielded.
        usable: (d, d), whether s may stand in a set drawn from the neighbours of x, at [s, x].
        max_condition: the largest set; None for as far as the graph and the sample go.
        context: for progress.
    """
    d = len(usable)
    asked = np.zeros((d, d), dtype=bool)
    for x, _, z in triples:
        asked[x, z] = asked[z, x] = True
    pool = skeleton.adjacent & usable
    n_sets, holding = np.zeros((d, d), dtype=np.int64), [np.zeros(0, dtype=np.int64)]
    deepest = min(test.deepest, d - 2 if max_condition is None else max_condition)
    largest = int(pool.sum(axis=0)[asked.any(axis=0)].max(initial=0))
    sizes = range(min(deepest, largest) + 1) if asked.any() else range(0)
    for size in context.track(sizes, "counting separating sets", len(sizes)):
        for rows in batches(size, asked, pool):
            answers = test.answer(rows)
            apart = rows[answers.p_value > test.alpha]  # NaN, a test that can't be made, is not above
            np.add.at(n_sets, (apart[:, 0], apart[:, 1]), 1)
            holding += [keys(apart[:, [0, 1, column]], d) for column in range(2, 2 + size)]
    return Votes(n_sets, np.sort(np.concatenate(holding)))
