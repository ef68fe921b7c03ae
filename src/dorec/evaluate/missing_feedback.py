"""Ranking metrics when what is known of the items is missing not at random: IPS, SNIPS and doubly robust."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from dorec.domain.errors import BadPropensity, ConfigError, InputError, TooFewUnits, did_you_mean
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.protocols import Scorer
from dorec.domain.table import column, to_arrow
from dorec.evaluate.causal_ranking import Method, ranks
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

METRICS = ("ndcg", "recall", "dcg")


@dataclass(frozen=True, eq=False)
class Observed:
    """Pairs whose relevance is known, and what is thought of all of them."""

    user: IntArray  # (n,) place among the judged users
    item: IntArray  # (n,)
    relevance: FloatArray  # (n,)
    weight: FloatArray  # (n,) inverse propensity
    imputed: FloatArray | None  # (u, n_items)
    able: BoolArray  # (u, n_items) in the race
    judged: AnyArray  # (u,) ids


def ranking_from_observed(
    scorer: Scorer,
    table: Any,
    *,
    k: int = 10,
    metrics: Sequence[str] = METRICS,
    method: Method = "ips",
    imputed: AnyArray | None = None,
    users: Any = None,
    exclude_seen: bool = True,
) -> Estimate:
    """One value for each metric over ALL pairs, though relevance is known of some, by chances that differ.

    With R the relevance of a pair and r its rank in the top k (Yang et al. 2018, doi:10.1145/3240323.3240355):

    - `dcg`: sum of R / log2(r + 1), mean over users;
    - `ndcg`: that over the sum of R: the mean discount of a relevant pair, 1 if it is ranked first, 0 off the list;
    - `recall`: share of all relevance that the lists hold.

    Both ratios are of sums over users: no user's own ideal list is known from some of its relevant items. Relevance is
    weighed by the inverse propensity of being observed; "snips" normalises the weights, of listed pairs and of all
    pairs each; "dr" corrects `imputed` relevance by the weighted residuals.

    Args:
        scorer: a fitted recommender.
        table: one row an observed pair: user_id, item_id, relevance (from 0 on), propensity of being observed.
            "snips" and "dr" need pairs that turned out irrelevant too.
        k: length of the lists.
        metrics: names, in the order of the values that come out.
        method: how the unobserved is made up for.
        imputed: predicted relevance of every pair, (n_users, n_items) of the scorer's dataset; for "dr".
        users: ids to judge, all of the scorer's by default; one without observed pairs counts too.
        exclude_seen: whether pairs of the training history are out of the race.

    Raises:
        BadPropensity: a propensity is outside (0, 1].
        TooFewUnits: fewer than two users, or no relevant pair was observed.

    Example:
        >>> from dorec.domain.dataset import Dataset
        >>> from dorec.recommend import Popularity
        >>> data = Dataset.from_interactions({"u": [1, 2, 2], "i": [7, 7, 8]}, user="u", item="i")
        >>> seen = {"user_id": [1, 2, 2], "item_id": [7, 7, 8], "relevance": [1, 1, 1], "propensity": [0.5, 0.5, 0.25]}
        >>> found = ranking_from_observed(Popularity().fit(data), seen, k=1, exclude_seen=False)
        >>> found["recall"].value, found["dcg"].value
        (0.5, 2.0)
    """
    _check(k, metrics, method, imputed)
    judged = np.unique(scorer.dataset.users if users is None else np.atleast_1d(np.asarray(users)))
    if len(judged) < 2:
        raise TooFewUnits(f"{len(judged)} user(s) are judged", remedy="add users")
    seen = _observed(scorer, table, judged, exclude_seen, imputed if method == "dr" else None)
    rank = ranks(scorer, judged, k, exclude_seen)
    on = rank > 0
    discount = np.where(on, 1.0 / np.log2(np.maximum(rank, 1) + 1.0), 0.0)
    label = fingerprint(judged, seen.user, seen.item, seen.relevance, seen.weight)
    gained = {"dcg": discount, "ndcg": discount, "recall": on.astype(np.float64)}
    whole = _total("relevance", seen, seen.able.astype(np.float64), method, label)
    if whole.value <= 0:
        raise TooFewUnits("no relevant pair was observed", remedy="add relevant pairs, or impute")
    parts = []
    for name in metrics:
        top = _total(name, seen, gained[name], method, label)
        parts.append(top if name == "dcg" else _renamed(top / whole, name))
    return Estimate.concat(parts)


def _total(name: str, seen: Observed, gain: FloatArray, method: Method, label: str) -> Estimate:
    """Mean over users of the sum of gain x relevance over all pairs, gain (u, n_items)."""
    users = len(seen.judged)
    own = gain[seen.user, seen.item]

    def by_user(values: FloatArray) -> FloatArray:
        return np.bincount(seen.user, weights=values, minlength=users).astype(np.float64)

    fields: dict[str, Any] = {"name": name, "method": method, "sample": label}
    if method == "dr":
        guess = np.zeros(gain.shape) if seen.imputed is None else seen.imputed
        residual = seen.relevance - guess[seen.user, seen.item]
        return Estimate.of_mean((gain * guess).sum(axis=1) + by_user(own * seen.weight * residual), **fields)
    top = by_user(own * seen.weight * seen.relevance)
    if method == "ips":
        return Estimate.of_mean(top, **fields)
    bottom, total = by_user(own * seen.weight), gain.sum(axis=1)
    if not bottom.any():
        return Estimate.of_mean(top, **fields)
    mean = top.sum() / bottom.sum()
    influence = mean * (total - total.mean()) + (top - mean * bottom) * total.sum() / bottom.sum()
    return Estimate(mean * float(total.mean()), influence, **fields)


def _renamed(ratio: Estimate, name: str) -> Estimate:
    return Estimate(
        ratio.value,
        ratio.influence,
        name=name,
        method=ratio.method,
        sample=ratio.sample,
        dof=ratio.dof,
        no_interval=ratio.no_interval,
        verdicts=ratio.verdicts,
    )


def _observed(scorer: Scorer, table: Any, judged: AnyArray, exclude_seen: bool, imputed: AnyArray | None) -> Observed:
    arrow = to_arrow(table)
    user_id, item_id, relevance, p = (column(arrow, n) for n in ("user_id", "item_id", "relevance", "propensity"))
    data = scorer.dataset
    item = data.item_index_of(item_id)
    if (judged.dtype.kind in "iuf") != (user_id.dtype.kind in "iuf"):
        raise InputError(f"user_id is {user_id.dtype}, the scorer's users are {judged.dtype}; give ids of one kind.")
    place = np.minimum(np.searchsorted(judged, user_id.astype(judged.dtype)), len(judged) - 1)
    able = np.ones((len(judged), data.n_items), dtype=bool)
    at = data.index_of(judged)
    if exclude_seen:
        rows = np.flatnonzero(at >= 0)
        able[rows] = data.matrix[at[rows]].toarray() == 0
        # an explicit 0 in the history is seen all the same
        stored = data.matrix[at[rows]].tocoo()
        able[rows[stored.row], stored.col] = False
    kept = (judged[place] == user_id) & (item >= 0)
    kept[kept] = able[place[kept], item[kept]]
    gains, chance = relevance.astype(np.float64)[kept], p.astype(np.float64)[kept]
    if not (np.isfinite(gains) & (gains >= 0)).all():
        raise InputError("A relevance is missing, infinite or negative; leave these rows out.")
    if not ((chance > 0) & (chance <= 1)).all():
        raise BadPropensity("a propensity of being observed is outside (0, 1]", remedy="repair these rows")
    guess = None
    if imputed is not None:
        guess = np.where((at >= 0)[:, None], np.asarray(imputed, dtype=np.float64)[np.maximum(at, 0)], 0.0) * able
    return Observed(place[kept].astype(np.int64), item[kept], gains, 1.0 / chance, guess, able, judged)


def _check(k: int, metrics: Sequence[str], method: str, imputed: AnyArray | None) -> None:
    if k != int(k) or k < 1:
        raise InputError(f"k is {k}; give the length of the lists, a whole number from 1 on.")
    if method not in get_args(Method):
        raise ConfigError(f"method is {method!r}; allowed: {', '.join(get_args(Method))}.")
    if method == "dr" and imputed is None:
        raise ConfigError("method='dr' corrects predictions: give imputed, (n_users, n_items), or take 'ips'.")
    if isinstance(metrics, str) or not metrics:
        raise ConfigError(f"metrics is {metrics!r}; give at least one name in a tuple: {', '.join(METRICS)}.")
    for name in metrics:
        if name not in METRICS:
            raise ConfigError(
                f"There is no metric {name!r}. Metrics: {', '.join(METRICS)}.{did_you_mean(name, METRICS)}"
            )
