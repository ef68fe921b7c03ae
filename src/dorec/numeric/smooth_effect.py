"""The smooth part of an effect: a few curves and products with an empirical Bayes ridge, and its half-sample copies.

What is left of an outcome is regressed on what is left of a treatment times a basis of the covariates (Robinson 1988,
doi:10.2307/1912705; Nie, Wager 2021, doi:10.1093/biomet/asaa076). Each covariate's curve has a prior variance of its
own, chosen by marginal likelihood (MacKay 1992, doi:10.1162/neco.1992.4.3.415), so that most of them vanish.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.compiled import ranges

Floats = NDArray[np.float32]
BLOCK = 20_000  # rows that are expanded at once
SAMPLE = 100_000  # rows that tell quantiles and moments well enough
KNOTS = (0.25, 0.5, 0.75)  # quantiles at which a curve bends
CLIP = (0.01, 0.99)  # quantiles beyond which a curve is flat
CURVED = 20  # covariates that may bend
LINEAR = 200  # covariates that are looked at at all
PRODUCTS = 10
SETTLED = 1e-2  # relative change of the largest prior variance at which it stops
FALSE = 0.05  # chance that a product is taken in where none matters
MIN_DISTINCT = 8  # levels of a covariate that may bend
FEW = 1.0  # pseudo-count of the prior on variances: the larger, the fewer terms remain
GONE = 1e-6  # prior variance, in units of the outcome's, of a term that is left out


@dataclass(frozen=True, eq=False)
class Basis:
    """One, clipped columns, their hinges, and products of pairs, standardised; each may be left out."""

    low: FloatArray  # (p,)
    high: FloatArray  # (p,)
    centre: FloatArray  # (p,)
    spread: FloatArray  # (p,)
    linear: IntArray  # (a,) columns
    hinged: IntArray  # (b,) columns
    knots: FloatArray  # (b,)
    pairs: IntArray  # (c, 2) columns
    shift: FloatArray  # (a + b + c,)
    scale: FloatArray  # (a + b + c,)

    @property
    def owner(self) -> IntArray:
        """The term, numbered from 0, that each column but the first belongs to: a covariate's curve or a product."""
        p = len(self.low)
        raw = np.concatenate([self.linear, self.hinged, p + np.arange(len(self.pairs))]).astype(np.int64)
        return np.asarray(np.unique(raw, return_inverse=True)[1], dtype=np.int64)

    def transform(self, X: FloatArray) -> FloatArray:
        """The basis (n, 1 + a + b + c) at X (n, p)."""
        Z = self._raw(X)
        Z -= self.shift
        Z /= self.scale
        return np.hstack([np.ones((len(X), 1)), Z])

    def only(self, keep: IntArray) -> "Basis":
        """The basis with some of its columns, numbered without the first."""
        a, b = len(self.linear), len(self.hinged)
        bent, paired = keep[(keep >= a) & (keep < a + b)] - a, keep[keep >= a + b] - a - b
        return self._with(self.linear[keep[keep < a]], (self.hinged[bent], self.knots[bent]), self.pairs[paired], keep)

    def _with(self, linear: IntArray, hinges: tuple[IntArray, FloatArray], pairs: IntArray, keep: IntArray) -> "Basis":
        shift, scale = self.shift[keep], self.scale[keep]
        return Basis(self.low, self.high, self.centre, self.spread, linear, *hinges, pairs, shift, scale)

    def _raw(self, X: FloatArray) -> FloatArray:
        C = np.clip(X, self.low, self.high)
        Z = (C - self.centre) / self.spread
        bent = np.maximum(C[:, self.hinged] - self.knots, 0.0)
        return np.hstack([C[:, self.linear], bent, Z[:, self.pairs[:, 0]] * Z[:, self.pairs[:, 1]]])


