"""Do the lists hold what showing causes? Ranking metrics over effects, from a log of what was shown and held back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from dorec.domain.errors import BadPropensity, ConfigError, InputError, NoSupport, TooFewUnits, did_you_mean
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.protocols import Scorer
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

Method = Literal["ips", "snips", "dr"]
METRICS = ("causal_precision", "cdcg", "qini")


@dataclass(frozen=True, eq=False)
class Trials:
    """Occasions on which an item could have been shown to a user, whether it was, and what came of it."""

    user: IntArray  # (n,) place among the judged users
    item: IntArray  # (n,) place in the scorer's items
    shown: FloatArray  # (n,) 0 or 1
    outcome: FloatArray  # (n,)
    propensity: FloatArray  # (n,) of being shown
    if_shown: FloatArray  # (n,) predicted outcome; 0 without predictions
    if_not: FloatArray  # (n,)
    judged: AnyArray  # (u,) user ids


def causal_ranking(
    scorer: Scorer,
    table: Any,
    *,
    k: int = 10,
    metrics: Sequence[str] = METRICS,
    method: Method = "ips",
    exclude_seen: bool = False,
) -> Estimate:
    """One value for each metric: the effect of showing that the scorer's top k gather, over the users of the table.

    With t(u, r) the effect of showing user u the item at rank r (Sato et al. 2020, doi:10.1145/3383313.3412261):

    - `causal_precision`: mean of t over the k places;
    - `cdcg`: sum of t / log2(r + 1);
    - `qini`: by how much the sum of t over the first j places exceeds that of j items by chance, mean over j = 1..k.

    Effects are estimated trial by trial: "ips" weighs outcomes by the inverse propensity of what was done; "snips"
    normalises these weights, place by place; "dr" corrects predictions (columns `predicted_shown`,
    `predicted_unshown`) by the weighted residuals. The log must not be the one that the scorer learned from.

    Args:
        scorer: a fitted recommender.
        table: one row a trial: user_id, item_id, shown (0 or 1), outcome, propensity of being shown. Every pair that
            can stand in a list needs a row, shown or not; several trials of a pair are averaged.
        k: length of the lists.
        metrics: names, in the order of the values that come out.
        method: how effects are estimated.
        exclude_seen: whether items of the training history are out of the race.

    Raises:
        BadPropensity: a propensity is not inside (0, 1).
        NoSupport: a listed pair has no trial.
        TooFewUnits: fewer than two users.

    Example:
        >>> from dorec.domain.dataset import Dataset
        >>> from dorec.recommend import Popularity
        >>> scorer = Popularity().fit(Dataset.from_interactions({"u": [1, 2, 2], "i": [7, 7, 8]}, user="u", item="i"))
        >>> log = {"user_id": [1, 1, 2, 2], "item_id": [7, 8, 7, 8], "shown": [1, 0, 1, 0],
        ...        "outcome": [1.0, 0.0, 0.0, 1.0], "propensity": [0.5] * 4}
        >>> found = causal_ranking(scorer, log, k=1)
        >>> found["causal_precision"].value, found["qini"].value
        (1.0, 1.0)
    """
    _check(k, metrics, method)
    trials = _trials(scorer, table, method)
    if len(trials.judged) < 2:
        raise TooFewUnits(f"the table has {len(trials.judged)} user(s)", remedy="add users")
    rank = ranks(scorer, trials.judged, k, exclude_seen)[trials.user, trials.item]
    pairs = trials.user * scorer.dataset.n_items + trials.item
    _, pair, count = np.unique(pairs, return_inverse=True, return_counts=True)
    share = 1.0 / count[pair]
    _check_listed(scorer, trials, rank, pairs, (k, exclude_seen))
    parts = [_estimate(name, trials, (rank, share), k, method) for name in metrics]
    return Estimate.concat(parts)


def ranks(scorer: Scorer, users: AnyArray, k: int, exclude_seen: bool) -> IntArray:
    """Rank (from 1) of every item in each user's top k, (u, n_items); 0 where it is not in it.

    Example:
        >>> from dorec.domain.dataset import Dataset
        >>> from dorec.recommend import Popularity
        >>> scorer = Popularity().fit(Dataset.from_interactions({"u": [1, 2, 2], "i": [7, 7, 8]}, user="u", item="i"))
        >>> ranks(scorer, np.array([1]), 2, exclude_seen=False).tolist()
        [[1, 2]]
    """
    found = scorer.recommend(users, min(k, scorer.dataset.n_items), exclude_seen=exclude_seen)
    out = np.zeros((len(users), scorer.dataset.n_items), dtype=np.int64)
    row, place = np.nonzero(found.filled)
    out[row, scorer.dataset.item_index_of(found.items[row, place])] = place + 1
    return out


def _estimate(name: str, trials: Trials, listed: tuple[IntArray, FloatArray], k: int, method: Method) -> Estimate:
    rank, share = listed
    gain = _place_weights(name, rank, k)
    if name != "qini":
        return _gathered(name, trials, gain * share, method)
    # an item by chance stands in each of the places 1..k as often as in any other
    users = len(trials.judged)
    by_chance = share / np.bincount(trials.user, weights=share, minlength=users)[trials.user]
    return _gathered(name, trials, gain * share - 0.5 * (k + 1) * by_chance, method)


def _place_weights(name: str, rank: IntArray, k: int) -> FloatArray:
    """What the effect of the item at each rank counts, 0 off the list."""
    on = rank > 0
    if name == "causal_precision":
        return on / k
    if name == "cdcg":
        return np.where(on, 1.0 / np.log2(np.maximum(rank, 1) + 1.0), 0.0)
    return np.where(on, (k - rank + 1.0) / k, 0.0)


def _gathered(name: str, trials: Trials, weight: FloatArray, method: Method) -> Estimate:
    """Mean over users of the sum of weight x effect, with the weights of each arm normalised for "snips"."""
    arms = []
    for arm, chance in ((trials.shown, trials.propensity), (1.0 - trials.shown, 1.0 - trials.propensity)):
        arms.append(arm / chance)
    if method == "snips":
        return _self_normalised(name, trials, weight, arms)
    effect = arms[0] * (trials.outcome - trials.if_shown) - arms[1] * (trials.outcome - trials.if_not)
    effect = effect + trials.if_shown - trials.if_not
    scores = np.bincount(trials.user, weights=weight * effect, minlength=len(trials.judged))
    return Estimate.of_mean(scores.astype(np.float64), **_fields(name, trials, method))


def _self_normalised(name: str, trials: Trials, weight: FloatArray, arms: list[FloatArray]) -> Estimate:
    """Positive and negative weights apart: each arm's weighted mean outcome, times the weight there is."""
    users, value, influence = len(trials.judged), 0.0, np.zeros(len(trials.judged))
    for side in (np.maximum(weight, 0.0), np.minimum(weight, 0.0)):
        total = np.bincount(trials.user, weights=side, minlength=users)
        if not np.any(total):
            continue
        for arm, sign in zip(arms, (1.0, -1.0), strict=True):
            top = np.bincount(trials.user, weights=side * arm * trials.outcome, minlength=users)
            bottom = np.bincount(trials.user, weights=side * arm, minlength=users)
            if not np.any(bottom):
                raise NoSupport(
                    f"no listed pair was {'shown' if sign > 0 else 'held back'}",
                    remedy="use method='dr', or a log that shows what the lists hold",
                )
            mean = top.sum() / bottom.sum()
            value += sign * mean * total.mean()
            influence += sign * (mean * (total - total.mean()) + (top - mean * bottom) * total.sum() / bottom.sum())
    return Estimate(value, influence, **_fields(name, trials, "snips"))


