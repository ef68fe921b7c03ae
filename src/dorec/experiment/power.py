"""How many units an experiment needs, and what it could then see."""

import math
from dataclasses import dataclass, replace

from scipy import special

from dorec.domain.errors import ConfigError


@dataclass(frozen=True)
class Design:
    """A two-arm experiment: sizes, and the power they give for one effect.

    Example:
        >>> plan = design(baseline=0.10, effect=0.02)
        >>> plan.n_control, plan.n_treatment, round(plan.power, 3)
        (3841, 3841, 0.8)
    """

    n_control: int
    n_treatment: int
    power: float  # with these sizes, for this effect
    effect: float  # treatment less control, absolute
    baseline: float | None  # the control's share, for a proportion
    sd: float | None  # of a unit, for a mean
    alpha: float
    two_sided: bool

    @property
    def n_total(self) -> int:
        """Units of both arms."""
        return self.n_control + self.n_treatment

    def power_for(self, effect: float) -> float:
        """The power of these sizes for another effect.

        Example:
            >>> round(design(baseline=0.10, effect=0.02).power_for(0.03), 2)
            0.98
        """
        null, truth = _spreads(effect, self.baseline, self.sd, self.n_treatment / self.n_total)
        scale = math.sqrt(self.n_total)
        far = _z(self.alpha, self.two_sided) * null
        power = special.ndtr((abs(effect) * scale - far) / truth)
        if self.two_sided:
            power += special.ndtr((-abs(effect) * scale - far) / truth)
        return float(power)

    def smallest_effect(self, power: float = 0.8) -> float:
        """The smallest positive effect that these sizes see with a power, by bisection.

        Example:
            >>> round(design(baseline=0.10, effect=0.02).smallest_effect(), 4)
            0.02
        """
        low, high = 0.0, (1 - self.baseline) * (1 - 1e-9) if self.baseline is not None else 1e3 * (self.sd or 1.0)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if self.power_for(middle) >= power else (middle, high)
        return high


def design(
    *,
    effect: float,
    baseline: float | None = None,
    sd: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    share: float = 0.5,
    n_total: int | None = None,
    two_sided: bool = True,
) -> Design:
    """The sizes that see an effect with a power; or, where `n_total` is given, the power of that size.

    For a proportion give `baseline`, for a mean `sd`. The pooled share under the null sets the critical value of a
    proportion (Fleiss, Levin and Paik 2003, equation 4.14, without continuity correction).

    Args:
        effect: treatment less control, absolute.
        baseline: the control's share, between 0 and 1.
        sd: standard deviation of a unit.
        power: probability to see the effect.
        alpha: false positives allowed.
        share: of the units that go to treatment.
        n_total: a size that is fixed already.
        two_sided: whether an effect of the other sign counts too.

    Example:
        >>> design(effect=0.3, sd=10.0, power=0.85).n_total
        39904
    """
    if (baseline is None) == (sd is None):
        raise ConfigError("design needs either baseline (for a proportion) or sd (for a mean), and not both.")
    if effect == 0 or not math.isfinite(effect):
        raise ConfigError(f"effect is {effect}; give the smallest effect that would matter.")
    if baseline is not None and not (0 < baseline < 1 and 0 <= baseline + effect <= 1):
        raise ConfigError(f"baseline {baseline} and baseline + effect {baseline + effect:g} must be shares, 0 to 1.")
    if sd is not None and not sd > 0:
        raise ConfigError(f"sd is {sd}; give a number above 0.")
    for name, value in (("power", power), ("alpha", alpha), ("share", share)):
        if not 0 < value < 1:
            raise ConfigError(f"{name} is {value}; give a probability between 0 and 1.")
    if n_total is None:
        null, truth = _spreads(effect, baseline, sd, share)
        n = ((_z(alpha, two_sided) * null + float(special.ndtri(power)) * truth) / effect) ** 2
        sizes = math.ceil(n * (1 - share) - 1e-9), math.ceil(n * share - 1e-9)
    else:
        sizes = n_total - round(n_total * share), round(n_total * share)
    if min(sizes) < 2:
        raise ConfigError(f"the arms would have {sizes[0]} and {sizes[1]} units; plan at least 2 in each.")
    plan = Design(sizes[0], sizes[1], power, effect, baseline, sd, alpha, two_sided)
    return replace(plan, power=plan.power_for(effect))


def _z(alpha: float, two_sided: bool) -> float:
    return float(special.ndtri(1 - alpha / (2 if two_sided else 1)))


def _spreads(effect: float, baseline: float | None, sd: float | None, share: float) -> tuple[float, float]:
    """Standard deviation of the difference, times sqrt(n_total), with no effect and with this one."""
    if baseline is None:
        spread = (sd or 0.0) * math.sqrt(1 / share + 1 / (1 - share))
        return spread, spread
    other = min(max(baseline + effect, 0.0), 1.0)
    pooled = (1 - share) * baseline + share * other
    null = math.sqrt(pooled * (1 - pooled) * (1 / share + 1 / (1 - share)))
    return null, math.sqrt(baseline * (1 - baseline) / (1 - share) + other * (1 - other) / share)
