"""Folds follow from who the units are."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dorec.numeric.folds import content_keys, cross_predict, hash64, mix64, stratified_folds


def test_splitmix_equals_the_reference_stream() -> None:
    # the published generator seeded with 0 gives these words; its state advances by the golden gamma
    gamma = 0x9E3779B97F4A7C15
    words = mix64(np.array([0, gamma], dtype=np.uint64))
    assert words.tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_text_hash_is_md5() -> None:
    names = np.array(["ä", "b", "ä"], dtype=object)
    expected = [int.from_bytes(hashlib.md5(n.encode()).digest()[:8], "little") for n in names]
    assert hash64(names).tolist() == expected


def test_whole_numbers_hash_alike_in_every_type() -> None:
    ids = np.array([-3, 0, 5, 2**40])
    for dtype in (np.int64, np.float64):
        np.testing.assert_array_equal(hash64(ids.astype(dtype)), hash64(ids))
    assert len(set(hash64(np.array([0.1, 0.2, np.nan, np.inf])).tolist())) == 4


@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(2, 4))
def test_folds_do_not_depend_on_row_order_and_balance_every_stratum(seed: int, n_folds: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    ids, strata = rng.permutation(10_000)[:n], np.arange(n) % k
    folds = stratified_folds(hash64(ids), strata, n_folds)
    order = rng.permutation(n)
    np.testing.assert_array_equal(stratified_folds(hash64(ids[order]), strata[order], n_folds), folds[order])
    table = np.zeros((k, n_folds))
    np.add.at(table, (strata, folds), 1)
    assert np.ptp(table, axis=1).max() <= 1
    assert np.ptp(table.sum(axis=0)) <= 1


def test_groups_stay_together() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, size=300)
    folds = stratified_folds(hash64(groups), rng.integers(0, 2, size=300), 5, np.unique(groups, return_inverse=True)[1])
    assert all(len(np.unique(folds[groups == g])) == 1 for g in np.unique(groups))
    assert set(folds.tolist()) == set(range(5))


@pytest.mark.parametrize("distinct", [1, 2, 1_000])
def test_content_keys_survive_reordering_and_rescaling(distinct: int) -> None:
    rng = np.random.default_rng(distinct)
    X = rng.integers(0, distinct, size=(200, 3)).astype(float)
    y = rng.normal(size=200)
    keys = content_keys(X, ["a", "b", "c"], y)
    rows, columns = rng.permutation(200), [2, 0, 1]
    again = content_keys(X[rows][:, columns] * 3.0 + 1.0, ["c", "a", "b"], 2.0 * y[rows] + 5.0)
    np.testing.assert_array_equal(again, keys[rows])
    assert len(np.unique(keys)) == 200


def test_content_keys_tell_columns_apart() -> None:
    X = np.array([[0.0, 1.0], [1.0, 0.0]])
    keys = content_keys(X, ["a", "b"], np.zeros(2))
    assert keys[0] != keys[1]


def test_cross_predict_never_trains_on_the_fold_it_predicts() -> None:
    folds = np.array([0, 1, 2, 0, 1, 2])

    def fit(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        assert not set(folds[train]) & set(folds[test])
        assert len(train) + len(test) == 6
        return np.stack([test, np.full(len(test), len(train))], axis=1).astype(float)

    out = cross_predict(fit, folds, run=lambda function, items: [function(item) for item in items])
    assert out.tolist() == [[i, 4.0] for i in range(6)]
