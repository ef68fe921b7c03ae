"""Each rule against a plain loop that follows the paper, and what every re-ranker promises."""

import numpy as np
import pytest

from dorec import Dataset
from dorec.domain.item_list import ItemList
from dorec.errors import ConfigError, InputError
from dorec.numeric.category_mix import history_mix
from dorec.recommend import Popularity
from dorec.recommend.reranking import DPP, MMR, Calibrated, ExposureCap, XQuAD
from dorec.recommend.reranking.calibration import calibrate
from dorec.recommend.reranking.candidates import codes_matrix
from dorec.recommend.reranking.dpp import largest_volume
from dorec.recommend.reranking.item_vectors import item_vectors
from dorec.recommend.reranking.mmr import mmr
from dorec.recommend.reranking.xquad import cover

RULES = [MMR(), MMR(by="kind"), DPP(), DPP(by="kind"), XQuAD("kind"), Calibrated("kind"), ExposureCap(0.2)]
each = pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{type(r).__name__}-{getattr(r, 'by', None)}")


@pytest.fixture(scope="module")
def shop():
    rng = np.random.default_rng(0)
    user, item = np.repeat(np.arange(50), 8), rng.integers(0, 30, 400)
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    kinds = [["a"], ["b"], ["a", "b"], ["c"], [], None]
    return data.with_items({"i": data.items, "kind": [kinds[i % 6] for i in range(data.n_items)]}, item="i")


def lists(shop, c=15, users=50, seed=1):
    rng = np.random.default_rng(seed)
    places = np.array([rng.permutation(shop.n_items)[:c] for _ in range(users)])
    scores = -np.sort(-rng.normal(size=(users, c)), axis=1)
    return ItemList(shop.users[:users], shop.items[places], scores, np.zeros(users, dtype=bool))


def unit(rng, *shape):
    vectors = rng.normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@each
def test_lists_hold_candidates_once_with_scores_that_fall(rule, shop):
    before = lists(shop)
    after = rule.rerank(before, shop, k=5)
    assert after.items.shape == (50, 5)
    for old, new in zip(before.items.tolist(), after.items.tolist(), strict=True):
        assert len(set(new)) == 5
        assert set(new) <= set(old)
    assert (np.diff(after.scores, axis=1) <= 1e-12).all()


@each
def test_short_and_empty_candidate_lists_stay_short(rule, shop):
    before = lists(shop, users=3)
    scores = before.scores.copy()
    scores[0, 2:], scores[1] = -np.inf, -np.inf
    rule = ExposureCap(1.0) if isinstance(rule, ExposureCap) else rule
    after = rule.rerank(ItemList(before.users, before.items, scores, before.fallback), shop, k=4)
    assert after.filled.sum(axis=1).tolist() == [2, 0, 4]
    assert set(after.items[0, :2]) == set(before.items[0, :2])
    assert after.items[1].tolist() == [None] * 4
    assert rule.rerank(ItemList(before.users, before.items, scores, before.fallback), shop, k=40).items.shape == (3, 40)


@each
def test_order_of_users_and_blocks_change_nothing(rule, shop, monkeypatch):
    before = lists(shop)
    order = np.random.default_rng(2).permutation(50)
    after = rule.rerank(before, shop, k=4)
    monkeypatch.setattr("dorec.recommend.reranking.candidates.BLOCK_ENTRIES", 200)
    turned = ItemList(before.users[order], before.items[order], before.scores[order], before.fallback[order])
    assert rule.rerank(turned, shop, k=4).items.tolist() == after.items[order].tolist()


@pytest.mark.parametrize("rule", [MMR(0.0), DPP(0.0), XQuAD("kind", 0.0), Calibrated("kind", 0.0), ExposureCap(1.0)])
def test_nothing_asked_nothing_changed(rule, shop):
    before = lists(shop)
    assert rule.rerank(before, shop, k=6).items.tolist() == before.items[:, :6].tolist()


def test_mmr_is_the_papers_loop():
    rng = np.random.default_rng(0)
    relevance, vectors = rng.random((4, 9)), unit(rng, 4, 9, 3)
    picked, _ = mmr(relevance, vectors, 0.4, 5)
    for r, v, found in zip(relevance, vectors, picked.tolist(), strict=True):
        chosen: list[int] = []
        for _ in range(5):
            rest = [i for i in range(9) if i not in chosen]
            value = {i: 0.6 * r[i] - 0.4 * max([0.0, *(v[i] @ v[j] for j in chosen)]) for i in rest}
            chosen.append(max(rest, key=value.__getitem__))
        assert found == chosen


def test_dpp_is_greedy_on_the_determinant():
    rng = np.random.default_rng(1)
    relevance, vectors = rng.random((3, 8)), unit(rng, 3, 8, 6)
    picked, gains = largest_volume(relevance, vectors, 0.5, 5)
    for r, v, found, gain in zip(relevance, vectors, picked.tolist(), gains, strict=True):

        def value(chosen, r=r, v=v):
            return 0.5 * r[chosen].sum() + 0.5 * np.linalg.slogdet(v[chosen] @ v[chosen].T)[1]

        chosen: list[int] = []
        for _ in range(5):
            chosen.append(max((i for i in range(8) if i not in chosen), key=lambda i: value([*chosen, i])))
        assert found == chosen
        assert gain.sum() == pytest.approx(value(chosen))


