"""Columns of every kind in one sparse matrix."""

import numpy as np
import pyarrow as pa

from dorec.recommend.feature_hashing import hashed_features, number_bins

IDS = np.array(["a", "b", "c", "d"])
TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "title": ["green tea", "Green TEA", "black tea", None],
        "price": [1.0, 1.0, 9.0, None],
        "genres": [["x"], ["x", "y"], [], None],
        "vector": [[3.0, 4.0], [3.0, 4.0], [4.0, -3.0], None],
        "nothing": pa.nulls(4, pa.string()),
    }
)


def matrix(*columns):
    table = TABLE.select(["id", *columns])
    return hashed_features(table, IDS, number_bins(table, IDS), 4096)


def test_rows_that_say_the_same_are_the_same_whatever_the_case():
    both = matrix("title", "price", "vector")
    assert (both[0] != both[1]).nnz == 0


def test_each_column_has_length_one_and_gaps_have_none():
    for name in ("title", "price", "genres", "vector"):
        length = np.asarray(matrix(name).power(2).sum(axis=1)).ravel()
        filled = [cell is not None and cell != [] for cell in TABLE.column(name).to_pylist()]
        np.testing.assert_allclose(length, filled, rtol=1e-6)


def test_shared_words_bring_rows_together_and_vectors_keep_their_angle():
    title, vector = matrix("title"), matrix("vector")
    assert 0 < (title[0] @ title[2].T).toarray()[0, 0] < 1
    assert abs((vector[0] @ vector[2].T).toarray()[0, 0]) < 1e-6


def test_ids_and_empty_columns_say_nothing():
    assert matrix("nothing").nnz == 0
    assert hashed_features(None, IDS, {}, 16).shape == (4, 16)
