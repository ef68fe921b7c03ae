"""Losses for ratings that are missing not at random: what each entry weighs, and how models are fitted under each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from dorec.domain.errors import ConfigError
from dorec.numeric.arrays import FloatArray
from dorec.recommend.rating_model import Entries, RatingFactors, sweep, sweep_everywhere

Loss = Literal["naive", "ips", "snips", "dr", "mrdr", "stable_dr"]
LOSSES = get_args(Loss)
CLIP_SHARES = (0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # of the largest weights, that may be cut to the next
NEWTON_STEPS = 30
LARGEST_TILT = 3.0  # of the weights, in standard deviations of the imputed errors


@dataclass(frozen=True)
class Setting:
    """What the fit under a loss needs beyond the data."""

    loss: Loss
    reg: float  # of an entry of average weight
    epochs: int
    embedding_size: int


def check_loss(loss: str) -> None:
    """Refuse a loss that there is not."""
    if loss not in LOSSES:
        raise ConfigError(f"loss is {loss!r}; allowed: {', '.join(LOSSES)}.")


def inverse_weights(entries: Entries, propensity: FloatArray, max_weight: float | None) -> tuple[FloatArray, float]:
    """1 / propensity (m,), cut at `max_weight` or where the estimated error is least, and where that was.

    Example:
        >>> pairs = Entries(np.array([0, 1]), np.array([0, 1]), np.array([1.0, 2.0]), (2, 2))
        >>> inverse_weights(pairs, np.array([0.5, 0.01]), max_weight=10.0)
        (array([ 2., 10.]), 10.0)
    """
    weight = 1.0 / propensity
    cut = best_clip(weight, (entries.value - entries.value.mean()) ** 2) if max_weight is None else max_weight
    return np.minimum(weight, cut), float(min(cut, weight.max(initial=1.0)))


def best_clip(weight: FloatArray, error: FloatArray) -> float:
    """Where to cut the weights (m,) so that the mean of weight x error has the least estimated squared error.

    That is its variance plus the square of what the cut takes from it (as in Wang, Agarwal, Dudik 2017, arXiv
    1612.01205), over cuts that touch up to half of the weights.

    Example:
        >>> best_clip(np.array([1.0, 1.0, 2.0, 2.0]), np.ones(4))
        2.0
    """
    best, cut = np.inf, float(weight.max(initial=1.0))
    if not len(weight):
        return cut
    for share in CLIP_SHARES:
        level = float(np.quantile(weight, 1.0 - share))
        part = np.minimum(weight, level) * error
        lost = weight * error - part
        # the square of an average loss is too large by the variance of that average
        bias = max(float(lost.mean()) ** 2 - float(lost.var()) / len(part), 0.0)
        risk = float(part.var()) / len(part) + bias
        if risk < best:
            best, cut = risk, level
    return cut


def fit_under(
    entries: Entries, weight: FloatArray, how: Setting, rng: np.random.Generator, track: Callable[[range], object]
) -> tuple[RatingFactors, RatingFactors | None]:
    """The model under a loss, and the imputation model that was learned with it, if the loss has one.

    Args:
        entries: the observed ratings.
        weight: inverse propensities (m,), cut.
        how: loss and hyperparameters.
        rng: of the start.
        track: wraps the epochs for progress.
    """
    m, cells = len(weight), entries.shape[0] * entries.shape[1]
    model = RatingFactors.start(entries.shape, how.embedding_size, rng)
    epochs = track(range(how.epochs))
    if how.loss in ("naive", "ips", "snips"):
        own = {"naive": np.ones(m), "ips": weight * m / cells, "snips": _unit_mean(weight)}[how.loss]
        for _ in epochs:  # type: ignore[attr-defined]
            model = sweep(model, entries, own, entries.value, how.reg)
        return model, None
    imputed = RatingFactors.start(entries.shape, how.embedding_size, rng)
    of_imputed = _unit_mean(weight * np.maximum(weight - 1.0, 0.0) if how.loss == "mrdr" else weight)
    for _ in epochs:  # type: ignore[attr-defined]
        imputed = sweep(imputed, entries, of_imputed, entries.value, how.reg)
        guess = imputed.at(entries.user, entries.item)
        if how.loss == "stable_dr":
            own = _unit_mean(tilted(weight, model, imputed, entries))
            model = sweep(model, entries, own, entries.value, how.reg)
        else:
            # per pair the loss is (f - guess - correction)^2 up to what f can't change
            model = sweep_everywhere(model, imputed, entries, weight * (entries.value - guess), how.reg * cells / m)
    return model, imputed


def tilted(weight: FloatArray, model: RatingFactors, imputed: RatingFactors, entries: Entries) -> FloatArray:
    """Weights under which the imputed errors of the observed pairs average to those of all pairs (m,).

    That is the constraint of StableDR (Li, Zheng, Wu 2023, arXiv 2205.04701) on the propensities, which makes the
    self-normalised loss doubly robust; here an exponential tilt, the least change of the weights, meets it.
    """
    error = (model.at(entries.user, entries.item) - imputed.at(entries.user, entries.item)) ** 2
    gap = error - model.mean_squared_difference(imputed)
    spread = float(gap.std())
    if spread <= 1e-12 or gap.min() >= 0 or gap.max() <= 0:
        return weight
    z, tilt = gap / spread, 0.0
    for _ in range(NEWTON_STEPS):
        w = weight * np.exp(tilt * z)
        tilt = float(np.clip(tilt - (w @ z) / (w @ (z * z)), -LARGEST_TILT, LARGEST_TILT))
    return np.asarray(weight * np.exp(np.clip(tilt * z, -LARGEST_TILT, LARGEST_TILT)))


def _unit_mean(weight: FloatArray) -> FloatArray:
    mean = float(weight.mean())
    return weight / mean if mean > 0 else np.ones_like(weight)
