import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dorec import Dataset
from dorec.domain.errors import ColumnNotFound, InputError, NotFinite

ROWS = {"user": ["b", "a", "b"], "item": [3, 3, 1], "when": [1.0, 2.0, 3.0], "w": [1.0, 2.0, 0.5]}


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_any_frame_gives_the_same_dataset(frame):
    data = Dataset.from_interactions(frame(ROWS), user="user", item="item", time="when", weight="w")
    assert data.users.tolist() == ["a", "b"]
    assert data.items.tolist() == [1, 3]
    assert data.matrix.toarray().tolist() == [[0.0, 2.0], [0.5, 1.0]]
    assert data.time is not None
    assert data.time.tolist() == [1.0, 2.0, 3.0]


def test_repeats_are_summed_in_the_matrix_and_kept_in_the_log():
    data = Dataset.from_interactions({"u": [1, 1], "i": [2, 2]}, user="u", item="i")
    assert data.n_interactions == 2
    assert data.matrix.toarray().tolist() == [[2.0]]


def test_strangers_have_no_position():
    data = Dataset.from_interactions(ROWS, user="user", item="item")
    assert data.index_of(["b", "nobody", "a"]).tolist() == [1, -1, 0]
    assert data.item_index_of([2, 3]).tolist() == [-1, 1]
    assert data.item_index_of(["3"]).tolist() == [-1]


@pytest.mark.parametrize("weight", [[1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_weights_that_mean_nothing_are_refused(weight):
    with pytest.raises(NotFinite, match="row 1"):
        Dataset.from_interactions({"u": [1, 2], "i": [1, 2], "w": weight}, user="u", item="i", weight="w")


def test_a_missing_column_names_the_nearest():
    with pytest.raises(ColumnNotFound, match="Did you mean 'user'"):
        Dataset.from_interactions(ROWS, user="usr", item="item")


def test_an_empty_table_and_missing_ids_are_refused():
    with pytest.raises(InputError, match="no interactions"):
        Dataset.from_interactions({"u": [], "i": []}, user="u", item="i")
    with pytest.raises(NotFinite, match="missing"):
        Dataset.from_interactions({"u": ["a", None], "i": [1, 2]}, user="u", item="i")


def test_times_are_seconds_whatever_their_type():
    stamps = pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True)
    data = Dataset.from_interactions(
        pd.DataFrame({"u": [1, 1], "i": [1, 2], "t": stamps}), user="u", item="i", time="t"
    )
    assert data.time is not None
    assert np.diff(data.time).tolist() == [86400.0]


def test_item_features_are_aligned_to_the_vocabulary():
    data = Dataset.from_interactions(ROWS, user="user", item="item")
    data = data.with_items({"id": [3, 99], "title": ["tea", "none"]}, item="id", text="title")
    assert data.item_text == {3: "tea"}
    assert data.item_features is not None
    assert data.item_features.column("title").to_pylist() == [None, "tea"]


def test_an_id_longer_than_all_known_ones_is_a_stranger():
    data = Dataset.from_interactions({"u": ["ann", "bob"], "i": [1, 2]}, user="u", item="i")
    assert data.index_of(["annabel", "ann"]).tolist() == [-1, 0]
    assert data.index_of(np.array(["bobby"], dtype=object)).tolist() == [-1]
    numbers = Dataset.from_interactions({"u": ["1", "12"], "i": [1, 2]}, user="u", item="i")
    assert numbers.index_of([1, 12, 123]).tolist() == [0, 1, -1]


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_ids_are_found_whatever_the_frame(frame):
    data = Dataset.from_interactions(frame(ROWS), user="user", item="item")
    assert data.index_of(["a", "b", "c"]).tolist() == [0, 1, -1]
    assert data.item_index_of(np.array([3, None, "x"], dtype=object)).tolist() == [1, -1, -1]
    assert data.item_index_of(["x"]).tolist() == [-1]
