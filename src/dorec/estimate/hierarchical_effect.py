"""Partial pooling: effects of many groups (markets, categories, segments), each helped by the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from scipy import special

from dorec.domain.errors import ArmTooSmall, ConfigError, InputError, NotFinite, TooFewUnits
from dorec.domain.estimate import Estimate, Interval, fingerprint
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.aipw import AIPW
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.partial_pooling import Draws, Pooled, Prior, given_tau2, morris, posterior_draws

DEFAULT_CONTEXT = RunContext()
FEWEST = 4  # groups: below it the data say nothing of how far groups differ
LEAST = 10  # units of each arm in a group
WIDE = 5.0  # times the median standard error: the default scale of the half-Cauchy


class Segmented(Protocol):
    """A fitted model that gives the effect among some units, such as AIPW's."""

    @property
    def study(self) -> Study:
        """What it was fitted on."""
        ...

    def segment(self, rows: Any) -> Estimate:
        """Average effect among some units."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupEffects:
    """One effect for each group, with its standard error, from units that no two groups share.

    Example:
        >>> groups = GroupEffects.of({"north": (28.0, 15.0), "south": (8.0, 10.0)})
        >>> groups.names, groups.std_error.tolist()
        (('north', 'south'), [15.0, 10.0])
    """

    names: tuple[str, ...]  # (k,)
    value: FloatArray  # (k,)
    std_error: FloatArray  # (k,)
    units: tuple[int, ...] = ()  # (k,), where known

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", np.asarray(self.value, dtype=np.float64))
        object.__setattr__(self, "std_error", np.asarray(self.std_error, dtype=np.float64))
        k = len(self.names)
        if self.value.shape != (k,) or self.std_error.shape != (k,):
            raise InputError(
                f"{k} names, values {self.value.shape} and standard errors {self.std_error.shape} don't fit together."
            )
        bad = np.flatnonzero(~(np.isfinite(self.value) & np.isfinite(self.std_error) & (self.std_error > 0)))
        if len(bad):
            i = int(bad[0])
            raise NotFinite(
                f"group {self.names[i]!r} has the effect {self.value[i]} with the standard error {self.std_error[i]}",
                remedy="drop the group, or merge it with another one: each needs a finite effect and an error above 0",
            )

    @classmethod
    def of(cls, effects: Mapping[str, tuple[float, float]]) -> "GroupEffects":
        """Groups from effects and their standard errors by name."""
        return cls(
            names=tuple(map(str, effects)),
            value=np.array([v for v, _ in effects.values()]),
            std_error=np.array([s for _, s in effects.values()]),
        )

    @classmethod
    def from_estimates(cls, estimates: Sequence[Estimate]) -> "GroupEffects":
        """Groups from scalar estimates, each on units of its own."""
        if any(np.ndim(e.value) for e in estimates):
            raise InputError("One of the estimates is a vector; pick one contrast by name for every group.")
        return cls(
            names=tuple(str(e.name) for e in estimates),
            value=np.array([e.value for e in estimates]),
            std_error=np.array([e.std_error for e in estimates]),
            units=tuple(e.n for e in estimates),
        )

    @classmethod
    def from_model(cls, model: Segmented, groups: AnyArray, *, contrast: int | str = 0) -> "GroupEffects":
        """Groups of the units of a fitted AIPW, by one label for each, (n,); `contrast` picks one of several arms."""
        labels = np.asarray(groups).astype(str)
        study = model.study
        if labels.shape != (study.n,):
            raise InputError(f"groups has shape {labels.shape}; give one label for each of the {study.n:,} units.")
        names = np.unique(labels)
        found = []
        for name in names:
            rows = np.flatnonzero(labels == name)
            counts = np.bincount(study.treatment[rows], minlength=len(study.arms))
            if counts.min() < LEAST:
                raise ArmTooSmall(
                    f"group {str(name)!r} has {int(counts.min())} unit(s) in an arm, fewer than {LEAST}",
                    remedy="merge it with another group, for example into 'other'",
                    evidence={"group": str(name), "arms": counts.tolist()},
                )
            effect = model.segment(rows)
            found.append(effect[contrast] if np.ndim(effect.value) else effect)
        return cls(
            names=tuple(map(str, names)),
            value=np.array([e.value for e in found]),
            std_error=np.array([e.std_error for e in found]),
            units=tuple(e.n for e in found),
        )

    @classmethod
    def from_study(
        cls,
        study: Study,
        groups: AnyArray,
        *,
        learner: AIPW | None = None,
        contrast: int | str = 0,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> "GroupEffects":
        """AIPW's effects among the units of each group; nuisances are shared by all groups."""
        model = (learner or AIPW()).fit(study, context=context)
        return cls.from_model(model, groups, contrast=contrast)


