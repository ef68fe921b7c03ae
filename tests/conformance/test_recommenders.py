"""What every recommender of the registry promises. A plug-in passes it by standing in the registry."""

import time
from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import InputError, NotFinite, UnknownItem
from dorec.domain.protocols import Scorer
from dorec.recommend import REGISTRY, from_arrays, make

every_recommender = pytest.mark.parametrize("name", REGISTRY)
N_USERS, N_ITEMS = 50, 30
# networks of the size of these data; the promises hold for any size
QUICK = {
    "factorization_machine": {"embedding_size": 8, "n_buckets": 64, "epochs": 10},
    "dice": {"embedding_size": 8, "epochs": 20},
    "sasrec": {"embedding_size": 16, "n_blocks": 1, "learning_rate": 0.01, "epochs": 3},
    "hstu": {"embedding_size": 16, "n_blocks": 1, "learning_rate": 0.01, "epochs": 3},
    "gat": {"embedding_size": 16, "epochs": 5},
    "bert4rec": {"embedding_size": 16, "n_blocks": 1, "learning_rate": 0.01, "epochs": 3},
    "mult_vae": {"embedding_size": 8, "hidden": 16, "learning_rate": 0.01, "epochs": 5},
}


def quick(name):
    return make(name, **QUICK.get(name, {}))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    user = rng.integers(0, N_USERS, 600)
    item = (rng.zipf(1.3, 600) + user) % N_ITEMS
    return {"user": [f"u{u:02d}" for u in user], "item": item.tolist(), "weight": rng.integers(1, 5, 600).tolist()}


def dataset(rows):
    return Dataset.from_interactions(rows, user="user", item="item", weight="weight")


@pytest.fixture(scope="module")
def data(rows):
    return dataset(rows)


@pytest.fixture(scope="module")
def scorers(data):
    return {name: quick(name).fit(data, context=RunContext(seed=5, threads=2)) for name in REGISTRY}


def parts_of(items):
    return items.items.tolist(), items.scores.tolist(), items.fallback.tolist()


@every_recommender
def test_the_learner_is_a_frozen_dataclass_and_its_scorer_keeps_the_protocol(name, data):
    learner = quick(name)
    before = repr(learner)
    scorer = learner.fit(data)
    assert isinstance(scorer, Scorer)
    assert is_dataclass(learner)
    assert repr(learner) == before
    assert scorer.dataset is data
    with pytest.raises(FrozenInstanceError):
        scorer.dataset = data
    for field in fields(learner):
        with pytest.raises(FrozenInstanceError):
            setattr(learner, field.name, 1)


@every_recommender
def test_lists_are_the_best_of_the_scores(name, scorers, data):
    scorer = scorers[name]
    table = scorer.score(np.arange(data.n_users))
    assert table.shape == (data.n_users, data.n_items)
    assert np.isfinite(table).all()
    table[data.matrix.nonzero()] = -np.inf
    found = scorer.recommend(data.users, k=7)
    for row, line in enumerate(table):
        able = int((line > -np.inf).sum())
        best = np.sort(line)[::-1][:7]
        n = min(7, able)
        np.testing.assert_allclose(found.scores[row, :n], best[:n], rtol=1e-5, atol=1e-6)
        assert (found.items[row, n:] == None).all()  # noqa: E711
        assert len(set(found.items[row, :n])) == n
        at = data.item_index_of(found.items[row, :n])
        np.testing.assert_allclose(line[at], found.scores[row, :n], rtol=1e-5, atol=1e-6)


@every_recommender
def test_the_same_seed_gives_the_same_lists(name, data):
    first, second = (quick(name).fit(data, context=RunContext(seed=9)).recommend(data.users) for _ in range(2))
    assert parts_of(first) == parts_of(second)


@every_recommender
def test_the_order_of_the_rows_does_not_matter(name, rows, scorers):
    order = np.random.default_rng(0).permutation(len(rows["user"]))
    shuffled = dataset({key: [values[i] for i in order] for key, values in rows.items()})
    again = quick(name).fit(shuffled, context=RunContext(seed=5, threads=1))
    assert parts_of(again.recommend(shuffled.users)) == parts_of(scorers[name].recommend(shuffled.users))