def test_dpp_goes_on_where_vectors_repeat():
    picked, gains = largest_volume(np.ones((1, 4)), np.ones((1, 4, 1)), 0.5, 4)
    assert sorted(picked[0].tolist()) == [0, 1, 2, 3]
    assert np.isfinite(gains).all()


def test_xquad_is_the_papers_formula():
    rng = np.random.default_rng(2)
    relevance, member, mix = rng.random((1, 7)), rng.dirichlet(np.ones(3), size=(1, 7)), rng.dirichlet(np.ones(3), 1)
    picked, _ = cover(relevance, member, mix, 0.7, 4)
    chosen: list[int] = []
    for _ in range(4):

        def value(i, chosen=tuple(chosen)):
            left = [np.prod([1 - relevance[0, j] * member[0, j, a] for j in chosen]) for a in range(3)]
            return 0.3 * relevance[0, i] + 0.7 * sum(
                mix[0, a] * member[0, i, a] * relevance[0, i] * left[a] for a in range(3)
            )

        chosen.append(max((i for i in range(7) if i not in chosen), key=value))
    assert picked[0].tolist() == chosen


def test_calibration_is_greedy_on_the_smoothed_divergence():
    rng = np.random.default_rng(3)
    relevance, member, mix = rng.random((1, 7)), rng.dirichlet(np.ones(3), size=(1, 7)), rng.dirichlet(np.ones(3), 1)
    k, smoothing = 4, 0.05
    picked, _ = calibrate(relevance, member, mix, (0.8, smoothing), k)

    def value(chosen):
        held = (1 - smoothing) * member[0, chosen].sum(axis=0) / k + smoothing * mix[0]
        return 0.2 * relevance[0, chosen].sum() + 0.8 * (mix[0] * np.log(held)).sum()

    chosen: list[int] = []
    for _ in range(k):
        chosen.append(max((i for i in range(7) if i not in chosen), key=lambda i: value([*chosen, i])))
    assert picked[0].tolist() == chosen


def test_calibration_brings_the_mix_of_lists_to_that_of_histories(shop):
    before = lists(shop, c=28)
    categories, _ = codes_matrix(shop, "kind")
    wanted = history_mix(shop.matrix, np.arange(50), categories)

    def distance(items):
        share = categories[shop.item_index_of(items.ravel())].reshape(50, -1, 3).sum(axis=1)
        return np.abs(share / share.sum(axis=1, keepdims=True) - wanted).sum(axis=1).mean()

    after = Calibrated("kind", trade_off=0.95).rerank(before, shop, k=10)
    assert distance(after.items) < 0.5 * distance(before.items[:, :10])


def test_the_cap_holds_and_takes_turns(shop):
    scorer = Popularity().fit(shop)
    before = scorer.recommend(shop.users, k=20, exclude_seen=False)
    after = ExposureCap(0.06).rerank(before, shop, k=5)
    counts = np.unique(after.items[after.filled], return_counts=True)[1]
    assert counts.max() <= 0.06 * 50 * 5
    assert after.filled.mean() > 0.95
    mean = np.where(after.filled, after.scores, 0).mean(axis=1)
    assert np.ptp(mean) < 0.5 * mean.mean()  # nobody gets only what others left


def test_a_cap_that_cannot_fill_the_lists_is_refused(shop):
    with pytest.raises(InputError, match="can't fill"):
        ExposureCap(0.01).rerank(lists(shop), shop, k=5)


def test_vectors_by_users_find_what_goes_together():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(300), 6)
    item = rng.integers(0, 40, 1_800) * 2 + user % 2
    data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
    like = item_vectors(data, None, size=8) @ item_vectors(data, None, size=8).T
    same = (data.items[:, None] % 2) == (data.items % 2)
    assert like[same].mean() > 0.2 > abs(like[~same].mean())


def test_strangers_get_everyones_mix(shop):
    categories, names = codes_matrix(shop, "kind")
    assert names == ("a", "b", "c")
    mix = history_mix(shop.matrix, np.array([-1, 0]), categories)
    everyone = shop.matrix.sum(axis=0) @ categories
    np.testing.assert_allclose(mix[0], np.asarray(everyone).ravel() / everyone.sum())
    assert mix[1].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: MMR(1.5), ConfigError, "trade_off"),
        (lambda: DPP(-0.1), ConfigError, "trade_off"),
        (lambda: Calibrated("kind", smoothing=0.0), ConfigError, "smoothing"),
        (lambda: ExposureCap(0.0), ConfigError, "max_share"),
    ],
)
def test_bad_settings_are_refused(make, error, said):
    with pytest.raises(error, match=said):
        make()


def test_bad_input_is_refused(shop):
    before = lists(shop, users=2)
    with pytest.raises(InputError, match="k is 0"):
        MMR().rerank(before, shop, k=0)
    with pytest.raises(InputError, match="no column of the item features"):
        XQuAD("genre").rerank(before, shop)
    other = Dataset.from_interactions({"u": [1, 1], "i": [7, 99]}, user="u", item="i")
    with pytest.raises(InputError, match="not among the items"):
        MMR().rerank(before, other)
