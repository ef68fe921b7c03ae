import json

import numpy as np
import pytest

from dorec.evaluate.list_metrics import coverage, diversity, gini, mean_popularity, novelty


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