@every_recommender
def test_blocks_do_not_change_the_lists(name, scorers, data, monkeypatch):
    whole = scorers[name].recommend(data.users, k=5)
    monkeypatch.setattr("dorec.recommend.fitted.BLOCK_SCORES", 3 * data.n_items)
    parts = scorers[name].recommend(data.users, k=5)
    assert parts.items.tolist() == whole.items.tolist()
    np.testing.assert_allclose(parts.scores, whole.scores, rtol=1e-5, atol=1e-6)


@every_recommender
def test_strangers_get_what_is_popular_and_are_marked(name, scorers, data):
    found = scorers[name].recommend(["nobody", "u01", "u01 and more"], k=3)
    counts = np.bincount(data.matrix.indices, minlength=data.n_items)
    popular = np.argsort(-counts, kind="stable")[:3]
    assert found.fallback.tolist() == [True, False, True]
    for row in (0, 2):
        assert found.items[row].tolist() == data.items[popular].tolist()
        assert found.scores[row].tolist() == counts[popular].tolist()
    assert found.to_pandas()["rank"].tolist() == [1, 2, 3] * 3


@every_recommender
def test_a_user_with_an_empty_history_is_a_stranger_too(name, data):
    train = data.take(data.user_index != 4)
    scorer = quick(name).fit(train)
    found = scorer.recommend([data.users[4], "nobody"], k=5)
    assert found.fallback.tolist() == [True, True]
    assert found.items[0].tolist() == found.items[1].tolist()
    assert scorer.reasons(found) == [[()] * 5] * 2


@every_recommender
def test_zero_weights_are_no_history_but_seen(name):
    rows = {"user": [1, 1, 2, 2, 3], "item": [1, 2, 1, 2, 3], "weight": [0.0, 0.0, 1.0, 1.0, 1.0]}
    found = quick(name).fit(dataset(rows)).recommend([1], k=3)
    assert found.fallback.tolist() == [True]
    assert found.to_arrow().column("item_id").to_pylist() == [3]


@every_recommender
def test_more_places_than_items(name, scorers, data):
    found = scorers[name].recommend(["u01", "nobody"], k=N_ITEMS + 10)
    seen = int(data.matrix[data.index_of(["u01"])[0]].nnz)
    assert found.items.shape == (2, N_ITEMS + 10)
    assert found.filled.sum(axis=1).tolist() == [data.n_items - seen, data.n_items]
    assert found.to_arrow().num_rows == 2 * data.n_items - seen


@every_recommender
def test_who_has_seen_everything_gets_nothing_new(name):
    rows = {"user": [1, 1, 1, 2, 2], "item": [1, 2, 3, 1, 2], "weight": [1] * 5}
    scorer = quick(name).fit(dataset(rows))
    found = scorer.recommend([1, 2], k=2)
    assert found.filled.tolist() == [[False, False], [True, False]]
    assert found.items.tolist() == [[None, None], [3, None]]
    assert scorer.reasons(found)[0] == [(), ()]
    assert scorer.recommend([1], k=2, exclude_seen=False).filled.all()


@every_recommender
def test_one_item_and_one_user(name):
    scorer = quick(name).fit(dataset({"user": ["a"], "item": ["x"], "weight": [1]}))
    assert scorer.recommend(["a"], k=1).to_arrow().num_rows == 0
    assert scorer.recommend(["b"], k=1).items.tolist() == [["x"]]
    assert np.isfinite(scorer.score(np.array([0, -1]))).all()


@every_recommender
def test_nobody_asks(name, scorers):
    found = scorers[name].recommend([], k=4)
    assert found.items.shape == (0, 4)
    assert found.to_arrow().num_rows == 0
    assert scorers[name].reasons(found) == []
    assert scorers[name].score(np.array([], dtype=int)).shape == (0, N_ITEMS)


@every_recommender
def test_ids_come_as_anything_that_holds_ids(name, scorers):
    import pandas as pd

    scorer = scorers[name]
    expected = parts_of(scorer.recommend(["u01"]))
    for ids in ("u01", np.array(["u01"]), pd.Series(["u01"]), ("u01",)):
        assert parts_of(scorer.recommend(ids)) == expected


