import gzip
import time

import numpy as np
import pytest

from dorec import Dataset, RunContext
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError, TooFewUnits
from dorec.evaluate import compare, ranking
from dorec.evaluate.ranking import KNOWN
from dorec.evaluate.sampled_ranking import SampledRankingWarning, sampled_lists
from dorec.recommend import ALS, EASE, ItemKNN, Popularity

CATEGORICAL = {"diversity", "entropy", "miscalibration"}
ALL = tuple(name for name in KNOWN if name not in CATEGORICAL)


def random_halves(rows, share, seed):
    data = Dataset.from_interactions(rows, user="u", item="i")
    held = np.random.default_rng(seed).permutation(data.n_interactions) < share * data.n_interactions
    return data.take(~held), data.take(held)


@pytest.fixture(scope="module")
def halves():
    rng = np.random.default_rng(0)
    pairs = sorted({(int(u), int(i)) for u, i in zip(rng.integers(0, 80, 2500), rng.zipf(1.4, 2500) % 50, strict=True)})
    return random_halves({"u": [p[0] for p in pairs], "i": [p[1] for p in pairs]}, 0.3, 1)


def test_equals_a_loop_over_users(halves):
    train, test = halves
    scorer = EASE(reg=5.0).fit(train)
    seen, wanted = train.matrix.toarray() > 0, test.matrix.toarray() > 0
    ndcg, recall, novelty = [], [], []
    users = [u for u in range(train.n_users) if (wanted[u] & ~seen[u]).any()]
    for user in users:
        scores = scorer.score(np.array([user]))[0]
        scores[seen[user]] = -np.inf
        best = [i for i in np.argsort(-scores, kind="stable")[:5] if scores[i] > -np.inf]
        hits = [bool(wanted[user, i]) for i in best]
        n = int((wanted[user] & ~seen[user]).sum())
        ideal = sum(1 / np.log2(r + 2) for r in range(min(5, n)))
        ndcg.append(sum(h / np.log2(r + 2) for r, h in enumerate(hits)) / ideal)
        recall.append(sum(hits) / n)
        shares = np.maximum(seen[:, best].sum(axis=0), 1) / train.n_users
        novelty.append(-np.log2(shares).mean())
    found = ranking(scorer, test, k=5, metrics=("ndcg", "recall", "novelty"))
    for name, scores in (("ndcg", ndcg), ("recall", recall), ("novelty", novelty)):
        assert found[name].value == pytest.approx(np.mean(scores))
        assert found[name].std_error == pytest.approx(np.std(scores, ddof=1) / np.sqrt(len(scores)))
    assert found.n == len(users)


def test_two_models_are_paired_user_by_user(halves):
    train, test = halves
    models = [m.fit(train) for m in (Popularity(), ItemKNN(k=10))]
    a, b = (ranking(m, test, k=5) for m in models)
    difference = b["ndcg"] - a["ndcg"]
    assert difference.value == pytest.approx(b["ndcg"].value - a["ndcg"].value)
    assert difference.std_error < np.hypot(a["ndcg"].std_error, b["ndcg"].std_error)


def test_ids_are_matched_over_other_vocabularies(halves):
    train, test = halves
    scorer = Popularity().fit(train)
    rows = {"u": test.users[test.user_index].tolist(), "i": test.items[test.item_index].tolist()}
    apart = Dataset.from_interactions({"u": [-1, *rows["u"]], "i": [-1, *rows["i"]]}, user="u", item="i")
    assert apart.items[1] == test.items[0]
    np.testing.assert_allclose(ranking(scorer, apart, k=5, users=train.users).value, ranking(scorer, test, k=5).value)


def test_an_unknown_item_is_wanted_and_never_found():
    train = Dataset.from_interactions({"u": [1, 2, 3], "i": ["a", "b", "b"]}, user="u", item="i")
    test = Dataset.from_interactions({"u": [1, 1, 2, 9], "i": ["b", "zz", "a", "b"]}, user="u", item="i")
    found = ranking(Popularity().fit(train), test, k=1, metrics=("recall",))
    np.testing.assert_allclose(np.sort(found.influence[:, 0] + found.value[0]), [0.5, 1.0, 1.0])


def test_what_was_seen_in_training_is_not_asked_for():
    train = Dataset.from_interactions({"u": [1, 2, 3], "i": [7, 7, 8]}, user="u", item="i")
    test = Dataset.from_interactions({"u": [1, 1, 2, 3], "i": [7, 8, 7, 7]}, user="u", item="i")
    scorer = Popularity().fit(train)
    assert ranking(scorer, test, k=1, metrics=("recall",)).n == 2
    again = ranking(scorer, test, k=1, metrics=("recall",), exclude_seen=False)
    assert again.n == 3
    assert again["recall"].value == pytest.approx((0.5 + 1 + 1) / 3)


def test_some_of_the_users(halves):
    train, test = halves
    scorer = Popularity().fit(train)
    some = ranking(scorer, test, k=5, users=train.users[:10])
    assert 2 <= some.n <= 10
    assert some.sample != ranking(scorer, test, k=5).sample


def test_every_metric_has_an_interval(halves):
    train, test = halves
    found = ranking(ItemKNN().fit(train), test, k=5, metrics=ALL)
    assert found.name == ALL
    assert (found.std_error > 0).all()
    lower, upper = found.interval()
    assert ((lower < found.value) & (found.value < upper)).all()


