"""A request, ranked items, and what was shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Query:
    """A request for recommendations: who, how many, in which context."""

    user_id: Any
    k: int = 10
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ItemList:
    """Ranked items for many users at once; rows are users, columns ranks 1..k.

    A place that no item can fill (everything was seen, or k exceeds the catalogue) has score -inf and is left out of
    the tables. `fallback` marks users who were unknown and got the fallback recommender.

    Example:
        >>> items = ItemList(np.array(["ann"]), np.array([["tea", "milk"]]), np.array([[2.0, 1.0]]), np.array([False]))
        >>> items.to_arrow().to_pylist()[0]
        {'user_id': 'ann', 'item_id': 'tea', 'rank': 1, 'score': 2.0, 'fallback': False}
    """

    users: AnyArray  # (u,)
    items: AnyArray  # (u, k)
    scores: FloatArray  # (u, k), descending, -inf where there is no item
    fallback: BoolArray  # (u,)

    def __post_init__(self) -> None:
        if self.items.shape != self.scores.shape or len(self.users) != len(self.items):
            raise InputError(
                f"users {self.users.shape}, items {self.items.shape} and scores {self.scores.shape} don't fit; "
                "give (u,), (u, k) and (u, k)."
            )

    @property
    def filled(self) -> BoolArray:
        """Which places hold an item, (u, k)."""
        return np.asarray(self.scores > -np.inf)

    def to_arrow(self) -> "pa.Table":
        """One row a recommendation: user_id, item_id, rank (1..k), score, fallback."""
        import pyarrow as pa

        row, place = np.nonzero(self.filled)
        return pa.table(
            {
                "user_id": pa.array(self.users[row]),
                "item_id": pa.array(self.items[row, place]),
                "rank": pa.array((place + 1).astype(np.int32)),
                "score": pa.array(self.scores[row, place]),
                "fallback": pa.array(self.fallback[row]),
            }
        )

    def to_pandas(self) -> "pd.DataFrame":
        """The same rows as a pandas frame."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame


@dataclass(frozen=True, eq=False)
class Slate:
    """What was shown to one user, in order, with the probability with which the policy showed each item there."""

    user_id: Any
    items: AnyArray  # (k,)
    propensities: FloatArray  # (k,)
    policy_id: str = ""
