"""A small shop with two tastes."""

import numpy as np
import pytest

from dorec import Dataset


@pytest.fixture(scope="session")
def tastes() -> Dataset:
    """60 users, 40 items: even users choose even items, odd users odd ones, a few stray."""
    rng = np.random.default_rng(0)
    rows = {"user": [], "item": []}
    for user in range(60):
        for item in rng.choice(40, 12, replace=False):
            if item % 2 == user % 2 or rng.random() < 0.1:
                rows["user"].append(user)
                rows["item"].append(int(item))
    return Dataset.from_interactions(rows, user="user", item="item")
