"""What SASRec and its kin share is tested once, for each of them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.evaluate import ranking
from dorec.recommend import EASE, HSTU, BERT4Rec, SASRec, from_arrays
from dorec.recommend.neural import sequence_training

QUICK = {"embedding_size": 16, "n_blocks": 1, "max_length": 10, "learning_rate": 0.01, "dropout": 0.0, "batch_size": 8}
# nothing is learned of the two oldest places of a line that is longer than those in training: BERT4Rec reads them
ENOUGH = {"SASRec": 0.95, "HSTU": 0.95, "BERT4Rec": 0.8}
LEARNERS = {
    "sasrec": SASRec(**QUICK, epochs=15),
    "hstu": HSTU(**QUICK, epochs=15),
    "bert4rec": BERT4Rec(**QUICK, last_only=0.5, epochs=25),
}
ONE = RunContext(threads=1)
each = pytest.mark.parametrize("learner", LEARNERS.values(), ids=list(LEARNERS))


def walks(n_users=150, n_items=12, length=8, seed=0, **more):
    """Users who step through the items in a circle, by five."""
    rng = np.random.default_rng(seed)
    user, step = np.divmod(np.arange(n_users * length), length)
    item = (rng.integers(0, n_items, n_users)[user] + 5 * step) % n_items
    rows = {"u": user, "i": item, "t": 1_600_000_000 + 86_400 * step} | more
    return Dataset.from_interactions(rows, user="u", item="i", time="t", event="e" if more else None)


def last_out(data):
    last = data.time == data.time.max()
    return data.take(~last), data.take(last)


@each
def test_the_order_tells_what_comes_next(learner):
    train, test = last_out(walks())
    found = ranking(learner.fit(train, context=ONE), test, k=1, metrics=("hit_rate",))
    assert found["hit_rate"].value > ENOUGH[type(learner).__name__]
    assert ranking(EASE(reg=10.0).fit(train), test, k=1, metrics=("hit_rate",))["hit_rate"].value < 0.7


@each
def test_a_part_is_what_the_score_loses_without_the_item(learner):
    data = walks(n_users=20)
    scorer = learner.fit(data, context=ONE)
    items = np.arange(data.n_items)
    history, parts = scorer.model.contributions(3, items)
    assert history[-1] == -1
    np.testing.assert_allclose(parts.sum(axis=0), scorer.score(np.array([3]))[0], rtol=1e-5, atol=1e-6)
    arrays, metadata = scorer.to_arrays()
    for item, part in list(zip(history, parts, strict=True))[:2]:
        without = data.take((data.user_index != 3) | (data.item_index != item))
        other = from_arrays(arrays, metadata, without)
        drop = scorer.score(np.array([3]))[0] - other.score(np.array([3]))[0]
        np.testing.assert_allclose(part, drop, atol=1e-5)


@each
def test_only_the_latest_events_are_read(learner):
    data = walks(n_users=20, length=16)
    model = learner.fit(data, context=ONE).model
    history, _ = model.contributions(0, np.arange(2))
    recent = data.item_index[(data.user_index == 0) & (data.time >= np.sort(np.unique(data.time))[-10])]
    assert set(history[:-1]) == set(recent)


@each
def test_an_interrupted_training_ends_in_the_same_bits(learner, tmp_path):
    data = walks(n_users=30)
    whole = replace(learner, epochs=4).fit(data, context=ONE)
    replace(learner, epochs=2, checkpoint=str(tmp_path)).fit(data, context=ONE)
    resumed = replace(learner, epochs=4, checkpoint=str(tmp_path)).fit(data, context=ONE)
    for name, values in whole.model.arrays().items():
        np.testing.assert_array_equal(values, resumed.model.arrays()[name])


@each
def test_it_stops_when_the_held_out_events_are_told_no_better(learner, monkeypatch):
    seen = []
    train = sequence_training.train

    def watched(*args, **kwargs):
        seen.append(train(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(sequence_training, "train", watched)
    replace(learner, epochs=60, patience=2).fit(walks(n_users=60), context=ONE)
    assert seen[0].stopped_early
    assert seen[0].epochs == seen[0].best_epoch + 2 < 60


@each
def test_drawn_items_in_place_of_the_catalogue(learner):
    train, test = last_out(walks())
    scorer = replace(learner, n_negatives=6).fit(train, context=ONE)
    assert ranking(scorer, test, k=1, metrics=("hit_rate",))["hit_rate"].value > ENOUGH[type(learner).__name__] - 0.05


@each
def test_other_arrays_are_refused(learner):
    data = walks(n_users=10)
    arrays, metadata = replace(learner, epochs=1).fit(data, context=ONE).to_arrays()
    arrays.pop("items.weight")
    with pytest.raises(InputError, match=r"items\.weight"):
        from_arrays(arrays, metadata, data)


def test_kinds_of_events_are_told_apart_and_the_strongest_is_asked_for():
    # what is viewed after an item is the next one, what is bought after it is the sixth
    rng = np.random.default_rng(0)
    rows = {"u": [], "i": [], "t": [], "e": []}
    for user in range(300):
        item = int(rng.integers(12))
        for step in range(6):
            bought = step > 0 and rng.random() < 0.5
            item = (item + (6 if bought else 1)) % 12
            for name, value in zip("uite", (user, item, step, "buy" if bought else "view"), strict=True):
                rows[name].append(value)
    data = Dataset.from_interactions(rows, user="u", item="i", time="t", event="e")
    last = data.item_index[data.time == 5]
    typed = SASRec(**QUICK, epochs=20, typed=True).fit(data, context=ONE).score(np.arange(300)).argmax(axis=1)
    plain = SASRec(**QUICK, epochs=20).fit(data, context=ONE).score(np.arange(300)).argmax(axis=1)
    assert (typed == (last + 6) % 12).mean() > 0.95 > (plain == (last + 6) % 12).mean()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_heads": 5}, "multiple of n_heads, such as 60"),
        ({"max_length": 0}, "max_length is 0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"reg": -1.0}, "reg is -1.0"),
        ({"patience": 0}, "patience is 0"),
        ({"n_negatives": 0}, "n_negatives is 0"),
    ],
)
def test_settings_out_of_bounds_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        SASRec(**setting)


def test_the_room_loads_without_torch():
    code = "import sys; import dorec.recommend as r; r.SASRec(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
