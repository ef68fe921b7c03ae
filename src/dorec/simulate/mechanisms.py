"""How a variable follows from its causes: a table, a function plus noise, or odds with Gumbel noise.

Each mechanism draws values given causes, and carries a value that was seen over to other causes: the noise that made
it is worked out and kept (abduction; Pearl 2009, section 7.1). The noise of a function plus noise is known exactly.
That of a discrete variable is not, whatever the data: it is drawn from its posterior under the Gumbel-max model
(Oberst, Sontag 2019, arXiv:1905.05824), which is a choice, and for two levels the one that makes effects monotone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.gumbel import posterior_gumbel
from dorec.simulate.predictors import Linear, Predictor, design, log_probabilities, n_columns, predictor_from_arrays

Given: TypeAlias = Sequence[AnyArray]  # (n,) for each cause, in the order of `parents`
RARE = 1e-3  # odds below which a level counts as never seen with such causes


class Mechanism(Protocol):
    """How a variable follows from its causes."""

    @property
    def parents(self) -> tuple[str, ...]:
        """Its causes."""
        ...

    @property
    def kind(self) -> str:
        """Its name among the mechanisms."""
        ...

    def draw(self, given: Given, n: int, rng: np.random.Generator) -> AnyArray:
        """Values (n,) given causes."""
        ...

    def carry(self, value: AnyArray, given: Given, changed: Given, rng: np.random.Generator) -> AnyArray:
        """What values seen with the causes `given` would have been with the causes `changed`, (n,)."""
        ...

    def reaches(self, value: AnyArray, given: Given) -> BoolArray:
        """Whether such values were seen with such causes, (n,)."""
        ...

    def to_parts(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain data and arrays, for a store."""
        ...


