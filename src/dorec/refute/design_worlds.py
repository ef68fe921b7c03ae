"""Worlds for designs that need more than covariates: instruments, front doors and mediators, with known effects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit

from dorec.domain.query import Population
from dorec.domain.study import Study
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.rng import generator

Table = dict[str, Any]
LEVEL, SLOPE = 0.15, 0.6  # of the mediator: P(m = 1 | t) without covariates


@dataclass(frozen=True)
class DesignWorld:
    """A table drawn at random, the roles of its columns, and its effect.

    Example:
        >>> world = DESIGN_WORLDS["instrument, linear"]
        >>> world.draw(300, seed=0).instruments.shape, world.truth()
        ((300, 2), 1.0)
    """

    name: str
    table: Callable[[np.random.Generator, int], Table]
    effect: Callable[[], float | FloatArray]
    roles: Mapping[str, Any] = field(hash=False)

    def draw(self, n: int, seed: int) -> Study:
        """A study of n units."""
        return Study.from_table(self.table(generator(seed, "design world", self.name), n), **self.roles)

    def truth(self, population: Population = "all") -> float | FloatArray:
        """The effect, or (k,) effects; these worlds know that of everyone they ask about alone."""
        del population
        return self.effect()


def _instrumented(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariates, two instruments that the first covariate moves, and what nobody sees."""
    x = rng.normal(size=(n, 3))
    return x, rng.normal(size=(n, 2)) + 0.4 * x[:, :1], rng.normal(size=n)


def _columns(x: FloatArray, z: AnyArray, **others: AnyArray) -> Table:
    named: Table = {f"x{j}": column for j, column in enumerate(x.T)} | {f"z{j}": column for j, column in enumerate(z.T)}
    return named | others


def _linear_instrument(rng: np.random.Generator, n: int) -> Table:
    x, z, u = _instrumented(rng, n)
    d = 0.5 * z[:, 0] + 0.4 * z[:, 1] + 0.5 * x[:, 0] + u + rng.normal(size=n)
    noise = (0.6 + 0.4 * np.abs(x[:, 1])) * rng.normal(size=n)
    return _columns(x, z, d=d, y=1.0 * d + x[:, 0] - 0.5 * x[:, 2] + u + noise)


def _bent_instrument(rng: np.random.Generator, n: int) -> Table:
    """The first stage and the errors bend; what confounds z and y is linear, which two-stage least squares needs."""
    x, z, u = _instrumented(rng, n)
    d = np.tanh(z[:, 0]) + 0.4 * np.abs(z[:, 1]) + 0.4 * z[:, 1] + np.sin(x[:, 1]) + u + rng.normal(size=n)
    return _columns(x, z, d=d, y=1.0 * d + 0.5 * x[:, 0] + np.exp(0.3 * u) * rng.normal(size=n) + u)


def _encouraged(rng: np.random.Generator, n: int) -> Table:
    """A treatment that a coin encourages, and an outcome that one in twenty has; it adds .05 for those it moves."""
    x, u = rng.normal(size=(n, 3)), rng.random(n)
    z = rng.integers(0, 2, n)
    kind = rng.random(n) + 0.2 * (u - 0.5)
    d = np.where(kind < 0.6, z, kind < 0.8).astype(np.int64)
    p = 0.02 + 0.05 * d + 0.03 * u
    return _columns(x, z[:, None], d=d, y=(rng.random(n) < p).astype(np.float64))