def _fields(name: str, trials: Trials, method: str) -> dict[str, Any]:
    return {
        "name": name,
        "method": f"{method} over trials",
        "estimand": f"effects gathered, mean over users like the {len(trials.judged):,} of the log",
        "sample": fingerprint(trials.judged, trials.user, trials.item, trials.outcome, trials.shown),
    }


def _trials(scorer: Scorer, table: Any, method: Method) -> Trials:
    arrow = to_arrow(table)
    names = ["user_id", "item_id", "shown", "outcome", "propensity"]
    if method == "dr":
        names += ["predicted_shown", "predicted_unshown"]
    columns = [column(arrow, name) for name in names]
    judged, user = np.unique(columns[0], return_inverse=True)
    item = scorer.dataset.item_index_of(columns[1])
    known = item >= 0  # what the scorer can't list has no place in its lists
    numbers = [c.astype(np.float64)[known] for c in columns[2:]]
    for name, values in zip(names[2:], numbers, strict=True):
        if not np.isfinite(values).all():
            raise InputError(f"{name!r} has missing or infinite values; leave these rows out.")
    shown, outcome, p = numbers[:3]
    if not np.isin(shown, (0.0, 1.0)).all():
        raise InputError("'shown' must be 0 or 1 (or false and true).")
    if ((p <= 0) | (p >= 1)).any():
        raise BadPropensity(
            f"{int(((p <= 0) | (p >= 1)).sum()):,} propensities of being shown are not inside (0, 1)",
            remedy="leave out pairs that were always or never shown; of their effects the log says nothing",
        )
    guess = numbers[3:] or [np.zeros(len(p)), np.zeros(len(p))]
    return Trials(user[known].astype(np.int64), item[known], shown, outcome, p, guess[0], guess[1], judged)


def _check_listed(scorer: Scorer, trials: Trials, rank: IntArray, pairs: IntArray, how: tuple[int, bool]) -> None:
    k, exclude_seen = how
    seen = len(np.unique(pairs[rank > 0]))
    wanted = int((ranks(scorer, trials.judged, k, exclude_seen) > 0).sum())
    if seen < wanted:
        raise NoSupport(
            f"{wanted - seen:,} of {wanted:,} listed pairs have no trial in the table",
            remedy="give a row for each pair that could have been shown, with shown=0 where it was not",
        )


def _check(k: int, metrics: Sequence[str], method: str) -> None:
    if k != int(k) or k < 1:
        raise InputError(f"k is {k}; give the length of the lists, a whole number from 1 on.")
    if method not in get_args(Method):
        raise ConfigError(f"method is {method!r}; allowed: {', '.join(get_args(Method))}.")
    if isinstance(metrics, str) or not metrics:
        raise ConfigError(f"metrics is {metrics!r}; give at least one name in a tuple: {', '.join(METRICS)}.")
    for name in metrics:
        if name not in METRICS:
            raise ConfigError(
                f"There is no causal metric {name!r}. Metrics: {', '.join(METRICS)}.{did_you_mean(name, METRICS)}"
            )
