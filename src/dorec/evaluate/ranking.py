"""Do the lists hold what users went on to choose? Full ranking of the catalogue against held-out behaviour."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, TooFewUnits, did_you_mean
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.protocols import Scorer
from dorec.domain.run import RunContext
from dorec.evaluate.judged_lists import LIST_METRICS, JudgedLists
from dorec.evaluate.ranking_metrics import ACCURACY
from dorec.evaluate.sampled_ranking import sampled_lists
from dorec.numeric.arrays import AnyArray, IntArray

DEFAULT_CONTEXT = RunContext()
BLOCK = 8192  # users whose lists are asked for at once
METRICS = ("ndcg", "recall", "precision", "mrr", "hit_rate", "map", "coverage", "novelty")
KNOWN = (*ACCURACY, *LIST_METRICS)


def ranking(
    scorer: Scorer,
    test: Dataset,
    *,
    k: int = 10,
    metrics: Sequence[str] = METRICS,
    users: Any = None,
    exclude_seen: bool = True,
    category: str | None = None,
    sampled: int | None = None,
    context: RunContext = DEFAULT_CONTEXT,
) -> Estimate:
    """One value for each metric, over the users of the test: paired, user by user, with any other model's on that test.

    Every item competes, unless `sampled` says otherwise. With `exclude_seen`, what a user had in training is neither
    recommended nor asked for. Users without a relevant test item are left out; users without a training history are
    judged by the fallback they get.

    Accuracy (`ndcg`, `recall`, `precision`, `mrr`, `hit_rate`, `map`, `f1`, `r_precision`, `rbp`) is defined in
    `evaluate.ranking_metrics`; what the lists are like (`coverage`, `gini`, `personalization`, `novelty`, `popularity`,
    `popularity_lift`, `long_tail`, `serendipity`, and by category `diversity`, `entropy`, `miscalibration`) in
    `evaluate.list_metrics`.

    Args:
        scorer: a fitted recommender.
        test: held-out interactions; ids are matched, so its vocabularies may differ. An item that the scorer does not
            know is relevant and can't be found.
        k: length of the lists.
        metrics: names, in the order of the values that come out.
        users: ids to judge; all of the test by default.
        exclude_seen: whether items of the training history are out of the race.
        category: column of the scorer's item features that `diversity`, `entropy` and `miscalibration` go by.
        sampled: rank the relevant items against so many drawn ones instead of all; a warning says what that is worth.
        context: its progress is shown; its seed draws the sample.

    Warns:
        SampledRankingWarning: `sampled` was given.

    Raises:
        ConfigError: a metric is unknown.
        TooFewUnits: fewer than two users have a relevant test item.

    Example:
        >>> from dorec.recommend import Popularity
        >>> train = Dataset.from_interactions({"u": [1, 1, 2, 3], "i": [7, 8, 8, 9]}, user="u", item="i")
        >>> test = Dataset.from_interactions({"u": [1, 2, 3], "i": [9, 7, 8]}, user="u", item="i")
        >>> found = ranking(Popularity().fit(train), test, k=1, metrics=("ndcg", "coverage"))
        >>> found["ndcg"].value, found["coverage"].value
        (1.0, 1.0)
    """
    _check(k, metrics)
    ids, keys, n_relevant = _relevant(scorer, test, users, exclude_seen)
    if len(ids) < 2:
        raise TooFewUnits(
            f"{len(ids)} user(s) have a relevant item in the test",
            remedy="hold out more interactions, or take exclude_seen=False where users come back to the same items",
        )
    if sampled is None:
        places = _lists(scorer, ids, k, exclude_seen, context)
    else:
        places = sampled_lists(scorer, ids, k, keys=keys, n_sampled=sampled, exclude_seen=exclude_seen, context=context)
    row = np.arange(len(ids))[:, None]
    hits = (places >= 0) & _among(row * scorer.dataset.n_items + places, keys)
    lists = JudgedLists(scorer.dataset, scorer.dataset.index_of(ids), places, hits, n_relevant, category)
    columns = [lists.metric(name) for name in metrics]
    return Estimate(
        np.array([value for value, _ in columns]),
        np.stack([influence for _, influence in columns], axis=1),
        name=tuple(metrics),
        method=f"{'full ranking' if sampled is None else f'ranking against {sampled} sampled items'}, top {k}",
        estimand=f"mean over users like the {len(ids):,} of the test",
        sample=fingerprint(ids, n_relevant, keys, np.array([k])),
    )


def _check(k: int, metrics: Sequence[str]) -> None:
    if k != int(k) or k < 1:
        raise InputError(f"k is {k}; give the length of the lists, a whole number from 1 on.")
    if isinstance(metrics, str) or not metrics:
        raise ConfigError(f"metrics is {metrics!r}; give at least one name in a tuple: {', '.join(KNOWN)}.")
    for name in metrics:
        if name not in KNOWN:
            raise ConfigError(f"There is no metric {name!r}. Metrics: {', '.join(KNOWN)}.{did_you_mean(name, KNOWN)}")


def _relevant(scorer: Scorer, test: Dataset, users: Any, exclude_seen: bool) -> tuple[AnyArray, IntArray, IntArray]:
    """Ids of the users judged (u,), sorted keys row * n_items + item of what is relevant, and how much is (u,)."""
    train = scorer.dataset
    chosen = test.weight > 0
    if users is not None:
        chosen &= np.isin(test.user_index, test.index_of(np.atleast_1d(np.asarray(users))))
    pairs = np.unique(test.user_index[chosen] * test.n_items + test.item_index[chosen])
    user, item = pairs // test.n_items, train.item_index_of(test.items)[pairs % test.n_items]
    if exclude_seen:
        keep = ~_seen(train, train.index_of(test.users)[user], item)
        user, item = user[keep], item[keep]
    judged, row = np.unique(user, return_inverse=True)
    keys = np.sort((row * train.n_items + item)[item >= 0])
    return test.users[judged], keys, np.bincount(row, minlength=len(judged))


def _seen(train: Dataset, user: IntArray, item: IntArray) -> AnyArray:
    """Which pairs of positions stand in the training matrix; -1 never does."""
    matrix = train.pairs
    owner = np.repeat(np.arange(train.n_users), np.diff(matrix.indptr))
    known = owner * train.n_items + matrix.indices
    return (user >= 0) & (item >= 0) & _among(user * train.n_items + item, known)


def _among(keys: IntArray, of: IntArray) -> AnyArray:
    """Which keys are in a sorted array."""
    if not len(of):
        return np.zeros(keys.shape, dtype=bool)
    at = np.minimum(np.searchsorted(of, keys), len(of) - 1)
    return np.asarray(of[at] == keys)


def _lists(scorer: Scorer, ids: AnyArray, k: int, exclude_seen: bool, context: RunContext) -> IntArray:
    """Positions of the recommended items, (u, k), -1 in unfilled places."""
    places = np.full((len(ids), k), -1, dtype=np.int64)
    starts = range(0, len(ids), BLOCK)
    for start in context.track(starts, "ranking items for users", len(starts)):
        found = scorer.recommend(ids[start : start + BLOCK], k, exclude_seen=exclude_seen)
        block = places[start : start + BLOCK]
        filled = found.filled
        block[:, : filled.shape[1]][filled] = scorer.dataset.item_index_of(found.items[filled])
    return places
