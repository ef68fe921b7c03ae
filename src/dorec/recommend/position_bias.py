"""How likely is each place of a slate to be looked at? From randomised swaps, or from a model of examination."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NoSupport, TooFewUnits
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()


def examination_by_swaps(place: AnyArray, clicked: AnyArray, *, user: AnyArray | None = None) -> Estimate:
    """Chance that each place is looked at, relative to the first, where chance alone chose what stands there.

    Click rates by place, divided by that of place 0: items are alike on average, so what differs is attention
    (Joachims, Swaminathan, Schnabel 2017, doi:10.1145/3018661.3018699). Hand in only impressions whose item was put in
    its place at random, as by swaps of two places or by a shuffled slate.

    Args:
        place: from 0, (n,).
        clicked: 0 or 1, (n,).
        user: whose impression it is, (n,); intervals then stand on users.

    Returns:
        An estimate of the places after the first, named "place 1 / place 0", "place 2 / place 0", ...

    Raises:
        TooFewUnits: fewer than two places, or a place without impressions.
        NoSupport: no click in the first place.

    Example:
        >>> place = np.tile([0, 1], 500)
        >>> clicked = (np.arange(1000) % 20 == 0) | (np.arange(1000) % 40 == 1)
        >>> round(float(examination_by_swaps(place, clicked).value[0]), 2)
        0.5
    """
    at, hit = _checked(place, clicked)
    count = np.bincount(at)
    if len(count) < 2 or not count.all():
        raise TooFewUnits(
            f"{int((count > 0).sum())} of {len(count)} places have impressions",
            remedy="give impressions of every place",
        )
    owner = np.arange(len(at)) if user is None else np.unique(np.asarray(user), return_inverse=True)[1]
    n = int(owner.max()) + 1
    shown, clicks = np.zeros((n, len(count))), np.zeros((n, len(count)))
    np.add.at(shown, (owner, at), 1.0)
    np.add.at(clicks, (owner, at), hit)
    rate = clicks.sum(axis=0) / shown.sum(axis=0)
    if rate[0] == 0:
        raise NoSupport("no impression of place 0 was clicked", remedy="collect more impressions")
    influence = (clicks - rate * shown) / shown.mean(axis=0)
    rates = Estimate(rate, influence, name=tuple(f"place {k}" for k in range(len(rate))), sample=fingerprint(at, hit))
    return Estimate.concat([rates[k] / rates[0] for k in range(1, len(rate))])


@dataclass(frozen=True, eq=False)
class Examination:
    """What an examination model found: P(click) = examination of the place x attraction of the pair.

    Example:
        >>> Examination(np.array([1.0, 0.5]), np.array([0.3]), -0.2).weights(np.array([1])).tolist()
        [2.0]
    """

    examination: FloatArray  # (places,) 1 for the best
    attraction: FloatArray  # (n_pairs,) of the pairs as they were labelled
    log_likelihood: float  # mean of an impression

    def weights(self, place: AnyArray) -> FloatArray:
        """Inverse propensities of clicks at these places, (n,)."""
        return np.asarray(1.0 / self.examination[np.asarray(place, dtype=np.int64)])


@dataclass(frozen=True)
class ExaminationModel:
    """Attention to places and attraction of pairs, told apart because pairs stood in several places.

    Expectation maximisation of the position-based model (Chuklin, Markov, de Rijke 2015; Wang et al. 2018,
    doi:10.1145/3159652.3159732), with a Beta(`prior`, `prior`) prior on each attraction. No intervals: attraction and
    attention are told apart by the model, not by chance; swaps give them.

    Args:
        epochs: rounds of expectation maximisation.
        prior: of attraction, in clicks and in none, for pairs that are seldom shown.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pair, place = rng.integers(0, 50, 40_000), rng.integers(0, 3, 40_000)
        >>> look, attract = np.array([1.0, 0.6, 0.3]), rng.uniform(0.1, 0.9, 50)
        >>> clicked = rng.random(40_000) < look[place] * attract[pair]
        >>> ExaminationModel().fit(pair, place, clicked).examination.round(1).tolist()
        [1.0, 0.6, 0.3]
    """

    epochs: int = 200
    prior: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs != int(self.epochs) or self.epochs < 1:
            raise ConfigError(f"epochs is {self.epochs}; give a whole number from 1 on.")
        if not self.prior >= 0:
            raise ConfigError(f"prior is {self.prior}; give a number from 0 on.")

    def fit(
        self, pair: AnyArray, place: AnyArray, clicked: AnyArray, *, context: RunContext = DEFAULT_CONTEXT
    ) -> Examination:
        """Fit both; `pair` labels what attracts (an item, or a user and an item), each (n,).

        Raises:
            NoSupport: every pair stood in one place only, so nothing tells attention from attraction.
        """
        at, hit = _checked(place, clicked)
        label = np.unique(np.asarray(pair), return_inverse=True)[1]
        if len(label) != len(at):
            raise InputError(f"pair has {len(label):,} rows, place {len(at):,}; give one each.")
        _check_moved(label, at)
        shape = int(label.max()) + 1, int(at.max()) + 1
        shown, clicks = np.zeros(shape), np.zeros(shape)
        np.add.at(shown, (label, at), 1.0)
        np.add.at(clicks, (label, at), hit)
        look, attract = np.full(shape[1], 0.5), np.full(shape[0], max(float(hit.mean()), 1e-6))
        for _ in context.track(range(self.epochs), "examination", self.epochs):
            miss = np.maximum(1.0 - attract[:, None] * look, 1e-12)
            none = shown - clicks
            looked = clicks + none * look * (1.0 - attract[:, None]) / miss
            drawn = clicks + none * attract[:, None] * (1.0 - look) / miss
            look = looked.sum(axis=0) / shown.sum(axis=0)
            attract = (drawn.sum(axis=1) + self.prior) / (shown.sum(axis=1) + 2.0 * self.prior)
        p = np.clip(attract[:, None] * look, 1e-12, 1.0 - 1e-12)
        likelihood = float((clicks * np.log(p) + (shown - clicks) * np.log1p(-p)).sum() / len(at))
        return Examination(look / look.max(), attract * look.max(), likelihood)


def _checked(place: AnyArray, clicked: AnyArray) -> tuple[IntArray, FloatArray]:
    at, hit = np.asarray(place), np.asarray(clicked, dtype=np.float64)
    if at.shape != hit.shape or at.ndim != 1 or not len(at):
        raise InputError(f"place {at.shape} and clicked {hit.shape} don't fit; give (n,) each, n at least 1.")
    if (at < 0).any() or (at != np.floor(at)).any():
        raise InputError("A place is negative or no whole number; places count from 0.")
    if not np.isin(hit, (0.0, 1.0)).all():
        raise InputError("clicked must be 0 or 1 (or false and true).")
    return at.astype(np.int64), hit


def _check_moved(label: IntArray, at: IntArray) -> None:
    places = int(at.max()) + 1
    pairs = np.unique(label * places + at)
    if places > 1 and np.bincount(pairs // places).max() < 2:
        raise NoSupport(
            "every pair stood in one place only, so attention can't be told from attraction",
            remedy="label pairs more coarsely (items alone), or swap places at random",
        )
