"""Lists of recommendations as tables: of the users asked for, or of everybody, re-ranked where that was asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError
from dorec.domain.item_list import ItemList
from dorec.domain.protocols import Scorer
from dorec.domain.run import RunContext
from dorec.loop.recommend_request import RecommendRequest
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

CANDIDATES = 10  # lists handed to a re-ranker are so many times as long as those wanted
SHOWN_USERS = 6  # where nobody is named


@dataclass(frozen=True, eq=False)
class Reranked:
    """A scorer whose lists a re-ranker picks from ten times as many candidates.

    Example:
        >>> from dorec.recommend import Popularity
        >>> from dorec.recommend.reranking import ExposureCap
        >>> rows = {"u": [1, 2, 3, 4], "i": ["tea", "tea", "milk", "jam"]}
        >>> first = Popularity().fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> capped = Reranked(first, ExposureCap(0.5), RunContext())
        >>> first.recommend([3, 4], k=1).items.ravel().tolist(), capped.recommend([3, 4], k=1).items.ravel().tolist()
        (['tea', 'tea'], ['tea', 'milk'])
    """

    scorer: Scorer
    reranker: Any
    context: RunContext

    @property
    def dataset(self) -> Dataset:
        """That of the scorer."""
        return self.scorer.dataset

    def score(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items) before the lists are re-ranked."""
        return self.scorer.score(users)

    def recommend(self, users: Any, k: int = 10, *, exclude_seen: bool = True) -> ItemList:
        """The k picked items of each user id."""
        wide = min(CANDIDATES * k, self.dataset.n_items)
        candidates = self.scorer.recommend(users, wide, exclude_seen=exclude_seen)
        lists: ItemList = self.reranker.rerank(candidates, self.dataset, k, context=self.context)
        return lists


def lists_of_users(scorer: Scorer, request: RecommendRequest, users: AnyArray, context: RunContext) -> pa.Table:
    """Lists of some users by id, as `recommendation_table` has them.

    A re-ranker that shares items out among users goes through everybody's lists, whoever is asked for.
    """
    reranker, data, how = request.reranker(), scorer.dataset, {"exclude_seen": request.exclude_seen}
    if reranker is None:
        return recommendation_table(scorer, scorer.recommend(users, request.k, **how))
    picked = Reranked(scorer, reranker, context)
    if request.rerank != "exposure_cap":
        return recommendation_table(scorer, picked.recommend(users, request.k, **how))
    everyone = np.union1d(data.users, np.asarray(users).astype(str))
    lists, at = picked.recommend(everyone, request.k, **how), np.searchsorted(everyone, users)
    return recommendation_table(scorer, ItemList(users, lists.items[at], lists.scores[at], lists.fallback[at]))


def recommendation_table(scorer: Scorer, items: ItemList) -> pa.Table:
    """One row a user and rank: user_id, item_id, rank, score, fallback, title, because (the two strongest reasons)."""
    data, table = scorer.dataset, items.to_arrow()
    reasons = scorer.reasons(items, n=2)  # type: ignore[attr-defined]
    titles = [data.item_text.get(i, str(i)) for i in table.column("item_id").to_pylist()]
    because = []
    for row, place in zip(*np.nonzero(items.filled), strict=True):
        because.append(", ".join(data.item_text.get(i, str(i)) for i in reasons[row][place]))
    table = table.append_column("title", pa.array(titles, pa.string()))
    return table.append_column("because", pa.array(because, pa.string()))


def most_active(dataset: Dataset, n: int = SHOWN_USERS) -> AnyArray:
    """Ids of the users with most interactions, (n,), the most active first."""
    activity = np.bincount(dataset.user_index, minlength=dataset.n_users)
    return dataset.users[np.argsort(-activity, kind="stable")[:n]]


def check_ending(path: Path) -> None:
    """Refuse a name that is neither Parquet nor CSV."""
    if path.suffix not in (".parquet", ".csv"):
        raise ConfigError(f"--out is {path.name!r}; give a name that ends in .parquet or .csv.")


def write_lists(table: pa.Table, path: Path) -> Path:
    """Write lists as Parquet or CSV, by the ending of the path; the path."""
    check_ending(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    return path