def basis_of(X: FloatArray, linear: IntArray, curved: IntArray, pairs: IntArray) -> Basis:
    """A basis of some columns of X (n, p), with hinges for the curved ones that have enough levels."""
    part = X[:: max(1, len(X) // SAMPLE)]
    low, high = np.quantile(part, CLIP, axis=0)
    C = np.clip(part, low, high)
    spread = C.std(axis=0)
    bends = np.array([j for j in curved if len(np.unique(part[:, j])) >= MIN_DISTINCT], dtype=np.int64)
    hinged, knots = np.repeat(bends, len(KNOTS)), np.quantile(part[:, bends], KNOTS, axis=0).T.ravel()
    total = len(linear) + len(hinged) + len(pairs)
    plain = Basis(
        low, high, C.mean(axis=0), np.where(spread > 0, spread, 1.0), linear, hinged, knots, pairs,
        np.zeros(total), np.ones(total),
    )  # fmt: skip
    Z = plain._raw(part)
    scale = Z.std(axis=0)
    keep = np.flatnonzero(scale > 1e-9 * (1.0 + np.abs(Z).max(axis=0, initial=0.0)))
    whole = Basis(
        low, high, plain.centre, plain.spread, linear, hinged, knots, pairs, Z.mean(axis=0), scale
    )  # fmt: skip
    return whole.only(keep)


class Moments(NamedTuple):
    """Normal equations of a weighted regression."""

    A: FloatArray  # (q, q)
    b: FloatArray  # (q,)
    yy: float
    n: int


class Ridge(NamedTuple):
    """Coefficients and what was assumed of them."""

    coef: FloatArray  # (q,)
    inverse: FloatArray  # (q, q) of the penalised normal equations
    penalty: FloatArray  # (q,)
    noise: float  # variance of the outcome's rest
    prior: FloatArray  # (terms,) variance of a coefficient


@dataclass(frozen=True, eq=False)
class SmoothEffect:
    """A linear model of the effect and its copies, one for each half-sample of the units."""

    basis: Basis
    copies: FloatArray  # (bags, q)
    bias_root: FloatArray  # (q, q): the squared length of a basis row times it is the variance of the ridge's bias

    def design(self, X: FloatArray) -> Floats:
        """The basis at X (n, p), (n, q), in single precision: it is kept for all units."""
        out = np.empty((len(X), self.copies.shape[1]), dtype=np.float32)
        for start, stop in _blocks(len(X)):
            out[start:stop] = self.basis.transform(X[start:stop])
        return out

    def bias_variance(self, design: Floats) -> FloatArray:
        """How far shrinking moves the effect, squared, on average over effects that the prior allows, (n,)."""
        return np.asarray(((design @ self.bias_root) ** 2).sum(axis=1))


def fit_smooth_effect(
    X: FloatArray, w: FloatArray, y: FloatArray, mass: FloatArray, signs: NDArray[np.int8]
) -> SmoothEffect:
    """The smooth part of the effect of w on y (n,), both centred, given X (n, p).

    A copy is what the half of the units with the sign 1 make of the basis, prior variances and all, so that a unit's
    outcome says next to nothing in the copies of the other half: the normal equations are those of all units, halved,
    and moved by the residuals of the half.

    Args:
        X: (n, p).
        w, y: (n,).
        mass: (n,) weights of units.
        signs: (bags, n) 1 for units in the half-sample of a bag, else -1.
    """
    w, y = recentred(X, np.stack([w, y], axis=1), mass).T
    total = float(y @ (mass * y)) / len(y) or 1.0
    basis = _screened(X, w, y, mass, total)
    m = _moments(basis, X, w, y, mass)
    ridge = _empirical_bayes(m, basis.owner, total)
    pull, squares = np.zeros((len(signs), len(ridge.coef))), np.zeros(len(signs))
    for start, stop in _blocks(len(y)):
        Z, here = basis.transform(X[start:stop]), slice(start, stop)
        rest = y[here] - w[here] * (Z @ ridge.coef)
        pull += (signs[:, here] * (w[here] * mass[here] * rest)) @ Z
        squares += signs[:, here] @ (mass[here] * rest**2)
    halves = [
        Moments(0.5 * m.A, 0.5 * (m.b + p), 0.5 * max(m.yy + s, 0.0), len(y) // 2)
        for p, s in zip(pull, squares, strict=True)
    ]
    copies = np.stack([_empirical_bayes(half, basis.owner, total).coef for half in halves])
    root = np.sqrt(ridge.noise) * ridge.inverse * np.sqrt(ridge.penalty)
    used = 1 + np.flatnonzero((copies[:, 1:] != 0.0).any(axis=0) | (ridge.coef[1:] != 0.0))
    at = np.concatenate([[0], used])
    return SmoothEffect(basis=basis.only(used - 1), copies=copies[:, at], bias_root=root[np.ix_(at, at)])


def recentred(X: FloatArray, columns: FloatArray, mass: FloatArray) -> FloatArray:
    """Columns (n, k) less what curves of the covariates still tell of them.

    Nuisances that were smoothed too much err in the same places in outcome and treatment, which looks like an effect
    that changes with the covariates there; a forest's leaves centre by themselves, a linear model does not.
    """
    every, nothing = np.arange(X.shape[1]), np.empty((0, 2), dtype=np.int64)
    basis = basis_of(X, every, every if len(every) <= CURVED else every[:0], nothing)
    out, one = np.array(columns), np.ones(len(X))
    for k in range(columns.shape[1]):
        total = float(columns[:, k] @ (mass * columns[:, k])) / len(X) or 1.0
        coef = _empirical_bayes(_moments(basis, X, one, columns[:, k], mass), basis.owner, total).coef
        for start, stop in _blocks(len(X)):
            out[start:stop, k] -= basis.transform(X[start:stop]) @ coef
    return out


def _screened(X: FloatArray, w: FloatArray, y: FloatArray, mass: FloatArray, total: float) -> Basis:
    """A basis of the covariates that matter most, with the products that the rest of a first fit shows."""
    nothing, p = np.empty((0, 2), dtype=np.int64), X.shape[1]
    linear = np.arange(p)
    if p > LINEAR:
        linear = np.sort(np.argsort(-_product_scores(X, w, y, mass)[1], kind="stable")[:LINEAR])
    curved = linear
    if len(curved) > CURVED:
        first = basis_of(X, linear, linear[:0], nothing)
        coef = _empirical_bayes(_moments(first, X, w, y, mass), first.owner, total).coef[1:]
        curved = np.sort(first.linear[np.argsort(-np.abs(coef), kind="stable")[:CURVED]])
    first = basis_of(X, linear, curved, nothing)
    coef = _empirical_bayes(_moments(first, X, w, y, mass), first.owner, total).coef
    rest = np.empty(len(y))
    for start, stop in _blocks(len(y)):
        rest[start:stop] = y[start:stop] - w[start:stop] * (first.transform(X[start:stop]) @ coef)
    scores = _product_scores(X[:, curved], w, rest, mass)[0]
    pairs = np.array(list(combinations(range(len(curved)), 2)), dtype=np.int64).reshape(-1, 2)
    found = scores[pairs[:, 0], pairs[:, 1]]
    best = np.argsort(-found, kind="stable")[:PRODUCTS]
    best = best[found[best] > special.ndtri(FALSE / max(1, len(pairs)) / 2) ** 2]  # the best of many look good by luck
    return basis_of(X, linear, curved, curved[pairs[np.sort(best)]])


def _product_scores(X: FloatArray, w: FloatArray, rest: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How much each product of two columns, (p, p), and each column, (p,), goes along with an effect: squared t."""
    p = X.shape[1] + 1
    first, second = np.zeros((p, p)), np.zeros((p, p))
    centre, spread = X.mean(axis=0), X.std(axis=0)
    for start, stop in _blocks(len(X)):
        Z = np.clip((X[start:stop] - centre) / np.where(spread > 0, spread, 1.0), -2.5, 2.5)
        Z = np.hstack([np.ones((len(Z), 1)), Z])
        pull = (w[start:stop] * rest[start:stop] * mass[start:stop])[:, None]
        first += (Z * pull).T @ Z
        second += ((Z * pull) ** 2).T @ Z**2
    scores = first**2 / np.where(second > 0, second, 1.0)
    return scores[1:, 1:], scores[0, 1:]


def _moments(basis: Basis, X: FloatArray, w: FloatArray, y: FloatArray, mass: FloatArray) -> Moments:
    q = 1 + len(basis.scale)
    A, b = np.zeros((q, q)), np.zeros(q)
    for start, stop in _blocks(len(y)):
        root = np.sqrt(mass[start:stop])
        D = basis.transform(X[start:stop]) * (w[start:stop] * root)[:, None]
        A += D.T @ D
        b += D.T @ (y[start:stop] * root)
    return Moments(A, b, float(y @ (mass * y)), len(y))


def _empirical_bayes(m: Moments, owner: IntArray, total: float) -> Ridge:
    """Ridge with a prior variance for each term, by MacKay's fixed point; the first coefficient is free.

    Terms whose variance vanishes leave, so later rounds are cheap; their coefficients are 0.
    """
    terms, q = int(owner.max()) + 1 if len(owner) else 0, len(m.b)
    prior, noise, here = np.full(terms, 0.01 * total), total, np.arange(q)
    tiny = 1e-12 * float(np.trace(m.A)) / q + 1e-300
    for _ in range(60):
        A, b, mine = m.A[np.ix_(here, here)], m.b[here], owner[here[1:] - 1]
        penalty = np.concatenate([[0.0], noise / prior[mine]])
        inverse = np.asarray(np.linalg.inv(A + np.diag(penalty + tiny)), dtype=np.float64)
        coef = inverse @ b
        loss = max(m.yy - 2.0 * float(coef @ b) + float(coef @ A @ coef), 1e-12 * m.yy + 1e-300)
        told = np.bincount(mine, weights=1.0 - np.diag(inverse)[1:] * penalty[1:], minlength=terms)
        noise = loss / max(1.0, m.n - 1.0 - told.sum())
        square = np.bincount(mine, weights=coef[1:] ** 2, minlength=terms)
        new = square / (np.maximum(told, 0.0) + FEW)
        done = np.abs(new - prior).max(initial=0.0) <= SETTLED * max(new.max(initial=0.0), GONE * total)
        prior = new
        if done:
            break
        left = np.concatenate([[True], prior[mine] > GONE * total])
        here, coef, inverse, penalty = here[left], coef[left], inverse[np.ix_(left, left)], penalty[left]
    whole = Ridge(np.zeros(q), np.zeros((q, q)), np.zeros(q), noise, prior)
    whole.coef[here], whole.penalty[here], whole.inverse[np.ix_(here, here)] = coef, penalty, inverse
    return whole


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    return ranges(n, -(-n // BLOCK))