def _hidden(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    u = rng.random(n)
    t = (rng.random(n) < 0.2 + 0.6 * u).astype(np.float64)
    return u, t, (rng.random(n) < 0.2 + 0.5 * t).astype(np.float64)


def _front_door(rng: np.random.Generator, n: int) -> Table:
    u, t, m = _hidden(rng, n)
    return {"t": t.astype(np.int64), "m": m, "y": 1.2 * m + 2.0 * u + rng.normal(size=n)}


def _bent_front_door(rng: np.random.Generator, n: int) -> Table:
    u, t, m = _hidden(rng, n)
    y = m * (1.0 + np.sin(6.0 * u)) + np.exp(u) + (0.5 + u) * rng.normal(size=n)
    return {"t": t.astype(np.int64), "m": m, "y": y}


def _rare_front_door(rng: np.random.Generator, n: int) -> Table:
    u, t, m = _hidden(rng, n)
    return {"t": t.astype(np.int64), "m": m, "y": (rng.random(n) < 0.01 + 0.06 * m + 0.04 * u).astype(np.float64)}


@cache
def _bent_front_door_effect() -> float:
    """M moves by .5; its effect averages 1 + sin(6 u) over u, uniform."""
    return 0.5 * (1.0 + (1.0 - np.cos(6.0)) / 6.0)


def _mediated(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
    x = rng.normal(size=(n, 3))
    return x, (rng.random(n) < expit(0.5 * x[:, 0] - 0.3 * x[:, 1])).astype(np.float64)


def _continuous_mediator(rng: np.random.Generator, n: int) -> Table:
    x, t = _mediated(rng, n)
    m = 0.8 * t + 0.5 * x[:, 0] + rng.normal(size=n)
    y = 1.0 + 0.7 * t + 0.6 * m + 0.5 * t * m + 0.5 * x[:, 0] + 0.4 * x[:, 2] + rng.normal(size=n)
    return _columns(x, np.empty((n, 0)), t=t.astype(np.int64), m=m, y=y)


def _binary_mediator(rng: np.random.Generator, n: int) -> Table:
    x, t = _mediated(rng, n)
    m = (rng.random(n) < _cart(x[:, 0], t)).astype(np.float64)
    y = 1.0 + 0.7 * t + 0.6 * m + 0.5 * t * m + 0.5 * x[:, 0] + 0.4 * x[:, 2] + rng.normal(size=n)
    return _columns(x, np.empty((n, 0)), t=t.astype(np.int64), m=m, y=y)


def _rare_mediated(rng: np.random.Generator, n: int) -> Table:
    """View, cart, purchase: one in twenty buys."""
    x, t = _mediated(rng, n)
    m = (rng.random(n) < LEVEL + SLOPE * t).astype(np.float64)
    p = np.clip(0.02 + 0.02 * t + 0.04 * m + 0.005 * np.tanh(x[:, 0]), 0.0, 1.0)
    return _columns(x, np.empty((n, 0)), t=t.astype(np.int64), m=m, y=(rng.random(n) < p).astype(np.float64))


def _cart(x: FloatArray, t: FloatArray | float) -> FloatArray:
    return np.asarray(expit(-0.5 + 1.2 * t + 0.5 * x))


@cache
def _parts(low: float, high: float, direct: float, mediator: float, product: float) -> FloatArray:
    """Total, nde, tie, tde, nie of y = direct t + mediator m + product t m, where m goes from low to high."""
    nde, tde = direct + product * low, direct + product * high
    tie, nie = (mediator + product) * (high - low), mediator * (high - low)
    return np.array([nde + tie, nde, tie, tde, nie])


@cache
def _binary_parts() -> FloatArray:
    x = np.sqrt(2.0) * np.polynomial.hermite.hermgauss(60)[0]
    weight = np.polynomial.hermite.hermgauss(60)[1] / np.sqrt(np.pi)
    return _parts(float(weight @ _cart(x, 0.0)), float(weight @ _cart(x, 1.0)), 0.7, 0.6, 0.5)


_X = ["x0", "x1", "x2"]
_DOSE = {"outcome": "y", "treatment": "d", "covariates": _X, "instruments": ["z0", "z1"], "continuous": True}
_ARMS = {"outcome": "y", "treatment": "d", "covariates": _X, "instruments": ["z0"], "control": 0}
_DOOR = {"outcome": "y", "treatment": "t", "covariates": ["m"], "control": 0}
_THROUGH = {"outcome": "y", "treatment": "t", "covariates": [*_X, "m"], "control": 0}
DESIGN_WORLDS = {
    world.name: world
    for world in (
        DesignWorld("instrument, linear", _linear_instrument, lambda: 1.0, _DOSE),
        DesignWorld("instrument, nonlinear", _bent_instrument, lambda: 1.0, _DOSE),
        DesignWorld("instrument, 5% binary", _encouraged, lambda: 0.05, _ARMS),
        DesignWorld("front door, linear", _front_door, lambda: 0.6, _DOOR),
        DesignWorld("front door, nonlinear", _bent_front_door, _bent_front_door_effect, _DOOR),
        DesignWorld("front door, 5% binary", _rare_front_door, lambda: 0.03, _DOOR),
        DesignWorld("mediator, linear", _continuous_mediator, lambda: _parts(0.0, 0.8, 0.7, 0.6, 0.5), _THROUGH),
        DesignWorld("mediator, nonlinear", _binary_mediator, _binary_parts, _THROUGH),
        DesignWorld(
            "mediator, 5% binary", _rare_mediated, lambda: _parts(LEVEL, LEVEL + SLOPE, 0.02, 0.04, 0.0), _THROUGH
        ),
    )
}