@dataclass(frozen=True, kw_only=True)
class HierarchicalEffect:
    """Effects of groups shrunk towards each other: y_i ~ N(theta_i, se_i^2), theta_i ~ N(mu, tau^2).

    "morris" is empirical Bayes in closed form whose intervals count that tau is estimated (Morris, Tang 2011,
    doi:10.1214/10-STS347). "gibbs" draws from the posterior by collapsed blocks: tau with all else integrated out, then
    mu, then the groups, so draws are independent (Gelman 2006, doi:10.1214/06-BA117A for the priors). An interval of a
    group is one over groups: among many, the share `level` of intervals holds its own group's effect.

    Args:
        method: "morris" or "gibbs".
        prior: of tau: "half_cauchy", or "inverse_gamma" for tau^2; for "gibbs".
        prior_scale: of either; by default five times the median standard error (squared for the inverse gamma).
        prior_shape: of the inverse gamma.
        mu_prior: mean and standard deviation of a normal prior of the mean over groups; flat by default.
        n_draws: posterior draws.

    Example:
        >>> effects = [28, 8, -3, 7, -1, 1, 18, 12]
        >>> errors = [15, 10, 16, 11, 9, 11, 10, 18]
        >>> schools = GroupEffects.of({f"school {i}": pair for i, pair in enumerate(zip(effects, errors))})
        >>> model = HierarchicalEffect().fit(schools)
        >>> model.effects.round(1).tolist()[:3], round(model.pooled().value, 1)
        ([15.0, 8.1, 4.7], 8.2)
    """

    method: Literal["morris", "gibbs"] = "morris"
    prior: Literal["half_cauchy", "inverse_gamma"] = "half_cauchy"
    prior_scale: float | None = None
    prior_shape: float = 1.0
    mu_prior: tuple[float, float] | None = None
    n_draws: int = 10_000

    def __post_init__(self) -> None:
        if self.method not in ("morris", "gibbs"):
            raise ConfigError(f"method is {self.method!r}; allowed: 'morris', 'gibbs'.")
        if self.prior not in ("half_cauchy", "inverse_gamma"):
            raise ConfigError(f"prior is {self.prior!r}; allowed: 'half_cauchy', 'inverse_gamma'.")
        for name, value in (("prior_scale", self.prior_scale), ("prior_shape", self.prior_shape)):
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value}; give a number above 0.")
        if self.mu_prior is not None and not self.mu_prior[1] > 0:
            raise ConfigError(f"mu_prior is {self.mu_prior}; give a mean and a standard deviation above 0.")
        if self.n_draws < 100:
            raise ConfigError(f"n_draws is {self.n_draws}; give 100 or more.")

    def fit(self, groups: GroupEffects, *, context: RunContext = DEFAULT_CONTEXT) -> "HierarchicalModel":
        """The shrunk effects.

        Raises:
            TooFewUnits: fewer than 4 groups.
        """
        if len(groups.names) < FEWEST:
            raise TooFewUnits(
                f"{len(groups.names)} group(s) say nothing of how far groups differ",
                remedy=f"give {FEWEST} or more, or read each group's own estimate",
                evidence={"groups": len(groups.names), "least": FEWEST},
            )
        y, v = groups.value, groups.std_error**2
        size = float(np.sqrt(v.mean() + np.var(y)))
        y, v = y / size, v / size**2
        if self.method == "morris":
            return HierarchicalModel(learner=self, groups=groups, size=size, found=morris(y, v), draws=None)
        drawn = posterior_draws(y, v, self._prior(v, size), self.n_draws, context.rng("posterior"))
        found = given_tau2(float(np.mean(drawn.tau**2)), y, v)._replace(
            theta=drawn.theta.mean(axis=0), variance=drawn.theta.var(axis=0)
        )
        return HierarchicalModel(learner=self, groups=groups, size=size, found=found, draws=drawn)

    def _prior(self, v: FloatArray, size: float) -> Prior:
        squared = self.prior == "inverse_gamma"
        default = WIDE * float(np.sqrt(np.median(v)))
        scale = default if self.prior_scale is None else self.prior_scale / size
        if squared:
            scale = default**2 if self.prior_scale is None else self.prior_scale / size**2
        mean, sd = self.mu_prior or (0.0, float("inf"))
        return Prior(self.prior, scale, self.prior_shape, mean / size, sd / size)


