"""Linear regression that single rows can't carry away: Huber's M-estimator, the S-estimator and the MM-estimator.

The influence of each row comes with the coefficients: its mean is, to first order, their error (the sandwich). It holds
the scale fixed, which is exact for slopes where the errors are alike in all rows, and throughout where they are
symmetric.
"""

import contextlib
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.weighted_quantile import weighted_mad

HUBER = 1.345  # 95 % efficiency at the normal
BISQUARE = 4.685061  # likewise
BREAKDOWN = 1.547645  # of the bisquare whose mean is a half at the normal: half of the rows may be anything
STEPS = 500
ENOUGH = 1e-10  # of the scale
SCREENED = 2_000  # rows on which the starts are compared
KEPT = 5  # starts of the fast S that are followed to their end
BOUNDED = 0.999  # the leverage that the correction of a residual takes at most


class NoScale(ValueError):
    """Half of the rows or more lie exactly on one plane, so residuals have no scale."""


class RobustFit(NamedTuple):
    """Coefficients, the scale of the residuals, and the influence of each row on the coefficients."""

    coefficients: FloatArray  # (q,)
    scale: float
    influence: FloatArray  # (n, q)
    row_weights: FloatArray  # (n,), from 0 (left out) to 1


def huber_regression(W: FloatArray, y: FloatArray, weight: FloatArray, *, cut: float = HUBER) -> RobustFit:
    """Huber's M-estimator with the scale by the median absolute residual (Huber 1964, doi:10.1214/aoms/1177703732).

    It bounds what the outcome of a row can do, not what its place in the design can.

    Args:
        W: design (n, q) of full rank, the constant among its columns.
        y: outcome (n,).
        weight: of each row (n,), averaging one.
        cut: residuals beyond this many scales are pulled in.

    Raises:
        NoScale: half of the residuals are 0.

    Example:
        >>> x = np.arange(20.0)
        >>> y = 1.0 + 2.0 * x + 0.1 * np.cos(7 * x)
        >>> y[3] = 1e6
        >>> huber_regression(np.column_stack([np.ones(20), x]), y, np.ones(20)).coefficients.round(1).tolist()
        [1.0, 2.0]
    """
    beta, scale = _least_squares(W, y, weight), 0.0
    for _ in range(STEPS):
        residual = y - W @ beta
        scale = _positive(weighted_mad(residual, weight), y)
        u = np.abs(residual) / scale
        new = _least_squares(W, y, weight * np.minimum(1.0, cut / np.maximum(u, 1e-300)))
        moved = np.abs(W @ (new - beta)).max()
        beta = new
        if moved <= ENOUGH * scale:
            break
    u = (y - W @ beta) / scale
    slope = (np.abs(u) < cut).astype(np.float64)
    psi = np.clip(u, -cut, cut)
    return RobustFit(beta, scale, _sandwich(W, psi, slope, weight, scale), psi / np.where(u == 0, 1.0, u) + (u == 0))


def mm_regression(
    W: FloatArray, y: FloatArray, weight: FloatArray, rng: np.random.Generator, *, n_starts: int = 50
) -> RobustFit:
    """The MM-estimator (Yohai 1987, doi:10.1214/aos/1176350366): half of the rows may be anything, anywhere.

    Start and scale come from the S-estimator; from there Tukey's bisquare with 95 % efficiency at the normal.

    Args:
        W: design (n, q) of full rank, the constant among its columns.
        y: outcome (n,).
        weight: of each row (n,), averaging one.
        rng: draws the starts.
        n_starts: exact fits of random rows that are tried.

    Raises:
        NoScale: about half of the rows lie exactly on one plane.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = np.append(rng.normal(size=70), np.full(30, 10.0))
        >>> y = np.append(2.0 * x[:70] + 0.1 * rng.normal(size=70), np.full(30, -50.0))
        >>> mm_regression(np.column_stack([np.ones(100), x]), y, np.ones(100), rng).coefficients[1].round(1).item()
        2.0
    """
    beta, scale = s_estimate(W, y, weight, rng, n_starts=n_starts)
    for _ in range(STEPS):
        new = _least_squares(W, y, weight * _bisquare_weight((y - W @ beta) / scale, BISQUARE))
        moved = np.abs(W @ (new - beta)).max()
        beta = new
        if moved <= ENOUGH * scale:
            break
    u = (y - W @ beta) / scale
    v = np.minimum((u / BISQUARE) ** 2, 1.0)
    kept = _bisquare_weight(u, BISQUARE)
    return RobustFit(beta, scale, _sandwich(W, u * kept, (1 - v) * (1 - 5 * v), weight, scale), kept)


