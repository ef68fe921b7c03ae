import numpy as np
import pytest

from dorec.recommend.neural.windows import cut, lines, packed


def runs(seed, n=200, longest=23):
    count = np.random.default_rng(seed).integers(0, longest, n)
    return np.cumsum(count) - count, count


@pytest.mark.parametrize("seed", range(3))
def test_every_event_stands_in_one_window_and_its_neighbours_stay_beside_it(seed):
    first, count = runs(seed)
    windows = packed(*cut(first, count, 8), 8)
    there = windows.at >= 0
    assert sorted(windows.at[there].tolist()) == list(range(count.sum()))
    owner = np.repeat(np.arange(len(count)), count)
    for at, segment, place in zip(windows.at, windows.segment, windows.place, strict=True):
        for s in range(8):
            run = at[segment == s]
            assert (np.diff(run) == 1).all()
            assert len(set(owner[run])) <= 1
            assert place[segment == s].tolist() == list(range(len(run)))[::-1]
    assert (windows.segment[~there] == 8).all()


def test_windows_are_nearly_full():
    first, count = runs(0, n=2000)
    windows = packed(*cut(first, count, 20), 20)
    assert (windows.at >= 0).mean() > 0.99


def test_the_latest_piece_of_a_long_run_is_whole():
    first, count = cut(np.array([10]), np.array([17]), 5)
    assert first.tolist() == [10, 12, 17, 22]
    assert count.tolist() == [2, 5, 5, 5]


def test_nothing_makes_no_window():
    assert packed(*cut(np.array([0, 0]), np.array([0, 0]), 4), 4).at.shape == (0, 4)


def test_lines_hold_one_run_each():
    rows = lines(np.array([3, 9]), np.array([1, 3]), 3)
    assert rows.at.tolist() == [[3, -1, -1], [9, 10, 11]]
    assert rows.segment.tolist() == [[0, 3, 3], [0, 0, 0]]
