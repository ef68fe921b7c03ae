import numpy as np
import pytest

from dorec.numeric.bit_sets import bit_counts, n_bits, rows_of_levels
from dorec.numeric.compiled import kernel


@pytest.mark.parametrize("n", [1, 63, 64, 65, 300])
@pytest.mark.parametrize("parents", [(), (1,), (2, 0), (3, 1, 0)])
def test_counts_are_those_of_a_loop_over_rows(n, parents):
    rng = np.random.default_rng(n)
    levels = np.array([2, 3, 4, 2, 3])
    codes = rng.integers(0, levels[:, None], (5, n)).astype(np.int32)
    first = np.concatenate([[0], np.cumsum(levels)])
    bits = rows_of_levels(codes, first)
    cells = int(np.prod(levels[list(parents)]))
    out = np.full((cells, 3), -1.0)
    used = bit_counts(bits, first, np.array(parents, dtype=np.int64), 4, n, out)
    seen = {}
    for row in codes.T:
        seen.setdefault(tuple(row[list(parents)]), np.zeros(3))[row[4]] += 1
    assert out[:used].tolist() == [seen[cell].tolist() for cell in sorted(seen)]


def test_bits_of_a_word_are_counted():
    @kernel
    def count(x):
        return n_bits(x)

    words = np.random.default_rng(0).integers(0, 2**64, 50, dtype=np.uint64)
    assert [count(w) for w in words] == [int(w).bit_count() for w in words]