def test_diversity_goes_by_a_category():
    rows = {"u": [1, 2, 3, 3], "i": [1, 2, 3, 4]}
    train = Dataset.from_interactions(rows, user="u", item="i")
    test = Dataset.from_interactions({"u": [1, 2], "i": [2, 1]}, user="u", item="i")
    with pytest.raises(InputError, match="no item features"):
        ranking(Popularity().fit(train), test, metrics=("diversity",))
    with_features = train.with_items({"id": [1, 2, 3, 4], "kind": ["a", "a", "b", "b"]}, item="id")
    scorer = Popularity().fit(with_features)
    with pytest.raises(InputError, match="id, kind"):
        ranking(scorer, test, metrics=("diversity",))
    with pytest.raises(ColumnNotFound, match="Did you mean 'kind'"):
        ranking(scorer, test, metrics=("diversity",), category="kinds")
    assert ranking(scorer, test, metrics=("diversity",), k=3, category="kind").value == pytest.approx([2 / 3])


def test_what_can_not_be_judged_is_refused(halves):
    train, test = halves
    scorer = Popularity().fit(train)
    with pytest.raises(ConfigError, match="Did you mean 'ndcg'"):
        ranking(scorer, test, metrics=("ndgc",))
    with pytest.raises(ConfigError, match="tuple"):
        ranking(scorer, test, metrics="ndcg")
    with pytest.raises(InputError, match="k is 0"):
        ranking(scorer, test, k=0)
    with pytest.raises(TooFewUnits, match="0 user"):
        ranking(scorer, train)


def test_more_places_than_items(halves):
    train, test = halves
    found = ranking(Popularity().fit(train), test, k=200, metrics=("recall", "precision"))
    assert found["recall"].value == pytest.approx(1.0)


def test_progress_is_shown(halves):
    seen = []

    class Spy:
        def track(self, items, *, label, total):
            seen.append((label, total))
            yield from items

    train, test = halves
    ranking(Popularity().fit(train), test, context=RunContext(progress=Spy()))
    assert seen == [("ranking items for users", 1)]


@pytest.fixture(scope="session")
def movielens(shared):
    with gzip.open(shared / "data" / "ml-100k" / "u.data.gz", "rt") as file:
        user, item = zip(*(line.split()[:2] for line in file), strict=True)
    return {"u": [int(u) for u in user], "i": [int(i) for i in item]}


@pytest.mark.parametrize(("learner", "anchor"), [(EASE(), 0.42), (ALS(), 0.39), (ItemKNN(), 0.37)])
def test_movielens_anchors_hold_with_the_defaults(movielens, learner, anchor):
    train, test = random_halves(movielens, 0.2, 0)
    assert ranking(learner.fit(train), test, k=10, metrics=("ndcg",))["ndcg"].value >= anchor


def test_judging_movielens_takes_under_a_second(movielens):
    train, test = random_halves(movielens, 0.2, 0)
    scorer = EASE().fit(train)
    ranking(scorer, test, metrics=ALL)
    started = time.process_time()
    ranking(scorer, test, metrics=ALL)
    assert time.process_time() - started < 1.5


def test_compare_says_that_ease_beats_popularity_on_movielens(movielens):
    train, test = random_halves(movielens, 0.2, 0)
    table = compare({"popularity": Popularity().fit(train), "ease": EASE().fit(train)}, test, metrics=("ndcg", "mrr"))
    assert (table.p_values["ease"] < 0.001).all()
    assert "ease" in str(table)


def test_sampled_ranking_warns_and_flatters(halves):
    train, test = halves
    scorer = EASE(reg=5.0).fit(train)
    full = ranking(scorer, test, k=5, metrics=("ndcg",))
    with pytest.warns(SampledRankingWarning, match="another order"):
        some = ranking(scorer, test, k=5, metrics=("ndcg",), sampled=10)
    assert some["ndcg"].value > full["ndcg"].value
    assert "10 sampled" in some.method
    with pytest.warns(SampledRankingWarning):
        every = ranking(scorer, test, k=5, metrics=("ndcg", "recall"), sampled=10_000)
    assert every.value.tolist() == pytest.approx(ranking(scorer, test, k=5, metrics=("ndcg", "recall")).value.tolist())


def test_a_sample_holds_what_is_relevant_and_so_many_others(halves):
    train, test = halves
    scorer = Popularity().fit(train)
    ids, keys = train.users[:3], np.array([0 * train.n_items + 4, 2 * train.n_items + 7])
    with pytest.warns(SampledRankingWarning):
        lists = sampled_lists(scorer, ids, 50, keys=keys, n_sampled=6, exclude_seen=True, context=RunContext(seed=1))
    seen = train.matrix.toarray() > 0
    assert (lists >= 0).sum(axis=1).tolist() == [7, 6, 7]
    assert 4 in lists[0] and 7 in lists[2]  # noqa: PT018
    for user, row in enumerate(lists):
        others = set(row[row >= 0].tolist()) - {4, 7}
        assert not any(seen[user, i] for i in others)
    with pytest.raises(InputError, match="sampled is 0"):
        ranking(scorer, test, sampled=0)


def test_what_was_seen_for_nothing_is_drawn_no_more_than_it_is_recommended():
    rows = {"u": [1, 1, 1, 2, 3, 3], "i": [1, 2, 3, 4, 5, 6], "w": [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]}
    train = Dataset.from_interactions(rows, user="u", item="i", weight="w")
    test = Dataset.from_interactions({"u": [1, 2], "i": [4, 1]}, user="u", item="i")
    scorer = Popularity().fit(train)
    with pytest.warns(SampledRankingWarning):
        lists = sampled_lists(
            scorer, np.array([1]), 9, keys=np.array([3]), n_sampled=9, exclude_seen=True, context=RunContext()
        )
    assert sorted(lists[lists >= 0].tolist()) == [3, 4, 5]
    with pytest.warns(SampledRankingWarning):
        some = ranking(scorer, test, k=5, metrics=("ndcg", "recall"), sampled=100)
    assert some.value.tolist() == ranking(scorer, test, k=5, metrics=("ndcg", "recall")).value.tolist()