@dataclass(frozen=True, eq=False)
class TableMechanism:
    """Shares of the levels for each combination of the causes' levels, all of them discrete.

    Example:
        >>> wet = TableMechanism(("rain",), np.array([[0.9, 0.1], [0.0, 1.0]]), np.array([80.0, 20.0]))
        >>> wet.draw([np.array([1, 1])], 2, np.random.default_rng(0)).tolist()
        [1, 1]
    """

    parents: tuple[str, ...]
    values: FloatArray  # (levels of each cause..., own levels), sums over the last are one
    rows: FloatArray  # (levels of each cause...,): of the data, with this combination

    kind = "table"

    def probabilities(self, given: Given) -> FloatArray:
        """Shares of the levels, (n, k), or (k,) without causes."""
        out: FloatArray = self.values[tuple(given)]
        return out

    def draw(self, given: Given, n: int, rng: np.random.Generator) -> IntArray:
        """Levels (n,) given causes."""
        return _draw_levels(self.probabilities(given), n, rng)

    def carry(self, value: AnyArray, given: Given, changed: Given, rng: np.random.Generator) -> IntArray:
        """Levels with Gumbel noise kept, (n,).

        Raises:
            InputError: a value is impossible with its causes.
        """
        with np.errstate(divide="ignore"):
            before, after = np.log(self.probabilities(given)), np.log(self.probabilities(changed))
        return _carry_levels(value, before, after, rng)

    def reaches(self, value: AnyArray, given: Given) -> BoolArray:
        """Whether the combination was in the data and the level has odds above one in a thousand with it, (n,)."""
        likely = self.probabilities([*given, value]) > RARE
        return likely & self.covers(given) if self.parents else likely

    def covers(self, given: Given) -> BoolArray:
        """Whether the combination of causes was in the data, (n,)."""
        out: BoolArray = self.rows[tuple(given)] > 0
        return out

    def to_parts(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain data and arrays, for a store."""
        return {"kind": self.kind, "parents": list(self.parents)}, {"values": self.values, "rows": self.rows}


@dataclass(frozen=True, eq=False)
class Noise:
    """Gaussian noise, or draws from residuals that were seen."""

    deviation: float
    pool: FloatArray | None = None  # (m,) sorted

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Noise (n,)."""
        if self.pool is None:
            return rng.normal(scale=self.deviation, size=n)
        out: FloatArray = self.pool[(rng.random(n) * len(self.pool)).astype(np.int64)]
        return out

    def reaches(self, noise: FloatArray) -> BoolArray:
        """Whether such noise was seen; of Gaussian noise, within four deviations."""
        ends = (-4 * self.deviation, 4 * self.deviation) if self.pool is None else (self.pool[0], self.pool[-1])
        out: BoolArray = (noise >= ends[0]) & (noise <= ends[1])
        return out

    @property
    def mean(self) -> float:
        """Its mean."""
        return 0.0 if self.pool is None else float(self.pool.mean())


@dataclass(frozen=True, eq=False)
class AdditiveMechanism:
    """A function of the causes plus noise that does not depend on them.

    Example:
        >>> y = AdditiveMechanism(("x",), (0,), Linear(np.array([[2.0]]), np.array([1.0])), Noise(1.0))
        >>> y.carry(np.array([7.5]), [np.array([3.0])], [np.array([4.0])], np.random.default_rng(0)).tolist()
        [9.5]
    """

    parents: tuple[str, ...]
    widths: tuple[int, ...]  # levels of each cause, 0 for a continuous one
    predictor: Predictor
    noise: Noise

    @property
    def kind(self) -> str:
        """`linear`, `linear_gaussian` or `additive_trees`."""
        if isinstance(self.predictor, Linear):
            return "linear" if self.noise.pool is not None else "linear_gaussian"
        return "additive_trees"

    def mean(self, given: Given, n: int) -> FloatArray:
        """Expected values (n,) given causes."""
        return self.predictor.predict(design(given, self.widths, n))[:, 0]

    def draw(self, given: Given, n: int, rng: np.random.Generator) -> FloatArray:
        """Values (n,) given causes."""
        return self.mean(given, n) + self.noise.draw(n, rng)

    def carry(self, value: AnyArray, given: Given, changed: Given, rng: np.random.Generator) -> FloatArray:
        """Values with their own noise kept, (n,); exact under the model, nothing is drawn."""
        del rng
        moved: FloatArray = value + (self.mean(changed, len(value)) - self.mean(given, len(value)))
        return moved

    def reaches(self, value: AnyArray, given: Given) -> BoolArray:
        """Whether noise of this size was seen, (n,)."""
        return self.noise.reaches(value - self.mean(given, len(value)))

    def to_parts(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain data and arrays, for a store."""
        pool = {} if self.noise.pool is None else {"pool": self.noise.pool}
        plain = _plain(self.kind, self.parents, self.widths, self.predictor)
        return {**plain, "deviation": self.noise.deviation}, {**self.predictor.arrays(), **pool}


@dataclass(frozen=True, eq=False)
class OddsMechanism:
    """Levels whose log odds are a function of the causes.

    Example:
        >>> buys = OddsMechanism(("price",), (0,), Linear(np.array([[-1.0]]), np.array([2.0])))
        >>> buys.probabilities([np.array([2.0])], 1).tolist()
        [[0.5, 0.5]]
    """

    parents: tuple[str, ...]
    widths: tuple[int, ...]
    predictor: Predictor  # scores (n, k), or (n, 1): log odds of the second of two levels

    @property
    def kind(self) -> str:
        """`logistic` or `classifier_trees`."""
        return "logistic" if isinstance(self.predictor, Linear) else "classifier_trees"

    def log_probabilities(self, given: Given, n: int) -> FloatArray:
        """Log shares of the levels, (n, k)."""
        return log_probabilities(self.predictor.predict(design(given, self.widths, n)))

    def probabilities(self, given: Given, n: int) -> FloatArray:
        """Shares of the levels, (n, k)."""
        out: FloatArray = np.exp(self.log_probabilities(given, n))
        return out

    def draw(self, given: Given, n: int, rng: np.random.Generator) -> IntArray:
        """Levels (n,) given causes."""
        return _draw_levels(self.probabilities(given, n), n, rng)

    def carry(self, value: AnyArray, given: Given, changed: Given, rng: np.random.Generator) -> IntArray:
        """Levels with Gumbel noise kept, (n,)."""
        n = len(value)
        return _carry_levels(value, self.log_probabilities(given, n), self.log_probabilities(changed, n), rng)

    def reaches(self, value: AnyArray, given: Given) -> BoolArray:
        """Whether the level has odds above one in a thousand with such causes, (n,)."""
        n = len(value)
        out: BoolArray = self.probabilities(given, n)[np.arange(n), value] > RARE
        return out

    def to_parts(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Plain data and arrays, for a store."""
        return _plain(self.kind, self.parents, self.widths, self.predictor), self.predictor.arrays()


def mechanism_from_parts(plain: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Mechanism:
    """The mechanism that `to_parts` wrote.

    Raises:
        ValueError, KeyError: the parts are those of none.

    Example:
        >>> coin = TableMechanism((), np.array([0.5, 0.5]), np.array(10.0))
        >>> mechanism_from_parts(*coin.to_parts()).kind
        'table'
    """
    parents = tuple(plain["parents"])
    if plain["kind"] == "table":
        return TableMechanism(parents, np.asarray(arrays["values"]), np.asarray(arrays["rows"]))
    widths = tuple(int(w) for w in plain["widths"])
    predictor = predictor_from_arrays(plain["predictor"], arrays, n_columns(widths))
    if plain["kind"] in {"logistic", "classifier_trees"}:
        return OddsMechanism(parents, widths, predictor)
    return AdditiveMechanism(parents, widths, predictor, Noise(float(plain["deviation"]), arrays.get("pool")))


def _plain(kind: str, parents: Sequence[str], widths: Sequence[int], predictor: Predictor) -> dict[str, Any]:
    form = "linear" if isinstance(predictor, Linear) else "trees"
    return {"kind": kind, "parents": list(parents), "widths": list(widths), "predictor": form}


def _draw_levels(shares: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    steps = shares.cumsum(axis=-1)[..., :-1]
    draw = rng.random(n)
    if steps.ndim == 1:
        return np.searchsorted(steps, draw, side="right").astype(np.int64)
    out: IntArray = (draw[:, None] >= steps).sum(axis=1)
    return out


def _carry_levels(value: AnyArray, before: FloatArray, after: FloatArray, rng: np.random.Generator) -> IntArray:
    before, after = np.broadcast_to(before, (len(value), before.shape[-1])), np.broadcast_to(after, before.shape)
    impossible = ~np.isfinite(before[np.arange(len(value)), value])
    if impossible.any():
        raise InputError(
            f"{impossible.sum():,} of {len(value):,} units have a value that the model gives probability 0 with its "
            "causes, so no counterfactual follows; leave them out, or fit the model to rows like these."
        )
    out: IntArray = (after + posterior_gumbel(before, value, rng)).argmax(axis=1)
    return out
