"""Whether an estimator may ship an interval: coverage, honest error, size, refusals, and what must not matter."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dorec.domain.errors import ConfigError, DorecError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.refute.worlds import NULL, WORLDS, EffectWorld, spoiled

DEFAULT_CONTEXT = RunContext()
LEVEL = 0.95
SAME = 1e-9  # of the estimate or its standard error, whichever is larger


def check_causal_estimator(
    learner: EffectLearner,
    *,
    n: int = 1000,
    repetitions: int = 100,
    population: Population = "all",
    worlds: Sequence[str] = tuple(WORLDS),
    context: RunContext = DEFAULT_CONTEXT,
) -> list[Verdict]:
    """Hold an estimator of average effects against worlds whose effect is known; any learner with `fit` will do.

    - Coverage: the 95% interval holds the truth in .92 to .98 of the samples of a linear, a nonlinear and a
      rare-outcome world (wider by Monte-Carlo error where there are few repetitions).
    - Honest error: the mean standard error is within 5% of the spread of the estimates, likewise.
    - Size: in an experiment without an effect, 5% of the samples reject.
    - Refusals: one arm, missing and infinite values, the outcome or the treatment among the covariates, a tiny arm, and
      arms that share no ground raise a `Refusal`, never give a number.
    - What must not matter: the order of rows and columns, a shift and a scale of the outcome, the names of the arms,
      the global random state, and what was fitted before.

    An estimator that says `no valid interval` is not asked for coverage: it only has to be right about the rest.

    Args:
        learner: what is checked.
        n: units of a sample.
        repetitions: samples of each world; 100 find a gross fault, 400 and more settle the level.
        population: whose effect the learner estimates.
        worlds: which of "linear", "nonlinear", "5% binary".
        context: seed of the samples, progress, and the engine that runs them.

    Returns:
        One verdict for each world, check of size, refusal and invariance.

    Example:
        >>> from sklearn.linear_model import LinearRegression, LogisticRegression
        >>> from dorec.estimate import AIPW
        >>> learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
        >>> found = check_causal_estimator(learner, n=300, repetitions=10, worlds=["linear"])
        >>> [v.check for v in found[:3]], all(found)
        (['coverage, linear', 'standard error, linear', 'size, no effect'], True)
    """
    if repetitions < 10:
        raise ConfigError(f"repetitions is {repetitions}; give 10 or more, better 400.")
    unknown = [name for name in worlds if name not in WORLDS]
    if unknown:
        raise ConfigError(f"There is no world {unknown[0]!r}. Worlds: {', '.join(WORLDS)}.")
    found: list[Verdict] = []
    for name in worlds:
        found += _in_world(learner, WORLDS[name], n, repetitions, population, context)
    found += _size(learner, n, repetitions, context)
    found += _refusals(learner, n, context)
    return [*found, *_invariances(learner, WORLDS["linear"].draw(n, seed=context.seed), context)]


def _in_world(
    learner: EffectLearner, world: EffectWorld, n: int, repetitions: int, population: Population, context: RunContext
) -> list[Verdict]:
    truth = world.truth(population)
    estimates = [
        _scalar(learner.fit(world.draw(n, seed=_seed(context, i)), context=context).ate())
        for i in context.track(range(repetitions), f"samples of {world.name}", repetitions)
    ]
    values = np.array([float(e.value) for e in estimates])
    bias = float(values.mean() - truth)
    evidence: dict[str, Any] = {"truth": truth, "bias": bias, "repetitions": repetitions, "n": n}
    if any(e.no_interval for e in estimates):
        said = "the estimator says that it has no valid interval, so there is none to hold"
        return [Verdict(check=f"coverage, {world.name}", status="passed", meaning=said, evidence=evidence)]
    bounds = np.array([e.interval(LEVEL) for e in estimates])
    covered = float(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean())
    spread = float(values.std(ddof=1))
    ratio = float(np.mean([float(e.std_error) for e in estimates]) / spread) if spread else np.inf
    slack = max(0.03, 2.75 * np.sqrt(LEVEL * (1 - LEVEL) / repetitions))
    loose = 0.05 + 2.75 / np.sqrt(2.0 * repetitions)
    evidence |= {"coverage": covered, "se_over_sd": ratio}
    return [
        _judged(
            f"coverage, {world.name}",
            covered,
            abs(covered - LEVEL) <= slack,
            f"{covered:.1%} of the 95% intervals hold the truth; {LEVEL - slack:.1%} to {min(LEVEL + slack, 1):.1%} do",
            "interval_does_not_hold",
            "Say `no_interval` for this estimator, or mend its standard error.",
            evidence,
        ),
        _judged(
            f"standard error, {world.name}",
            ratio,
            abs(ratio - 1.0) <= loose,
            f"the mean standard error is {ratio:.2f} of the estimates' spread; {1 - loose:.2f} to {1 + loose:.2f} may",
            "standard_error_dishonest",
            "Check what the standard error leaves out: nuisances, clusters, weights.",
            evidence,
        ),
    ]


def _size(learner: EffectLearner, n: int, repetitions: int, context: RunContext) -> list[Verdict]:
    rejected = 0
    for i in context.track(range(repetitions), "experiments without effect", repetitions):
        estimate = _scalar(learner.fit(NULL.draw(n, seed=_seed(context, i)), context=context).ate())
        if estimate.no_interval:
            return []
        lower, upper = estimate.interval(LEVEL)
        rejected += not lower <= 0.0 <= upper
    share, most = rejected / repetitions, 0.05 + 2.75 * np.sqrt(0.05 * 0.95 / repetitions)
    said = f"{share:.1%} of experiments without an effect find one, up to {most:.1%} may"
    remedy = "The interval is too narrow even where treatment is a coin: look at the variance formula."
    return [_judged("size, no effect", share, share <= most, said, "rejects_too_often", remedy, {"n": n})]


def _refusals(learner: EffectLearner, n: int, context: RunContext) -> list[Verdict]:
    found = []
    for what, study in spoiled(WORLDS["linear"].draw(n, seed=context.seed)).items():
        try:
            value = float(_scalar(learner.fit(study, context=context).ate()).value)
        except Refusal as refusal:
            found.append(_judged(f"refuses: {what}", None, True, f"refused as {refusal.code}", "", "", {}))
            continue
        except (DorecError, ArithmeticError, ValueError, IndexError, TypeError) as problem:
            said = f"raised {type(problem).__name__} instead of a refusal: {str(problem)[:120]}"
        else:
            said = f"gave {value:.4g} instead of a refusal"
        remedy = "Raise a `Refusal` before any number."
        found.append(_judged(f"refuses: {what}", None, False, said, "silent_number", remedy, {}))
    return found


def _invariances(learner: EffectLearner, study: Study, context: RunContext) -> list[Verdict]:
    """What must not matter, each beside the same fit undisturbed."""

    def fit(changed: Study) -> Estimate:
        return _scalar(learner.fit(changed, context=context).ate())

    rng = context.rng("invariances")
    rows, columns = rng.permutation(study.n), rng.permutation(len(study.covariate_names))
    turned = study.with_columns(
        covariates=study.covariates[:, columns], covariate_names=tuple(study.covariate_names[j] for j in columns)
    )
    swapped = study.with_columns(treatment=1 - study.treatment, arms=study.arms[::-1])
    changes: dict[str, tuple[Callable[[], Estimate], float]] = {
        "the order of rows": (lambda: fit(study.take(rows)), 1.0),
        "the order of columns": (lambda: fit(turned), 1.0),
        "a shift of the outcome": (lambda: fit(study.with_columns(outcome=study.outcome + 10.0)), 1.0),
        "the scale of the outcome": (lambda: fit(study.with_columns(outcome=study.outcome * 8.0)), 8.0),
        "which arm is the reference": (lambda: fit(swapped), -1.0),
        "the global random state and earlier fits": (lambda: _disturbed(fit, study), 1.0),
    }
    base = fit(study)
    size = max(abs(float(base.value)), 0.0 if base.no_interval else float(base.std_error), 1e-12)
    found = []
    for what, (again, factor) in changes.items():
        other = again()
        gap = abs(float(other.value) / factor - float(base.value)) / size
        if not base.no_interval and not other.no_interval:
            gap = max(gap, abs(float(other.std_error) / abs(factor) - float(base.std_error)) / size)
        said = f"the estimate or its error moves by {gap:.1e} of its size"
        remedy = "Order units and columns by what they are, standardise the outcome, draw from the context's streams."
        found.append(_judged(f"invariant: {what}", gap, gap <= SAME, said, "depends_on_accidents", remedy, {}))
    return found


def _disturbed(fit: Callable[[Study], Estimate], study: Study) -> Estimate:
    state = np.random.get_state()  # noqa: NPY002 - the global state is what is tried
    try:
        np.random.seed(12345)  # noqa: NPY002
        fit(WORLDS["nonlinear"].draw(study.n, seed=7))
        return fit(study)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _scalar(estimate: Estimate) -> Estimate:
    return estimate if not np.ndim(estimate.value) else estimate[0]


def _seed(context: RunContext, i: int) -> int:
    return 100_003 * context.seed + i


def _judged(
    check: str, statistic: float | None, good: bool, said: str, code: str, remedy: str, evidence: dict[str, Any]
) -> Verdict:
    return Verdict(
        check=check,
        status="passed" if good else "failed",
        meaning=said,
        statistic=statistic,
        code="" if good else code,
        remedy="" if good else remedy,
        evidence=evidence,
    )
