import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dorec.numeric.top_k import top_k

FEW_VALUES = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.nan])


def brute_force(scores, k, rank):
    positions = np.full((len(scores), k), -1)
    values = np.full((len(scores), k), -np.inf)
    for row, line in enumerate(scores):
        able = [i for i in range(len(line)) if line[i] > -np.inf]
        best = sorted(able, key=lambda i: (-line[i], rank[i]))[:k]
        positions[row, : len(best)] = best
        values[row, : len(best)] = line[best]
    return positions, values


@settings(max_examples=150, deadline=None)
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=FEW_VALUES),
    st.integers(1, 15),
    st.integers(0, 1000),
)
def test_equals_a_sort_whatever_the_ties(scores, k, seed):
    rank = np.random.default_rng(seed).permutation(scores.shape[1])
    for got, expected in zip(top_k(scores, k, tie_rank=rank), brute_force(scores, k, rank), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_ties_go_to_the_first_position():
    assert top_k(np.zeros((1, 50)), 3)[0].tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_threads_and_types_do_not_change_the_answer(dtype):
    scores = np.random.default_rng(0).integers(0, 30, (101, 57)).astype(dtype)
    alone = top_k(scores, 9)
    together = top_k(scores, 9, threads=3)
    np.testing.assert_array_equal(alone[0], together[0])
    np.testing.assert_array_equal(alone[0], brute_force(scores.astype(float), 9, np.arange(57))[0])


def test_nothing_in_nothing_out():
    assert top_k(np.empty((0, 5)), 3)[0].shape == (0, 3)
    assert top_k(np.empty((2, 0)), 3)[0].tolist() == [[-1, -1, -1]] * 2
    assert top_k(np.ones((2, 4)), 0)[0].shape == (2, 0)


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="give"):
        top_k(np.ones(3), 1)


def test_the_scores_are_left_as_they_were():
    scores = np.random.default_rng(1).random((3, 8))
    before = scores.copy()
    top_k(scores, 3)
    np.testing.assert_array_equal(scores, before)