def s_estimate(
    W: FloatArray, y: FloatArray, weight: FloatArray, rng: np.random.Generator, *, n_starts: int = 50
) -> tuple[FloatArray, float]:
    """The coefficients with the least bisquare scale of their residuals, and that scale, by the fast S algorithm.

    Salibian-Barrera and Yohai 2006 (doi:10.1198/106186006X113629); beside exact fits of random rows it starts from
    least squares and from Huber's estimator.
    """
    starts: list[FloatArray] = [_least_squares(W, y, weight)]
    with contextlib.suppress(NoScale):
        starts.append(huber_regression(W, y, weight).coefficients)
    for _ in range(n_starts):
        rows = _spanning_rows(W, rng.permutation(len(W)))
        starts.append(_least_squares(W[rows], y[rows], np.ones(len(rows))))
    share = _share(W)
    some = rng.permutation(len(W))[: max(SCREENED, 20 * W.shape[1])]  # large samples are screened on a part
    tried = [_improved(W[some], y[some], weight[some], beta, steps=2) for beta in starts]
    tried.sort(key=lambda one: one[1])
    ends = [_improved(W, y, weight, beta, steps=STEPS) for beta, _ in tried[:KEPT]]
    best = min((beta for beta, _ in ends), key=lambda b: _scale(y - W @ b, weight, share))
    return best, _positive(_scale(y - W @ best, weight, share), y)


def _improved(
    W: FloatArray, y: FloatArray, weight: FloatArray, beta: FloatArray, *, steps: int
) -> tuple[FloatArray, float]:
    """Reweighted least squares from a start, each step with one step of the scale."""
    share = _share(W)
    scale = _positive(weighted_mad(y - W @ beta, weight), y)
    for _ in range(steps):
        residual = y - W @ beta
        scale = _positive(_scale_step(residual, weight, share, scale), y)
        new = _least_squares(W, y, weight * _bisquare_weight(residual / scale, BREAKDOWN))
        moved = np.abs(W @ (new - beta)).max()
        beta = new
        if moved <= ENOUGH * scale:
            break
    return beta, _scale_step(y - W @ beta, weight, share, scale)


def _share(W: FloatArray) -> float:
    """The mean of the loss at the scale; rows are counted less the coefficients, which small samples need."""
    return 0.5 * (1 - W.shape[1] / len(W))


def _scale_step(residual: FloatArray, weight: FloatArray, share: float, scale: float) -> float:
    loss = 1 - np.maximum(1 - (residual / (BREAKDOWN * scale)) ** 2, 0.0) ** 3
    return scale * float(np.sqrt(np.average(loss, weights=weight) / share))


def _scale(residual: FloatArray, weight: FloatArray, share: float) -> float:
    """The scale at which the mean of the bisquare loss is `share`."""
    scale = weighted_mad(residual, weight)
    for _ in range(STEPS):
        if scale <= 0:
            return 0.0
        new = _scale_step(residual, weight, share, scale)
        if abs(new - scale) <= 1e-12 * scale:
            break
        scale = new
    return scale


def _bisquare_weight(u: FloatArray, cut: float) -> FloatArray:
    return np.asarray(np.maximum(1 - (u / cut) ** 2, 0.0) ** 2)


def _positive(scale: float, y: FloatArray) -> float:
    if scale <= 1e-12 * float(np.abs(y).max()):
        raise NoScale("half of the residuals are 0")
    return scale


def _spanning_rows(W: FloatArray, order: IntArray) -> IntArray:
    """The first rows in this order that determine a fit: indicator columns would leave most plain draws singular."""
    q = W.shape[1]
    basis, taken = np.zeros((0, q)), []
    for row in order:
        left = W[row] - basis.T @ (basis @ W[row])
        size = float(np.linalg.norm(left))
        if size > 1e-7 * max(float(np.linalg.norm(W[row])), 1e-300):
            basis = np.vstack([basis, left / size])
            taken.append(int(row))
            if len(taken) == q:
                break
    return np.array(taken, dtype=np.int64)


def _least_squares(W: FloatArray, y: FloatArray, weight: FloatArray) -> FloatArray:
    half = np.sqrt(weight)
    return np.asarray(np.linalg.lstsq(W * half[:, None], y * half, rcond=None)[0], dtype=np.float64)


def _sandwich(W: FloatArray, psi: FloatArray, slope: FloatArray, weight: FloatArray, scale: float) -> FloatArray:
    """Influence (n, q) from the score and its slope, with the leverage of each row put right (HC2)."""
    inverse = np.linalg.pinv(W.T @ ((weight * slope)[:, None] * W), hermitian=True)
    leverage = np.clip(weight * slope * ((W @ inverse) * W).sum(axis=1), 0.0, BOUNDED)
    score = weight * psi / np.sqrt(1 - leverage)
    return np.asarray(len(W) * scale * (W * score[:, None]) @ inverse)
