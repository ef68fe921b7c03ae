"""A policy that never stops trying: every eligible action keeps a probability, so that the next log has overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import BadPropensity, ConfigError, InputError
from dorec.domain.estimate import Estimate
from dorec.domain.intervention import Audience, Budget
from dorec.domain.logged_feedback import no_distribution
from dorec.domain.plain_numbers import as_numbers, is_number
from dorec.domain.protocols import Policy
from dorec.domain.run import RunContext
from dorec.intervene.allocation import Allocation
from dorec.intervene.bandits.decisions import Decisions, draw
from dorec.intervene.budget_programme import programme_of
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray

DEFAULT_CONTEXT = RunContext()


def with_floor(propensities: FloatArray, floor: float, eligible: BoolArray | None = None) -> FloatArray:
    """The mixture with uniform over the eligible, the least that gives each of them `floor`, row by row.

    Probability on what is not eligible goes to the reference first.

    Args:
        propensities: (n, k), the reference first.
        floor: least probability of every eligible action and of the reference.
        eligible: (n, k - 1), the reference not counted; None for all.

    Raises:
        ConfigError: `floor` is more than 1 over the number of choices of a unit.
        BadPropensity: a row is no probability distribution.

    Example:
        >>> with_floor(np.array([[0.0, 1.0], [0.5, 0.5]]), 0.1).round(3).tolist()
        [[0.1, 0.9], [0.5, 0.5]]
        >>> with_floor(np.array([[0.0, 1.0]]), 0.1, np.array([[False]])).tolist()
        [[1.0, 0.0]]
    """
    given = _distributions(propensities)
    n, k = given.shape
    may = np.ones((n, k), dtype=np.bool_)
    if eligible is not None:
        if np.shape(eligible) != (n, k - 1) or np.asarray(eligible).dtype != np.bool_:
            raise InputError(
                f"eligible has shape {np.shape(eligible)} and holds {np.asarray(eligible).dtype}; for {n:,} units and "
                f"{k} arms give {(n, k - 1)} booleans."
            )
        may[:, 1:] = eligible
    p = np.where(may, given, 0.0)
    p[:, 0] += np.where(may, 0.0, given).sum(axis=1)
    choices = may.sum(axis=1)
    most = choices.max(initial=1)
    if not (is_number(floor) and 0 <= floor * most <= 1 + 1e-12):
        raise ConfigError(f"floor is {floor!r} and a unit has {most} choices; give 0 to {1 / most:.4g}.")
    least = np.where(may, p, np.inf).min(axis=1)
    # (1 - share) * least + share / choices = floor
    short = np.maximum(floor - least, 0.0)
    share = np.divide(short, 1.0 / choices - least, out=np.zeros(n), where=short > 0).clip(0.0, 1.0)[:, None]
    return np.asarray((1.0 - share) * p + share * may / choices[:, None])


def _distributions(propensities: Any) -> FloatArray:
    """Rows that are probability distributions, (n, k)."""
    p = as_numbers(propensities, "The policy's propensities")
    if p.ndim != 2 or p.shape[1] < 2:
        raise InputError(f"The policy's propensities have shape {p.shape}; give (n, k), one for each of k >= 2 arms.")
    bad = no_distribution(p)
    if len(bad):
        raise BadPropensity(
            f"{len(bad):,} row(s) of the policy are no probability distribution, the first row {bad[0]}",
            remedy="divide each row by its sum, with no entry below 0",
            evidence={"rows": bad[:10].tolist()},
        )
    return p


@dataclass(frozen=True, kw_only=True)
class Exploring:
    """Any policy, mixed with chance until every eligible action has a floor; a `Policy` that can draw its actions.

    Exploring costs money and units too. Around a plan made by `allocate(..., explore=floor)` the limits hold with
    exploration counted, but in expectation: what is spent in one draw varies around that (`expected_use` says it).

    Args:
        policy: what is done otherwise, such as an `UpliftPolicy`, or an `Allocation` for its own units.
        floor: least probability of each eligible action, and of the reference.

    Example:
        >>> from dorec.intervene import allocate
        >>> plan = allocate(np.array([3.0, -1.0]), Budget(), ["none", "mail"])
        >>> policy = Exploring(policy=plan, floor=0.1)
        >>> policy.propensities(np.zeros((2, 0))).tolist()
        [[0.1, 0.9], [0.9, 0.1]]
        >>> round(policy.loss(np.zeros((2, 0)), np.array([[0.0, 3.0], [0.0, -1.0]])).value, 9)
        0.2
    """

    policy: Policy
    floor: float = 0.01

    def __post_init__(self) -> None:
        if not (is_number(self.floor) and 0 < self.floor <= 0.5):
            raise ConfigError(f"floor is {self.floor!r}; give a probability above 0 and at most 0.5.")
        if not isinstance(self.policy, Policy):
            raise InputError(
                f"{type(self.policy).__name__} is no policy; give an object with propensities(covariates)."
            )
        if isinstance(self.policy, Allocation) and self.policy.choice.shape[1] > 1:
            raise InputError("A unit may get several arms in this plan; exploring is for one arm a unit.")

    def propensities(self, covariates: AnyArray, *, eligible: BoolArray | None = None) -> FloatArray:
        """Probability of each action, (n, k); eligible ones (n, k - 1) and the reference have at least `floor`.

        Raises:
            BadPropensity: a row of the policy is no probability distribution.
        """
        return with_floor(self.policy.propensities(covariates), self.floor, eligible)

    def draw(
        self, covariates: AnyArray, *, eligible: BoolArray | None = None, context: RunContext = DEFAULT_CONTEXT
    ) -> Decisions:
        """An action for each unit with its propensity, and those of all actions: the fields of a `LoggedFeedback`."""
        return draw(self.propensities(covariates, eligible=eligible), context.rng("exploration"))

    def loss(
        self, covariates: AnyArray, scores: FloatArray, *, eligible: BoolArray | None = None, sample: str = ""
    ) -> Estimate:
        """What exploring gives up per unit: the value of the policy less its value with the floor.

        Args:
            covariates: as the policy takes them, n rows.
            scores: (n, k), as `EffectModel.scores`; or predicted outcomes of every arm, then the interval knows
                nothing of their error.
            eligible: (n, k - 1).
            sample: name of the units.
        """
        scores = as_numbers(scores, "scores")
        base = _distributions(self.policy.propensities(covariates))
        if scores.shape != base.shape:
            raise InputError(f"scores have shape {scores.shape}; give one for each unit and arm, {base.shape}.")
        lost = ((with_floor(base, 0.0, eligible) - with_floor(base, self.floor, eligible)) * scores).sum(axis=1)
        return Estimate.of_mean(lost, sample=sample, name="loss by exploring, per unit", method="mean over units")


def expected_use(
    propensities: FloatArray, budget: Budget, arms: Sequence[Any], audience: Audience | None = None
) -> dict[str, tuple[float, float]]:
    """What a stochastic policy uses of each limit in expectation, and what is allowed, by the limit's name.

    Args:
        propensities: (n, k) of the units.
        budget: the limits.
        arms: (k,) labels, the reference first.
        audience: as for `allocate`.

    Example:
        >>> budget = Budget(total=10.0, cost={"mail": 4.0})
        >>> expected_use(np.array([[0.5, 0.5], [0.0, 1.0]]), budget, ["none", "mail"])
        {'total': (6.0, 10.0)}
    """
    p = _distributions(propensities)
    if p.shape[1] != len(arms):
        raise InputError(f"propensities have shape {p.shape}; for {len(arms)} arms give (n, {len(arms)}).")
    programme = programme_of(np.zeros((len(p), p.shape[1] - 1)), budget, arms, audience)
    by_group = np.bincount(programme.each(programme.group), 1.0 - p[:, 0], programme.rows.shape[1] - p.shape[1])
    use = np.concatenate([[(p[:, 1:] * programme.cost).sum()], p[:, 1:].sum(axis=0), by_group])
    used = zip((programme.rows @ use).tolist(), programme.bounds.tolist(), strict=True)
    return dict(zip(programme.names, used, strict=True))
