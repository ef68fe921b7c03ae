import json

import numpy as np
import pytest

from dorec.evaluate.list_metrics import (
    category_entropy,
    category_mix,
    coverage,
    diversity,
    gini,
    long_tail,
    mean_popularity,
    miscalibration,
    novelty,
    personalization,
    popularity_lift,
    serendipity,
)


@pytest.fixture
def places():
    rng = np.random.default_rng(0)
    lists = np.stack([rng.choice(30, 6, replace=False, p=np.arange(1, 31) / 465) for _ in range(25)])
    lists[3, 4:] = -1
    lists[8] = -1
    return lists


def case(shared, name):
    cases = json.loads((shared / "cases" / "numeric.json").read_text())["cases"]
    return next(c for c in cases if c["id"] == name)


def test_novelty_of_rectools(shared):
    given, want = (case(shared, "rt-novelty")[key] for key in ("inputs", "expected"))
    items, users = ["i1", "i2", "i3"], ["u1", "u2", "u3"]
    counts = np.array([float(sum(i == item for _, i in given["interactions"])) for item in items])
    lists = np.full((3, 2), -1)
    for user, item, rank in given["reco"]:
        lists[users.index(user), rank - 1] = items.index(item)
    assert novelty(lists[:, :1], counts, 3).tolist() == pytest.approx(want["miuf@1"])
    assert novelty(lists, counts, 3).tolist() == pytest.approx(want["miuf@2"])


def test_coverage_of_rectools(shared):
    given, want = (case(shared, "rt-coverage")[key] for key in ("inputs", "expected"))
    lists = np.full((4, 7), -1)
    rows = zip(given["reco"]["user"], given["reco"]["item"], given["reco"]["rank"], strict=True)
    for n, (user, item, rank) in enumerate(rows):
        if rank <= given["k"]:
            lists[user - 1, n] = item - 1
    assert coverage(lists, given["catalog_size"])[0] == pytest.approx(want["coverage"])


def test_coverage_influence_is_the_jackknife(places):
    value, influence = coverage(places, 30)
    without = np.array([coverage(np.delete(places, u, axis=0), 30)[0] for u in range(25)])
    assert value == len(set(places[places >= 0].tolist())) / 30
    np.testing.assert_allclose(influence, 24 * (without.mean() - without), atol=1e-12)


def test_gini_equals_the_mean_absolute_difference(places):
    counts = np.bincount(places[places >= 0], minlength=30)
    expected = np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean())
    assert gini(places, 30)[0] == pytest.approx(expected)


def test_gini_influence_is_the_jackknife(places):
    _, influence = gini(places, 30)
    without = np.array([gini(np.delete(places, u, axis=0), 30)[0] for u in range(25)])
    np.testing.assert_allclose(influence, 24 * (without.mean() - without), atol=1e-12)


def test_diversity_equals_a_count_of_pairs(places):
    category = np.random.default_rng(2).integers(-1, 4, 30)
    for row, got in zip(places, diversity(places, category), strict=True):
        items = [i for i in row if i >= 0]
        pairs = [(a, b) for n, a in enumerate(items) for b in items[n + 1 :]]
        unlike = [category[a] != category[b] or category[a] < 0 for a, b in pairs]
        assert got == pytest.approx(np.mean(unlike) if pairs else 0.0)


def test_empty_lists_score_zero(places):
    counts = np.arange(30.0)
    assert novelty(places, counts, 40)[8] == 0.0
    assert mean_popularity(places, counts)[8] == 0.0
    assert diversity(places, np.zeros(30, dtype=int))[8] == 0.0
    assert gini(np.full((4, 3), -1), 30)[0] == 0.0
    assert coverage(np.full((4, 3), -1), 30)[0] == 0.0


def test_personalization_is_the_mean_over_pairs_of_users(places):
    lists = [set(row[row >= 0].tolist()) for row in places]
    pairs = [1 - len(lists[a] & lists[b]) / 6 for a in range(25) for b in range(a)]
    value, influence = personalization(places, 30)
    assert value == pytest.approx(np.mean(pairs))
    without = np.array([personalization(np.delete(places, u, axis=0), 30)[0] for u in range(25)])
    np.testing.assert_allclose(influence, 24 * (without.mean() - without), rtol=0.1, atol=1e-9)


def test_mix_entropy_and_miscalibration_of_counted_categories(places):
    rng = np.random.default_rng(1)
    codes = rng.integers(-1, 4, 30)
    history = rng.dirichlet(np.ones(4), 25)
    for row, share, entropy, off in zip(
        places,
        category_mix(places, codes),
        category_entropy(places, codes),
        miscalibration(places, history, codes, smoothing=0.05),
        strict=True,
    ):
        known = [c for c in codes[row[row >= 0]].tolist() if c >= 0]
        expected = np.array([known.count(c) / len(known) if known else 0.0 for c in range(4)])
        np.testing.assert_allclose(share, expected)
        positive = expected[expected > 0]
        assert entropy == pytest.approx(-(positive * np.log2(positive)).sum())
        assert off >= -1e-12


def test_miscalibration_is_the_divergence_of_the_mixes():
    history, codes = np.array([[0.7, 0.3], [0.0, 1.0]]), np.array([0, 0, 1])
    places = np.array([[0, 2], [0, 1]])
    q = 0.9 * np.array([[0.5, 0.5], [1.0, 0.0]]) + 0.1 * history
    expected = [0.7 * np.log(0.7 / q[0, 0]) + 0.3 * np.log(0.3 / q[0, 1]), np.log(1.0 / q[1, 1])]
    assert miscalibration(places, history, codes, smoothing=0.1).tolist() == pytest.approx(expected)


def test_tail_lift_and_serendipity_go_by_the_users_of_items():
    counts = np.array([9.0, 7.0, 2.0, 1.0, 1.0])
    places, hits = np.array([[0, 2], [3, -1]]), np.array([[True, True], [True, False]])
    assert long_tail(places, counts).tolist() == [0.5, 1.0]  # the head is one item of five
    assert serendipity(places, hits, counts, 2).tolist() == [0.5, 0.5]
    assert popularity_lift(places, counts, np.array([11.0, 0.0])).tolist() == [-0.5, 0.0]
