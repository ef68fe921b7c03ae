"""Features of user-item pairs for a second stage: what recommenders say, and how items do when shown."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.recommend.exposure_log import ExposureLog
from dorec.recommend.fitted import FittedRecommender
from dorec.recommend.ranker_features import RankerFeatures

Recommenders = Callable[[Dataset, RunContext], list[FittedRecommender]]
SHRINKAGE = 20.0  # showings of the average item that an item's own rate is mixed with


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Scores of recommenders, standardised user by user, log rates of items, and what both sides' columns say."""

    scorers: tuple[FittedRecommender, ...]
    by_item: FloatArray  # (n_items, r)
    profiles: RankerFeatures | None = None  # where users or items have features

    @property
    def size(self) -> int:
        """Number of features."""
        of_profiles = 0 if self.profiles is None else self.profiles.size
        return len(self.scorers) + self.by_item.shape[1] + of_profiles

    def table(self, users: IntArray) -> FloatArray:
        """Features of users and every item, (u, n_items, p)."""
        own = [_standardised(s.score(users)) for s in self.scorers]
        rates = np.broadcast_to(self.by_item, (len(users), *self.by_item.shape))
        said = [] if self.profiles is None else [self.profiles.table(users)]
        return np.concatenate([*([np.stack(own, axis=-1)] if own else []), rates, *said], axis=-1)

    def at(self, users: IntArray, items: IntArray) -> FloatArray:
        """Features of pairs, (n, p)."""
        out = np.empty((len(users), self.size))
        order = np.argsort(users, kind="stable")
        distinct, start = np.unique(users[order], return_index=True)
        step = max(1, 2_000_000 // max(len(self.by_item) * self.size, 1))
        bounds = np.append(start, len(users))
        for first in range(0, len(distinct), step):
            last = min(first + step, len(distinct))
            rows = order[bounds[first] : bounds[last]]
            at = np.searchsorted(distinct[first:last], users[rows])
            out[rows] = self.table(distinct[first:last])[at, items[rows]]
        return out


def pair_features(log: ExposureLog, kept: BoolArray, recommenders: Recommenders, context: RunContext) -> PairFeatures:
    """What recommenders make of each kind of event, and the rates of items, in kept sessions (n_sessions,)."""
    scorers: list[FittedRecommender] = []
    for user, item, session in log.events.values():
        own = kept[session]
        if own.any():
            scorers += recommenders(_dataset(log.responses, user[own], item[own]), context)
    return PairFeatures(tuple(scorers), item_rates(log, kept), _profiles(log, kept))


def item_rates(log: ExposureLog, kept: BoolArray) -> FloatArray:
    """Log share of an item's showings in kept sessions that each other kind of event followed, (n_items, kinds)."""
    n_items = log.responses.n_items
    shown = log.events[log.shown_event]
    own = kept[shown[2]]
    pair = shown[2][own] * n_items + shown[1][own]
    times = np.bincount(shown[1][own], minlength=n_items)
    rates = []
    for kind, (_, item, session) in log.events.items():
        if kind == log.shown_event:
            continue
        hit = np.isin(pair, session * n_items + item)
        count = np.bincount(shown[1][own][hit], minlength=n_items)
        average = (count.sum() + 0.5) / (times.sum() + 1.0)
        rates.append(np.log((count + SHRINKAGE * average) / (times + SHRINKAGE)))
    return np.stack(rates, axis=1)


def _profiles(log: ExposureLog, kept: BoolArray) -> RankerFeatures | None:
    """Features of users and items, with the responses of kept sessions for a history; None without any columns."""
    if log.responses.user_features is None and log.responses.item_features is None:
        return None
    responses = [log.events[kind] for kind in log.events if kind != log.shown_event]
    user, item, session = (np.concatenate(parts) for parts in zip(*responses, strict=True))
    own = kept[session]
    return RankerFeatures(_dataset(log.responses, user[own], item[own]))


def _dataset(like: Dataset, user: IntArray, item: IntArray) -> Dataset:
    return replace(like, user_index=user, item_index=item, weight=np.ones(len(user)), time=None, event=None)


def _standardised(table: FloatArray) -> FloatArray:
    spread = table.std(axis=1, keepdims=True)
    return (table - table.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, 1.0)
