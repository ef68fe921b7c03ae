"""Several aims at once: which candidates are worth a look, how sure that is, and which one stated weights choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, InputError, NoFeasiblePlan, NoInterval, did_you_mean
from dorec.domain.estimate import CONSTANT, Estimate, Interval
from dorec.domain.explanation import Figure
from dorec.domain.plain_numbers import is_number
from dorec.intervene.choice import Choice, best_of, check_level
from dorec.numeric.arrays import BoolArray, FloatArray
from dorec.numeric.pairwise_contrasts import contrast_errors, contrast_quantile, front_probability, not_dominated


def pareto_front(
    estimates: Mapping[str, Mapping[str, Estimate | float]],
    *,
    maximize: Mapping[str, bool] | bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> "ParetoFront":
    """Which candidates (policies, recommenders, allocations) are on the front of several aims, and how sure that is.

    Args:
        estimates: candidate -> aim -> estimate, all on the same units; a number is taken as known exactly.
        maximize: whether larger is better, for all aims or by aim; an aim that is not named is maximised.
        level: with which no candidate of the true front is called dominated, all pairs and aims taken together.
        seed: of the draws behind the joint bounds.

    Raises:
        InputError: fewer than two candidates, or candidates with different aims.
        OtherUnits: estimates on different units.
        NoInterval: an estimate without an error.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> seen = rng.normal(size=(500, 2))
        >>> def candidate(sales, liking):
        ...     mean = Estimate.of_mean(seen + [sales, liking], name=("sales", "liking"), sample="users")
        ...     return {"sales": mean[0], "liking": mean[1]}
        >>> front = pareto_front({"bold": candidate(2, 0), "kind": candidate(0, 2), "dull": candidate(-1, -1)})
        >>> front.possible, front.dominated_by["dull"]
        (('bold', 'kind'), ('bold', 'kind'))
    """
    if not isinstance(estimates, Mapping) or not all(isinstance(of, Mapping) for of in estimates.values()):
        raise InputError("pareto_front takes candidate -> aim -> estimate, as {'bold': {'sales': ..., 'liking': ...}}.")
    estimates = {str(name): {str(aim): one for aim, one in of.items()} for name, of in _distinct(estimates)}
    names = tuple(estimates)
    if len(names) < 2:
        raise InputError(f"pareto_front got {len(names)} candidate(s); give two or more.")
    aims = tuple(next(iter(estimates.values())))
    for name, of in estimates.items():
        if set(of) != set(aims) or not aims:
            raise InputError(f"Candidate {name!r} has the aims {', '.join(of)}; the first has {', '.join(aims)}.")
    wanted = (
        {str(k): v for k, v in maximize.items()} if isinstance(maximize, Mapping) else dict.fromkeys(aims, maximize)
    )
    for aim, larger_is_better in wanted.items():
        _known(aim, aims)
        if not isinstance(larger_is_better, bool | np.bool_):
            raise ConfigError(f"maximize of {aim!r} is {larger_is_better!r}; give True or False.")
    check_level(level)
    vector = _joined(estimates, names, aims)
    larger = np.array([wanted.get(aim, True) for aim in aims], dtype=np.bool_)
    return ParetoFront(candidates=names, aims=aims, larger=larger, estimate=vector, level=level, seed=seed)


@dataclass(frozen=True, kw_only=True, eq=False)
class ParetoFront:
    """Candidates by aims with their joint error: the front, who is certainly dominated, and a choice.

    Example:
        >>> mean = Estimate.of_mean(np.random.default_rng(0).normal(size=(200, 1)) + [3, 1], sample="users")
        >>> front = pareto_front({"a": {"sold": mean[0], "cost": 2.0}, "b": {"sold": mean[1], "cost": 1.0}},
        ...                      maximize={"cost": False})
        >>> front.front, front.choose(weights={"sold": 1.0, "cost": 0.5}).candidate
        (('a', 'b'), 'a')
    """

    candidates: tuple[str, ...]  # (k,)
    aims: tuple[str, ...]  # (m,)
    larger: BoolArray  # (m,) whether larger is better
    estimate: Estimate  # (k m,), the aims of the first candidate first
    level: float
    seed: int = 0

    @property
    def values(self) -> FloatArray:
        """Estimated values (k, m)."""
        return np.asarray(self.estimate.value).reshape(len(self.candidates), len(self.aims))

    @cached_property
    def front(self) -> tuple[str, ...]:
        """The candidates that no other one beats in the estimated values."""
        return self._named(not_dominated(self._better))

    @cached_property
    def possible(self) -> tuple[str, ...]:
        """The candidates that are not certainly dominated: with probability `level` all of the true front."""
        return self._named(np.array([not self.dominated_by[name] for name in self.candidates]))

    @cached_property
    def dominated_by(self) -> Mapping[str, tuple[str, ...]]:
        """Of each candidate, which others are as good in every aim and better in one, beyond the joint error."""
        k = len(self.candidates)
        error = contrast_errors(self.estimate.covariance, k)
        critical = contrast_quantile(self.estimate.covariance, k, self.level, dof=self.estimate.dof, seed=self.seed)
        lower = self._better[:, None] - self._better[None] - critical * error
        beats: BoolArray = np.all(lower >= 0, axis=2) & np.any(lower > 0, axis=2)
        return {name: self._named(beats[:, i]) for i, name in enumerate(self.candidates)}

    @cached_property
    def probability(self) -> Mapping[str, float]:
        """How often each candidate is on the front when the values are drawn anew with their errors."""
        covariance = self.estimate.covariance
        share = front_probability(self.values * self._sign, self._signed(covariance), seed=self.seed)
        return dict(zip(self.candidates, share.tolist(), strict=True))

    @cached_property
    def bounds(self) -> Interval:
        """Bounds (k, m) that hold for all values at once with probability `level`; of what is known, the value."""
        return self._joint(self.estimate, self.level)

    def choose(
        self,
        *,
        weights: Mapping[str, float] | None = None,
        at_least: Mapping[str, float] | None = None,
        at_most: Mapping[str, float] | None = None,
    ) -> Choice:
        """The candidate with the largest weighted sum, among those that fulfil the constraints beyond their error.

        Args:
            weights: aim -> worth of one unit of it, 0 or more; an aim that is minimised counts negatively. By default
                the first aim alone.
            at_least: aim -> what its lower bound must reach; the bounds hold for all candidates at once.
            at_most: aim -> what its upper bound must not exceed.

        Raises:
            NoFeasiblePlan: no candidate fulfils the constraints; the nearest one is named.
            ConfigError: a weight is negative, or all are 0.
        """
        weight = self._weights(weights)
        fulfilled = self._fulfilled(dict(at_least or {}), dict(at_most or {}))
        k = len(self.candidates)
        pick = np.kron(np.eye(k), weight[:, None])  # (k m, k)
        influence = None if self.estimate.influence is None else self.estimate.influence @ pick
        score = replace(self.estimate, value=self._better @ np.abs(weight), influence=influence, name=self.candidates)
        open_ = np.flatnonzero(fulfilled)
        return best_of(Estimate.concat([score[int(i)] for i in open_]), self.level, seed=self.seed)

    def to_table(self) -> list[dict[str, Any]]:
        """A row for each candidate: values, joint bounds, whether on the front, its probability, what dominates it."""
        lower, upper = self.bounds
        rows = []
        for i, name in enumerate(self.candidates):
            row: dict[str, Any] = {"candidate": name}
            for j, aim in enumerate(self.aims):
                row |= {aim: self.values[i, j], f"{aim} lower": lower[i, j], f"{aim} upper": upper[i, j]}
            row |= {"on_front": name in self.front, "possible": name in self.possible}
            rows.append(row | {"probability": self.probability[name], "dominated_by": list(self.dominated_by[name])})
        return rows

    def figure(self, across: str | None = None, up: str | None = None) -> Figure:
        """Two of the aims as points with joint intervals, by whether a candidate may be on the front."""
        if len(self.aims) < 2:
            raise InputError("A front of one aim has no picture; look at to_table().")
        i, j = (self._position(aim) for aim in (across or self.aims[0], up or self.aims[1]))
        lower, upper = self.bounds
        groups = [
            "on the front" if name in self.front else "possibly on it" if name in self.possible else "dominated"
            for name in self.candidates
        ]
        x, y = self.values[:, i], self.values[:, j]
        return Figure(
            kind="scatter",
            title=f"{self.aims[j]} against {self.aims[i]}",
            caption=f"Lines: {self.level:.0%} for all values at once.",
            x_label=self.aims[i],
            y_label=self.aims[j],
            data={
                "x": x.tolist(),
                "y": y.tolist(),
                "labels": list(self.candidates),
                "groups": groups,
                "x_lower": lower[:, i].tolist(),
                "x_upper": upper[:, i].tolist(),
                "y_lower": lower[:, j].tolist(),
                "y_upper": upper[:, j].tolist(),
            },
        )

    def __str__(self) -> str:
        lines = []
        for row in self.to_table():
            said = ", ".join(f"{a} {row[a]:.4g} [{row[f'{a} lower']:.4g}, {row[f'{a} upper']:.4g}]" for a in self.aims)
            place = "on the front" if row["on_front"] else "possibly on the front" if row["possible"] else ""
            lines.append(f"{row['candidate']}: {said}; {place or 'dominated by ' + ', '.join(row['dominated_by'])}")
        return "\n".join(lines)

    @property
    def _sign(self) -> FloatArray:
        return np.where(self.larger, 1.0, -1.0)

    @property
    def _better(self) -> FloatArray:
        return self.values * self._sign

    def _signed(self, covariance: FloatArray) -> FloatArray:
        sign = np.tile(self._sign, len(self.candidates))
        return covariance * np.outer(sign, sign)

    def _named(self, which: BoolArray) -> tuple[str, ...]:
        return tuple(name for name, held in zip(self.candidates, which, strict=True) if held)

    def _position(self, aim: str) -> int:
        _known(aim, self.aims)
        return self.aims.index(aim)

    def _joint(self, estimate: Estimate, level: float) -> Interval:
        lower, upper = estimate.interval(level, joint=True, seed=self.seed)
        known = estimate.std_error == 0
        shape = (len(self.candidates), -1)
        ends = (np.where(known, estimate.value, end).reshape(shape) for end in (lower, upper))
        return Interval(*ends)

    def _weights(self, weights: Mapping[str, float] | None) -> FloatArray:
        out = np.zeros(len(self.aims))
        for aim, weight in ({self.aims[0]: 1.0} if weights is None else weights).items():
            if not (is_number(weight) and 0 <= weight < np.inf):
                raise ConfigError(f"The weight of {aim!r} is {weight!r}; give 0 or more (aims to minimise are known).")
            out[self._position(aim)] = weight
        if not out.any():
            raise ConfigError("All weights are 0; give one aim a weight above 0.")
        return out * self._sign

    def _fulfilled(self, at_least: dict[str, float], at_most: dict[str, float]) -> BoolArray:
        if not at_least and not at_most:
            return np.ones(len(self.candidates), dtype=bool)
        for aim, bound in (*at_least.items(), *at_most.items()):
            if not is_number(bound) or np.isnan(bound):
                raise ConfigError(f"The bound of {aim!r} is {bound!r}; give a number.")
        if self.level <= 0.5:
            raise ConfigError(f"level is {self.level}; constraints need one above 0.5, as 0.95.")
        asked = sorted({self._position(aim) for aim in (*at_least, *at_most)})
        columns = [i * len(self.aims) + j for i in range(len(self.candidates)) for j in asked]
        part = Estimate.concat([self.estimate[column] for column in columns])
        lower, upper = self._joint(part, 2 * self.level - 1)  # one-sided
        slack = [lower[:, asked.index(self._position(aim))] - bound for aim, bound in at_least.items()]
        slack += [bound - upper[:, asked.index(self._position(aim))] for aim, bound in at_most.items()]
        worst = np.min(slack, axis=0)
        if (worst < 0).all():
            near = int(worst.argmax())
            told = [f"{a} of at least {b:g}" for a, b in at_least.items()]
            told += [f"{a} of at most {b:g}" for a, b in at_most.items()]
            raise NoFeasiblePlan(
                f"no candidate has {' and '.join(told)} beyond its error; the nearest, {self.candidates[near]!r}, "
                f"misses by {-worst[near]:.4g}",
                remedy="loosen the constraint, add candidates, or collect more units",
                evidence={"nearest": self.candidates[near], "misses_by": float(-worst[near])},
            )
        return np.asarray(worst >= 0)


def _joined(
    estimates: Mapping[str, Mapping[str, Estimate | float]], names: Sequence[str], aims: Sequence[str]
) -> Estimate:
    given = [e for of in estimates.values() for e in of.values() if isinstance(e, Estimate)]
    if not given:
        raise InputError("All values are plain numbers; give estimates, so that there is an error to speak of.")
    like = next((e for e in given if e.influence is not None), given[0])
    parts = []
    for name, of in zip(names, estimates.values(), strict=True):
        for aim in aims:
            one = of[aim]
            label = f"{name}: {aim}"
            if not isinstance(one, Estimate):
                if not is_number(one):
                    raise InputError(f"{label} is {one!r}; give an estimate, or its number if it is known exactly.")
                parts.append(replace(like, value=float(one), influence=np.zeros(like.n), name=label, verdicts=()))
                continue
            if np.ndim(one.value):
                raise InputError(f"{label} has {len(one.value)} values; give one estimate for each aim.")
            if one.influence is None or one.no_interval not in ("", CONSTANT):
                raise NoInterval(
                    f"{label} has no valid interval: {one.no_interval}",
                    remedy="give an estimate with an influence, or its number if it is known exactly",
                )
            parts.append(replace(one, name=label))
    return Estimate.concat(parts)


def _distinct(estimates: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """Names as text and what they hold; two that read the same are refused, also among the aims of one."""
    for mapping in (estimates, *estimates.values()):
        if len(set(map(str, mapping))) < len(mapping):
            raise InputError(f"Two of {', '.join(map(repr, mapping))} have the same name as text; rename one.")
    return list(estimates.items())


def _known(aim: str, aims: Sequence[str]) -> None:
    if aim not in aims:
        raise ConfigError(f"{aim!r} is none of the aims: {', '.join(aims)}.{did_you_mean(aim, aims)}")
