import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import InputError, TooFewUnits
from dorec.profile import leave_last_out, random_split, temporal_split


def random_dataset(seed=0, n=400, instants=50):
    rng = np.random.default_rng(seed)
    rows = {"u": rng.integers(0, 25, n), "i": rng.integers(0, 12, n), "t": rng.integers(0, instants, n).astype(float)}
    return Dataset.from_interactions(rows, user="u", item="i", time="t")


def same_rows(data, split):
    whole = sorted(zip(data.user_index, data.item_index, data.time, strict=True))
    parts = [
        (u, i, t) for d in (split.train, split.test) for u, i, t in zip(d.user_index, d.item_index, d.time, strict=True)
    ]
    return sorted(parts) == whole


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.95])
def test_temporal_split_cuts_time_in_two(fraction):
    data = random_dataset()
    split = temporal_split(data, fraction)
    assert same_rows(data, split)
    assert split.train.time.max() < split.cut <= split.test.time.min()
    assert fraction <= split.test.n_interactions / 400 <= fraction + 0.06


def test_temporal_split_with_most_events_at_the_first_instant_still_has_a_past():
    data = Dataset.from_interactions(
        {"u": [1] * 9 + [2], "i": range(10), "t": [5.0] * 9 + [6.0]}, user="u", item="i", time="t"
    )
    split = temporal_split(data, 0.5)
    assert (split.train.n_interactions, split.test.n_interactions) == (9, 1)


def test_leave_last_out_takes_the_latest_of_each_user_with_two():
    data = random_dataset(1, n=60)
    split = leave_last_out(data)
    assert same_rows(data, split)
    counts = np.bincount(data.user_index, minlength=data.n_users)
    held = np.bincount(split.test.user_index, minlength=data.n_users)
    assert held.tolist() == (counts >= 2).astype(int).tolist()
    for user, time in zip(split.test.user_index, split.test.time, strict=True):
        assert time == data.time[data.user_index == user].max()


@pytest.mark.parametrize("per_user", [True, False])
def test_random_split_keeps_pairs_together_and_its_share(per_user):
    data = random_dataset(2)
    split = random_split(data, 0.2, per_user=per_user)
    assert same_rows(data, split)
    train, test = (set(zip(d.user_index, d.item_index, strict=True)) for d in (split.train, split.test))
    assert not train & test
    assert len(test) / len(train | test) == pytest.approx(0.2, abs=0.03 if per_user else 0.005)
    if per_user:
        for user in range(data.n_users):
            mine = [sum(u == user for u, _ in side) for side in (train, test)]
            assert mine[1] == min(round(sum(mine) * 0.2), sum(mine) - 1)


def test_the_seed_decides_the_draw():
    data = random_dataset(3)
    draws = [random_split(data, context=RunContext(seed=s)).test.item_index.tolist() for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_a_user_with_one_item_keeps_it():
    data = Dataset.from_interactions({"u": [1, 2, 2, 2, 2], "i": [1, 1, 2, 3, 4]}, user="u", item="i")
    split = random_split(data, 0.9, per_user=True)
    assert set(split.train.user_index) == {0, 1}


def test_what_can_not_be_split_is_refused_with_the_remedy():
    timeless = Dataset.from_interactions({"u": [1, 1], "i": [1, 2]}, user="u", item="i")
    for split in (temporal_split, leave_last_out):
        with pytest.raises(InputError, match="random_split"):
            split(timeless)
    at_once = Dataset.from_interactions({"u": [1, 2], "i": [1, 2], "t": [3.0, 3.0]}, user="u", item="i", time="t")
    with pytest.raises(TooFewUnits, match="same instant"):
        temporal_split(at_once)
    with pytest.raises(TooFewUnits, match="two interactions"):
        leave_last_out(at_once)
    with pytest.raises(TooFewUnits, match="can't be split"):
        random_split(timeless, 0.01)
    with pytest.raises(InputError, match="between 0 and 1"):
        random_split(timeless, 1.0)