@dataclass(frozen=True, kw_only=True, eq=False)
class HierarchicalModel:
    """Groups, what they share, and what a new one would be.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> groups = GroupEffects.of({f"g{i}": (rng.normal(2.0, 1.0), 0.5) for i in range(12)})
        >>> model = HierarchicalEffect(method="gibbs", n_draws=2000).fit(groups)
        >>> lower, upper = model.interval(0.9)
        >>> lower.shape, bool((lower < model.effects).all()), 0.3 < model.tau < 2.5
        ((12,), True, True)
    """

    learner: HierarchicalEffect
    groups: GroupEffects
    size: float = field(repr=False)  # what values were divided by
    found: Pooled = field(repr=False)
    draws: Draws | None = field(repr=False)  # of "gibbs"

    @property
    def effects(self) -> FloatArray:
        """The shrunk effect of each group, (k,)."""
        return self.found.theta * self.size

    @property
    def std_errors(self) -> FloatArray:
        """Posterior standard deviation of each group's effect, (k,)."""
        return np.asarray(np.sqrt(self.found.variance) * self.size)

    @property
    def shrinkage(self) -> FloatArray:
        """How far each group goes to the mean over groups, (k,): 0 not at all, 1 all the way."""
        return self.found.shrinkage

    @property
    def tau(self) -> float:
        """Standard deviation of effects over groups: Morris's, or the posterior median."""
        return self.size * float(np.sqrt(self.found.tau2) if self.draws is None else np.median(self.draws.tau))

    def interval(self, level: float = 0.95) -> Interval:
        """Interval of each group's effect, (k,) bounds; the share `level` of them holds, over groups."""
        _check_level(level)
        if self.draws is not None:
            low, high = np.quantile(self.draws.theta, [0.5 - level / 2, 0.5 + level / 2], axis=0) * self.size
            return Interval(low, high)
        width = float(special.ndtri(0.5 + level / 2)) * self.std_errors
        return Interval(self.effects - width, self.effects + width)

    def tau_interval(self, level: float = 0.95) -> Interval:
        """Posterior interval of tau.

        Raises:
            InputError: the method is "morris", which has one value of it.
        """
        _check_level(level)
        if self.draws is None:
            raise InputError('"morris" has one value of tau; take method="gibbs" for its interval.')
        low, high = np.quantile(self.draws.tau, [0.5 - level / 2, 0.5 + level / 2]) * self.size
        return Interval(float(low), float(high))

    def new_group(self, level: float = 0.95) -> tuple[float, Interval]:
        """The effect expected in a group not seen yet, and the interval that holds it."""
        _check_level(level)
        if self.draws is not None:
            z = special.ndtri((np.arange(len(self.draws.mu)) + 0.5) / len(self.draws.mu))
            order = np.random.default_rng(0).permutation(len(z))
            new = self.draws.mu + self.draws.tau * z[order]
            low, high = np.quantile(new, [0.5 - level / 2, 0.5 + level / 2]) * self.size
            return float(self.draws.mu.mean() * self.size), Interval(float(low), float(high))
        k = len(self.groups.names)
        spread = self.size * float(np.sqrt(self.found.tau2 + self.found.mu_variance))
        width = float(special.stdtrit(max(k - 2, 1), 0.5 + level / 2)) * spread
        centre = self.found.mu * self.size
        return centre, Interval(centre - width, centre + width)

    def pooled(self) -> Estimate:
        """The mean effect over groups, its units being the groups: Hartung and Knapp's error (2001) and Student's t."""
        y, v = self.groups.value / self.size, (self.groups.std_error / self.size) ** 2
        k, w = len(y), 1.0 / (v + self.found.tau2)
        mu = float(w @ y / w.sum())
        wanted = max(float(w @ (y - mu) ** 2) / (k - 1), 1.0) / w.sum()  # never less than where tau is known
        influence = k * w * (y - mu) / w.sum()
        has = float((influence**2).sum()) / (k * (k - 1))
        return Estimate(
            mu * self.size,
            influence * (np.sqrt(wanted / has) * self.size if has > 0 else 0.0),
            name="mean over groups",
            method=f"partial pooling, {self.learner.method}",
            estimand="the mean of the distribution from which the groups' effects come",
            sample=fingerprint(np.array(self.groups.names), self.groups.value),
            dof=k - 1.0,
            verdicts=(self.heterogeneity,),
        )

    @cached_property
    def heterogeneity(self) -> Verdict:
        """Whether the groups differ at all (Cochran's Q)."""
        y, v = self.groups.value, self.groups.std_error**2
        w = 1.0 / v
        q = float(w @ (y - w @ y / w.sum()) ** 2)
        p = float(special.chdtrc(len(y) - 1, q))
        return Verdict(
            check="groups differ",
            status="passed",
            code="groups_differ" if p < 0.05 else "",
            statistic=q,
            p_value=p,
            meaning=f"tau is {self.tau:.3g}; "
            + ("groups differ by more than chance" if p < 0.05 else "chance alone could make these differences"),
            evidence={"tau": self.tau, "shrinkage": self.shrinkage.tolist()},
        )

    def to_table(self, level: float = 0.95) -> list[dict[str, Any]]:
        """One row for each group: its own effect, the shrunk one, and its interval."""
        lower, upper = self.interval(level)
        return [
            {"group": name, "own": float(own), "effect": float(e), "lower": float(low), "upper": float(high)}
            for name, own, e, low, high in zip(
                self.groups.names, self.groups.value, self.effects, lower, upper, strict=True
            )
        ]


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is {level}; give a probability between 0 and 1, as in 0.95.")
