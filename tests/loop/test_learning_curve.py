"""Learning curves: nested shares, one test, refusals as gaps."""

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import InputError, TooFewUnits
from dorec.loop.learning_curve import learning_curve
from dorec.profile import random_split
from dorec.recommend import EASE, Popularity


@pytest.fixture(scope="module")
def split():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(300), 10)
    rows = {"u": user, "i": rng.integers(0, 15, 3000) * 2 + user % 2}
    return random_split(Dataset.from_interactions(rows, user="u", item="i"))


class Watching:
    """Keeps what it was fitted on; refuses small data."""

    def __init__(self, least=0):
        self.seen, self.least = [], least

    def fit(self, data, *, context):
        if data.n_interactions < self.least:
            raise TooFewUnits("too few")
        self.seen.append(data)
        return Popularity().fit(data, context=context)


def test_larger_shares_hold_the_smaller_ones_and_repeats_stay_together(split):
    learner = Watching()
    learning_curve({"x": learner}, split, shares=(0.6, 0.2, 1.0))
    pairs = [set((d.user_index * d.n_items + d.item_index).tolist()) for d in learner.seen]
    assert pairs[0] < pairs[1] < pairs[2]
    assert len(pairs[0]) / len(pairs[2]) == pytest.approx(0.2, abs=0.04)
    whole = split.train.user_index * split.train.n_items + split.train.item_index
    assert learner.seen[0].n_interactions == np.isin(whole, list(pairs[0])).sum()


def test_the_last_point_is_the_model_on_all_of_it_and_more_data_helps(split):
    from dorec.evaluate import ranking

    found = learning_curve({"ease": EASE(reg=1.0)}, split, shares=(0.05, 1.0), metric="recall", k=5)
    whole = ranking(EASE(reg=1.0).fit(split.train), split.test, k=5, metrics=("recall",))[0]
    assert found.scores["ease"][1].value == whole.value
    assert found.scores["ease"][0].value < whole.interval().lower
    assert found.to_arrow().column("share").to_pylist() == [0.05, 1.0]


def test_a_learner_that_refuses_leaves_a_gap(split):
    found = learning_curve({"x": Watching(least=1000)}, split, shares=(0.1, 1.0))
    assert found.scores["x"][0] is None
    assert found.scores["x"][1] is not None
    assert "-" in str(found).splitlines()[1]


def test_the_seed_decides_the_shares(split):
    a, b = Watching(), Watching()
    learning_curve({"x": a}, split, shares=(0.5,))
    learning_curve({"x": b}, split, shares=(0.5,), context=RunContext(seed=1))
    assert a.seen[0].user_index.tolist() != b.seen[0].user_index.tolist()


@pytest.mark.parametrize("shares", [(), (0.0, 1.0), (0.5, 1.5)])
def test_shares_that_are_none_are_told(split, shares):
    with pytest.raises(InputError, match="above 0"):
        learning_curve({"x": Popularity()}, split, shares=shares)


def test_where_popularity_is_all_there_is_more_data_do_not_help():
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 61)
    item = np.concatenate([rng.choice(60, 12, replace=False, p=share / share.sum()) for _ in range(800)])
    rows = {"u": np.repeat(np.arange(800), 12), "i": item}
    split = random_split(Dataset.from_interactions(rows, user="u", item="i"))
    few, half, all_ = (p.value for p in learning_curve({"x": Popularity()}, split, shares=(0.2, 0.5, 1.0)).scores["x"])
    assert few == pytest.approx(all_, rel=0.05)
    assert half == pytest.approx(all_, rel=0.05)


def test_a_model_of_everything_is_judged_as_it_would_be_without_the_curve(split):
    from dorec.evaluate import ranking

    for exclude_seen in (True, False):
        for learner in (EASE(reg=3.0), Popularity()):
            point = learning_curve({"x": learner}, split, shares=(1.0,), exclude_seen=exclude_seen).scores["x"][0]
            direct = ranking(learner.fit(split.train), split.test, metrics=("ndcg",), exclude_seen=exclude_seen)[0]
            assert point.value == pytest.approx(float(direct.value), abs=1e-12)
