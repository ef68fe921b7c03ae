import numpy as np
import pytest

from dorec import ItemList
from dorec.domain.errors import InputError


def test_places_without_an_item_are_left_out():
    items = ItemList(
        np.array([1, 2]), np.array([[5, 6], [7, 0]]), np.array([[2.0, 1.0], [3.0, -np.inf]]), np.array([False, True])
    )
    frame = items.to_pandas()
    assert frame[["user_id", "item_id", "rank"]].to_numpy().tolist() == [[1, 5, 1], [1, 6, 2], [2, 7, 1]]
    assert frame["fallback"].tolist() == [False, False, True]


def test_shapes_must_fit():
    with pytest.raises(InputError, match="don't fit"):
        ItemList(np.array([1]), np.zeros((1, 3)), np.zeros((1, 2)), np.array([False]))