@every_recommender
def test_what_makes_no_sense_is_refused(name, scorers, data):
    scorer = scorers[name]
    with pytest.raises(InputError, match="k is 0"):
        scorer.recommend(["u01"], k=0)
    with pytest.raises(InputError, match="flat list"):
        scorer.recommend([["u01"]])
    with pytest.raises(InputError, match="positions"):
        scorer.score(np.array([data.n_users]))
    with pytest.raises(UnknownItem, match="Item 99"):
        scorer.explain("u01", 99)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_impossible_weights_never_reach_a_recommender(weight):
    with pytest.raises(NotFinite, match="row 1"):
        dataset({"user": [1, 1], "item": [1, 2], "weight": [1.0, weight]})


@every_recommender
def test_explanations_add_up_to_the_score(name, scorers, data):
    scorer = scorers[name]
    table = scorer.score(np.arange(data.n_users))
    for user, item in [(0, 3), (7, 11), (21, 0), (49, 29)]:
        why = scorer.explain(data.users[user], data.items[item])
        assert sum(why.parts.values()) == pytest.approx(table[user, item], rel=1e-5, abs=1e-5)
        assert sum(why.parts.values()) == pytest.approx(why.details["score"], rel=1e-12, abs=1e-14)
        assert why.summary
    stranger = scorer.explain("nobody", data.items[3])
    assert sum(stranger.parts.values()) == scorer.score(np.array([-1]))[0, 3]


@every_recommender
def test_parts_add_up_before_any_rounding_is_shared_out(name, scorers, data):
    items = np.arange(data.n_items)
    for user in (0, 7, 49):
        history, parts = scorers[name].model.contributions(user, items)
        if len(history):
            scores = scorers[name].score(np.array([user]))[0]
            assert np.abs(parts.sum(axis=0) - scores).max() <= 2e-6 * np.abs(parts).sum(axis=0).max()


@every_recommender
def test_reasons_are_the_largest_parts_of_the_explanation(name, scorers, data):
    found = scorers[name].recommend(data.users[:5], k=4)
    reasons = scorers[name].reasons(found, n=2)
    for row in range(5):
        for place in range(4):
            why = scorers[name].explain(found.users[row], found.items[row, place])
            parts = zip(why.details.get("items", []), why.details.get("contributions", []), strict=True)
            assert list(reasons[row][place]) == [item for item, part in parts if part > 0][:2]


@every_recommender
def test_arrays_and_text_bring_the_scorer_back(name, scorers, data):
    arrays, metadata = scorers[name].to_arrays()
    assert all(isinstance(a, np.ndarray) and a.dtype != object for a in arrays.values())
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items())
    back = from_arrays({n: a.copy() for n, a in arrays.items()}, dict(metadata), data)
    assert parts_of(back.recommend(data.users, k=6)) == parts_of(scorers[name].recommend(data.users, k=6))
    assert back.settings == scorers[name].settings
    assert back.explain("u01", 3) == scorers[name].explain("u01", 3)


@every_recommender
def test_a_scorer_survives_safetensors(name, scorers, data, tmp_path):
    from safetensors.numpy import load_file, save_file

    arrays, metadata = scorers[name].to_arrays()
    save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, tmp_path / "model.safetensors", metadata)
    back = from_arrays(load_file(tmp_path / "model.safetensors"), metadata, data)
    assert parts_of(back.recommend(data.users)) == parts_of(scorers[name].recommend(data.users))


@every_recommender
def test_the_dataset_is_left_as_it_was(name, rows):
    data = dataset(rows)
    before = [data.weight.copy(), data.matrix.data.copy(), data.matrix.indices.copy(), data.user_index.copy()]
    scorer = quick(name).fit(data)
    scorer.reasons(scorer.recommend(data.users))
    scorer.explain("u01", 3)
    after = [data.weight, data.matrix.data, data.matrix.indices, data.user_index]
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was, now)


@every_recommender
def test_reasons_for_a_thousand_lists_come_at_once(name, scorers, data):
    found = scorers[name].recommend(np.resize(data.users, 1000), k=10)
    started = time.process_time()
    scorers[name].reasons(found)
    assert time.process_time() - started < 2.0
