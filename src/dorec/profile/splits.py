"""Interactions cut into those to learn from and those to be judged on."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError, TooFewUnits
from dorec.domain.run import RunContext
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """Two datasets with the same vocabularies, and how they were made.

    Example:
        >>> data = Dataset.from_interactions({"u": ["a", "a", "b"], "i": ["x", "y", "x"], "t": [1, 2, 3]},
        ...                                  user="u", item="i", time="t")
        >>> split = leave_last_out(data)
        >>> split.how, split.train.n_interactions, split.test.n_interactions
        ('leave-last-out', 2, 1)
    """

    train: Dataset
    test: Dataset
    how: str
    cut: float | None = None  # seconds since 1970; the test starts here


def temporal_split(dataset: Dataset, test_fraction: float = 0.2) -> Split:
    """The last interactions as the test: everything in train is strictly before everything in test.

    Interactions at the instant of the cut all go to the test, which may hold a little more than `test_fraction`.

    Raises:
        InputError: the interactions have no time, or the fraction is not in (0, 1).
        TooFewUnits: all interactions are at one instant.

    Example:
        >>> data = Dataset.from_interactions({"u": list("aabb"), "i": list("xyxy"), "t": [1, 4, 2, 3]},
        ...                                  user="u", item="i", time="t")
        >>> temporal_split(data, 0.25).test.time.tolist()
        [4.0]
    """
    _check_fraction(test_fraction)
    time = _times(dataset, "temporal_split")
    cut = float(np.sort(time)[min(len(time) - 1, int(np.floor(len(time) * (1 - test_fraction))))])
    later = time >= cut
    if later.all():
        cut = _next_instant(time, cut)
        later = time >= cut
    return Split(train=dataset.take(~later), test=dataset.take(later), how="temporal", cut=cut)


def leave_last_out(dataset: Dataset) -> Split:
    """The last interaction of each user with at least two as the test; at a tie, the last row.

    Raises:
        InputError: the interactions have no time.
        TooFewUnits: no user has two interactions.

    Example:
        >>> data = Dataset.from_interactions({"u": list("aab"), "i": list("xyx"), "t": [5, 4, 2]},
        ...                                  user="u", item="i", time="t")
        >>> leave_last_out(data).test.item_index.tolist()
        [0]
    """
    time = _times(dataset, "leave_last_out")
    order = np.lexsort((np.arange(len(time)), time, dataset.user_index))
    user = dataset.user_index[order]
    is_last = np.append(user[1:] != user[:-1], True)
    counts = np.bincount(dataset.user_index, minlength=dataset.n_users)
    chosen = order[is_last & (counts[user] >= 2)]
    if not len(chosen):
        raise TooFewUnits("no user has two interactions", remedy="use random_split, or collect more")
    held = np.zeros(len(time), dtype=bool)
    held[chosen] = True
    return Split(train=dataset.take(~held), test=dataset.take(held), how="leave-last-out")


def random_split(
    dataset: Dataset, test_fraction: float = 0.2, *, per_user: bool = False, context: RunContext | None = None
) -> Split:
    """A random share of the user-item pairs as the test; repeats of a pair stay together, so none is in both.

    Args:
        dataset: the interactions.
        test_fraction: share of the pairs; with `per_user`, of each user's pairs (rounded, and at least one is left).
        per_user: draw within each user rather than over all pairs.
        context: its seed decides the draw.

    Raises:
        InputError: the fraction is not in (0, 1).
        TooFewUnits: a side would be empty.

    Example:
        >>> data = Dataset.from_interactions({"u": list("aaaab"), "i": list("wxyzx")}, user="u", item="i")
        >>> split = random_split(data, 0.25, per_user=True)
        >>> split.test.n_interactions, split.train.n_interactions
        (1, 4)
    """
    _check_fraction(test_fraction)
    pair = dataset.user_index * dataset.n_items + dataset.item_index
    pairs, of_row = np.unique(pair, return_inverse=True)
    draw = (context or RunContext()).rng("random split").random(len(pairs))
    owner = pairs // dataset.n_items
    chosen = _per_user(owner, draw, test_fraction) if per_user else _smallest(draw, test_fraction)
    held = chosen[of_row.reshape(-1)]
    if held.all() or not held.any():
        raise TooFewUnits(f"{len(pairs)} user-item pair(s) can't be split", remedy="collect more, or move the fraction")
    how = "random per user" if per_user else "random"
    return Split(train=dataset.take(~held), test=dataset.take(held), how=how)


def _smallest(draw: FloatArray, fraction: float) -> BoolArray:
    n = round(len(draw) * fraction)
    held = np.zeros(len(draw), dtype=bool)
    held[np.argsort(draw, kind="stable")[:n]] = True
    return held


def _per_user(owner: IntArray, draw: FloatArray, fraction: float) -> BoolArray:
    """The share of each owner's pairs with the smallest draws."""
    order = np.lexsort((draw, owner))
    counts = np.bincount(owner)
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(owner)) - starts[owner[order]]
    quota = np.minimum(np.round(counts * fraction), counts - 1)
    held = np.zeros(len(owner), dtype=bool)
    held[order] = rank < quota[owner[order]]
    return held


def _times(dataset: Dataset, what: str) -> FloatArray:
    if dataset.time is None:
        raise InputError(
            f"{what} needs a time for every interaction, and these have none. "
            "Name the time column, or use random_split."
        )
    return dataset.time


def _next_instant(time: FloatArray, cut: float) -> float:
    later = time[time > cut]
    if not len(later):
        raise TooFewUnits("every interaction is at the same instant", remedy="use random_split")
    return float(later.min())


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise InputError(f"test_fraction is {fraction}; give a share between 0 and 1, as in 0.2.")
