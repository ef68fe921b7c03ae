"""Which estimator to believe on a log: the least estimated mean squared error, with the evidence for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.verdict import Verdict
from dorec.evaluate.judged_log import OffPolicyEstimator, off_policy_values
from dorec.evaluate.off_policy import Target
from dorec.evaluate.shrinkage import carrying, without_bias

UNBIASED = ("IPS", "SNIPS", "DoublyRobust", "SNDR", "MRDR")  # self-normalising biases by less than the error


@dataclass(frozen=True)
class Candidate:
    """What speaks for and against one estimator on one log.

    Example:
        >>> Candidate("dr", 0.5, 0.01, 0.0, 0.0001).mean_squared_error
        0.0001
    """

    name: str
    value: float
    std_error: float  # without room for bias
    bias: float  # against the narrowest unbiased candidate
    mean_squared_error: float  # variance, bias squared, and the variance of that bias: what an honest interval carries


@dataclass(frozen=True)
class Selection:
    """The chosen estimator's name and estimate, and every candidate, best first.

    Example:
        >>> Selection("dr", Estimate(1.0, no_interval="none"), ()).chosen
        'dr'
    """

    chosen: str
    estimate: Estimate
    candidates: tuple[Candidate, ...]


def select_estimator(
    feedback: LoggedFeedback,
    propensities: Target,
    estimators: Mapping[str, OffPolicyEstimator],
    *,
    max_unsupported: float = 0.01,
) -> Selection:
    """The candidate with the least estimated mean squared error on this log.

    The bias of a candidate is its difference from the narrowest of those that are unbiased in large samples. Both rest
    on the same rows, so the noise in that difference is known, and counts against the candidate: a bias that can't be
    told is no bias that isn't there. So the winner has the narrowest interval that has room for its bias, which it then
    carries, the direct method too. Candidates without an interval are out.

    Policy-adaptive selection (Udagawa et al. 2023) judges candidates on halves of the log that are
    drawn so that one looks like the judged policy; the paired difference uses every row and needs no such halves.

    Args:
        feedback: the log.
        propensities: of the policy that is judged, (n, n_actions), or a Policy.
        estimators: candidates by name, one of IPS (without clip), SNIPS, DoublyRobust, SNDR and MRDR among them.
        max_unsupported: share of the policy that may lie where the log could not act.

    Raises:
        ConfigError: no candidate is unbiased, so biases can't be told.

    Example:
        >>> import numpy as np
        >>> from dorec.evaluate import IPS, SNIPS
        >>> rng = np.random.default_rng(0)
        >>> a = rng.integers(2, size=1000)
        >>> log = LoggedFeedback(action=a, reward=5.0 + a, propensity=np.full(1000, 0.5), n_actions=2)
        >>> made = select_estimator(log, np.tile([0.1, 0.9], (1000, 1)), {"ips": IPS(), "snips": SNIPS()})
        >>> made.chosen, round(made.estimate.value, 1)
        ('snips', 5.9)
    """
    made = off_policy_values(feedback, propensities, estimators, max_unsupported=max_unsupported)
    bare = {name: _bare(estimate) for name, estimate in made.items()}
    unbiased = [name for name, estimate in made.items() if estimate.method in UNBIASED]
    if not unbiased:
        raise ConfigError(f"No candidate is unbiased; add one of {', '.join(UNBIASED)}.")
    reference = min(unbiased, key=lambda name: float(bare[name].std_error))
    found = []
    noise = {}
    for name, estimate in bare.items():
        if estimate.no_interval:
            continue
        gap = replace(estimate, dof=None) - bare[reference]
        noise[name] = 0.0 if name in unbiased else float(gap.std_error)
        bias = 0.0 if name in unbiased else float(gap.value)
        error = float(estimate.std_error) ** 2 + bias**2 + noise[name] ** 2
        if not made[name].no_interval:  # what was tuned on this log profits from chance, which its own interval knows
            error = max(error, float(made[name].std_error) ** 2)
        found.append(Candidate(name, float(estimate.value), float(estimate.std_error), bias, error))
    # an equal error goes to the unbiased, then to the first
    best = min(found, key=lambda c: (round(c.mean_squared_error, 15), c.name not in unbiased))
    ranked = tuple(sorted(found, key=lambda c: c.mean_squared_error))
    return Selection(best.name, _with_evidence(made[best.name], bare[best.name], best, noise[best.name]), ranked)


def _bare(made: Estimate) -> Estimate:
    """With the interval that it would have without bias; the direct method's is then its spread."""
    return replace(made, no_interval="") if made.method == "DirectMethod" else without_bias(made)[0]


def _with_evidence(made: Estimate, bare: Estimate, best: Candidate, noise: float) -> Estimate:
    told = Verdict(
        check="choice of estimator",
        status="passed",
        code="estimator_chosen",
        statistic=best.mean_squared_error,
        meaning=f"{best.name} has the least estimated mean squared error: "
        f"standard error {best.std_error:.3g}, bias {best.bias:.3g} ± {noise:.3g}.",
        evidence={"bias": best.bias, "std_error_of_bias": noise, "std_error_alone": best.std_error},
    )
    carried = carrying(bare, max(best.mean_squared_error - best.std_error**2, 0.0) ** 0.5)
    verdicts = tuple(v for v in made.verdicts if v.code != "bias_carried")
    return replace(carried, verdicts=(*verdicts, told))
