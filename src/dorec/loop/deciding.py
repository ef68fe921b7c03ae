"""From a promise to a card: what to do, what would change it, the trial that would settle it; and back from its end."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from dorec.domain.decision import Decision, Reversal, Settlement, TrackRecord, TrialPlan, choose
from dorec.domain.errors import InputError, NoInterval
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.verdict import Verdict
from dorec.experiment import Design, design
from dorec.numeric.extra_variance import extra_variance, freedom

ENOUGH = 5  # measured promises before they calibrate the next
POWER = 0.8
WATCH = (
    "arms of other sizes than planned (p < 0.001): nothing is read before the cause is found",
    "a confidence sequence of the gain below 0 at any look: the trial stops",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Promise:
    """What a change is expected to gain, and what that rests on: all that a card needs to know.

    Example:
        >>> Promise(question="new ranking?", gain=Estimate.of_mean(np.array([0.1, 0.2, 0.4]))).scale
        1.0
    """

    question: str
    gain: Estimate  # over the incumbent, scalar
    value: Estimate | None = None  # of the candidate
    incumbent_value: Estimate | None = None
    bounds: Interval | None = None  # of the gain, where it was picked among several and theirs hold at once
    kind: str = "policy value"
    candidate: str = ""
    incumbent: str = ""
    assumptions: tuple[str, ...] = ()
    sensitivity: tuple[Reversal, ...] = ()  # which hidden mistake would turn it, where that was worked out
    plan: TrialPlan | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)  # path -> SHA-256
    decision_id: str = ""  # given where the same promise made again is the same decision

    @property
    def scale(self) -> float:
        """In what errors of promises are compared across metrics: the size of the incumbent's value, or its error."""
        base = self.incumbent_value
        if base is None:
            return 1.0
        error = 0.0 if base.no_interval else float(base.std_error)
        return max(abs(float(base.value)), error) or 1.0


def decide(
    promise: Promise, *, margin: float = 0.0, level: float = 0.95, record: TrackRecord | None = None
) -> Decision:
    """The card: ship where the gain's lower bound is above the margin and no check failed, or not, or test.

    Args:
        promise: what is expected; bounds that are handed in are taken as they are, already calibrated.
        margin: the gain that is needed.
        level: of the interval of the gain.
        record: past promises, by whose errors this one is widened.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> gain = Estimate.of_mean(0.3 + rng.normal(size=1000), name="gain")
        >>> card = decide(Promise(question="new ranking?", gain=gain))
        >>> card.choice, card.reason, card.meaning
        ('ship', 'gain_shown', 'the gain is at least 0.191 (95% confidence), and no check failed')
        >>> decide(Promise(question="new ranking?", gain=gain), margin=0.25).choice
        'test'
    """
    record = TrackRecord(()) if record is None else record.of_kind(promise.kind)
    gain, raw = promise.gain, promise.gain
    bounds = promise.bounds
    if bounds is None:
        gain = calibrated(raw, record, scale=promise.scale)
        bounds = Interval(None, None) if gain.no_interval else gain.interval(level)
    lower, upper = (None if b is None or not math.isfinite(b) else float(b) for b in bounds)
    failed = [v for v in gain.verdicts if v.status == "failed"]
    choice, reason = choose(lower, upper, margin=margin, failed=bool(failed))
    value, base = promise.value, promise.incumbent_value
    ends = Interval(None, None) if value is None or value.no_interval else value.interval(level)
    created = datetime.now(UTC)
    card = Decision(
        decision_id=promise.decision_id or _name(promise.question, created, float(gain.value)),
        question=promise.question,
        choice=choice,
        reason=reason,
        meaning="",
        gain=float(gain.value),
        std_error=_error(gain),
        raw_std_error=_raw_error(raw),
        lower=lower,
        upper=upper,
        level=level,
        margin=margin,
        kind=promise.kind,
        candidate=promise.candidate,
        incumbent=promise.incumbent,
        value=None if value is None else float(value.value),
        value_lower=ends.lower,
        value_upper=ends.upper,
        incumbent_value=None if base is None else float(base.value),
        scale=promise.scale,
        method=gain.method,
        unit=gain.unit,
        n=gain.n,
        assumptions=promise.assumptions,
        doubts=tuple(f"{v.check}: {v.meaning}" for v in gain.verdicts if v.status != "passed" and v.code != CALIBRATED),
        plan=promise.plan,
        calibration=next((v.meaning for v in gain.verdicts if v.code == CALIBRATED), ""),
        inputs=promise.inputs,
        created=created,
    )
    meaning = _meaning(card, failed, gain.no_interval)
    return replace(card, meaning=meaning, reversals=(*_reversals(card), *promise.sensitivity))


CALIBRATED = "calibrated"
RAW = "std_error_alone"


def calibrated(estimate: Estimate, record: TrackRecord, *, scale: float = 1.0) -> Estimate:
    """The estimate with the interval that past promises call for: widened by what they missed beyond their errors.

    Errors (promised less measured, over the incumbent's value) are taken to vary by both standard errors and by an
    unknown tau^2 around 0, so that optimism counts, too. tau^2 is `extra_variance`'s, and its degrees of freedom go
    into the interval. Promises that erred no more than they said leave the estimate alone, as do fewer than 5. The
    interval is never narrowed.

    Args:
        estimate: scalar.
        record: past promises of the same kind.
        scale: the size of the incumbent's value, in units of the estimate.

    Example:
        >>> def past(gain, measured):
        ...     card = Decision(decision_id="d", question="q", choice="test", reason="gain_uncertain", meaning="",
        ...                     gain=gain, std_error=0.1, raw_std_error=0.1, lower=gain - 0.2, upper=gain + 0.2)
        ...     return card, Settlement.of(card, measured, 0.1)
        >>> bold = TrackRecord(tuple(past(0.5, 0.1) for _ in range(6)))
        >>> promise = Estimate.of_mean(np.random.default_rng(0).normal(size=200) * 0.1, name="gain")
        >>> wider = calibrated(promise, bold)
        >>> round(wider.std_error, 2), wider.verdicts[-1].status
        (0.4, 'warning')
        >>> calibrated(promise, TrackRecord(tuple(past(0.2, 0.1) for _ in range(6)))).std_error == promise.std_error
        True
    """
    past = [(card, end) for card, end in record.settled if card.raw_std_error and end.standardised is not None]
    told = f"{record}"
    if not past or estimate.no_interval:
        return estimate
    if len(past) < ENOUGH:
        return _told(estimate, f"{told}; {ENOUGH} have to be measured before they calibrate the next.", "passed", {})
    errors = np.array([(end.error) / card.scale for card, end in past])
    variances = np.array([((card.raw_std_error or 0.0) ** 2 + end.std_error**2) / card.scale**2 for card, end in past])
    extra = extra_variance(errors, variances)
    evidence = {"tau": math.sqrt(extra.value), "p_value": extra.p_value, "promises": len(past)}
    if extra.value == 0.0:
        return _told(estimate, f"{told}, no further off than they said: this one stands as it is.", "passed", evidence)
    error = float(estimate.std_error)
    factor = math.sqrt(1 + extra.value * scale**2 / error**2)
    wider = replace(
        estimate,
        influence=None if estimate.influence is None else estimate.influence * factor,
        dof=freedom(error**2 / scale**2, extra, estimate.dof),
    )
    meaning = f"{told}; they missed by {math.sqrt(extra.value):.2g} of the incumbent's value more than they said, so "
    meaning += f"the error of this one is {factor:.2g} times what its data say."
    return _told(wider, meaning, "warning", {**evidence, "factor": factor, RAW: error})


def settle(decision: Decision, measured: Estimate, *, inputs: Mapping[str, str] | None = None) -> Settlement:
    """What a trial measured, held against the card's promise.

    Raises:
        InputError: the measurement is a vector.
        NoInterval: it has no standard error.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> card = decide(Promise(question="new ranking?", gain=Estimate.of_mean(0.3 + rng.normal(size=1000))))
        >>> end = settle(card, Estimate.of_mean(0.1 + rng.normal(size=1000), name="B - A"))
        >>> round(end.error, 2), round(end.standardised, 1), end.held
        (0.16, 3.6, False)
    """
    if np.ndim(measured.value):
        raise InputError(f"{', '.join(map(str, measured.name))} are several values; pick the one that was promised.")
    if measured.no_interval:
        raise NoInterval(f"the measurement has no error: {measured.no_interval}", remedy="collect more units")
    return Settlement.of(
        decision,
        float(measured.value),
        float(measured.std_error),
        method=measured.method,
        name=str(measured.name),
        n=measured.n,
        inputs=dict(inputs or {}),
    )


def trial_plan(
    gain: Estimate,
    *,
    sd: float,
    margin: float = 0.0,
    effect: float | None = None,
    per_day: float | None = None,
    unit: str = "decision",
    rows_per_unit: float = 1.0,
    guardrails: Mapping[str, float] | None = None,
) -> TrialPlan:
    """The A/B test that would settle whether the gain exceeds the margin, with power .8 at a two-sided 5%.

    It is sized for `effect`; by default for the promised gain over the margin, but not for less than half the promise's
    own margin of error: a test that is to see next to nothing would never end.

    Args:
        gain: the promise.
        sd: of one row's reward; where rows of a unit depend on one another, what its clustered error implies.
        margin: the gain that is needed.
        effect: the difference that must be seen, in place of the promise.
        per_day: units a day, both arms together.
        unit: what is randomised.
        rows_per_unit: rows that a unit brings.
        guardrails: metric -> standard deviation of a row; the plan tells the smallest change it would see.

    Example:
        >>> gain = Estimate.of_mean(0.02 + np.random.default_rng(0).normal(size=20000) * 0.3)
        >>> plan = trial_plan(gain, sd=0.3, effect=0.02, per_day=1000, guardrails={"returns": 0.1})
        >>> plan.n_control, plan.days, round(plan.guardrails["returns"], 4)
        (3532, 8, 0.0067)
    """
    if effect is None:
        half = 0.0 if gain.no_interval else 0.98 * float(gain.std_error)
        effect = max(abs(float(gain.value) - margin), half)
    if not effect > 0 or not sd > 0:
        raise InputError(f"the trial would look for an effect of {effect:g} with a deviation of {sd:g}; give --effect.")
    effect = min(effect, sd)  # what is larger shows in a handful of units, which no trial stops at
    made = design(effect=effect, sd=sd, power=POWER)
    units = max(2, math.ceil(made.n_control / rows_per_unit))
    watched = {name: _smallest(made, other) for name, other in (guardrails or {}).items() if other > 0}
    return TrialPlan(
        effect=effect,
        power=POWER,
        alpha=made.alpha,
        n_control=units,
        n_treatment=units,
        unit=unit,
        per_day=per_day,
        days=None if not per_day else math.ceil(2 * units / per_day),
        guardrails=watched,
        watch=WATCH,
    )


def _smallest(made: Design, sd: float) -> float:
    return design(effect=sd, sd=sd, n_total=made.n_total).smallest_effect(POWER)


def _told(estimate: Estimate, meaning: str, status: str, evidence: Mapping[str, object]) -> Estimate:
    passed = status == "passed"
    verdict = Verdict(
        check="past promises",
        status="passed" if passed else "warning",
        code=CALIBRATED,
        meaning=meaning,
        remedy="" if passed else "Look for what they share: the log's contexts, its propensities, novelty.",
        evidence=dict(evidence),
    )
    return replace(estimate, verdicts=(*estimate.verdicts, verdict))


def _error(estimate: Estimate) -> float | None:
    return None if estimate.no_interval else float(estimate.std_error)


def _raw_error(estimate: Estimate) -> float | None:
    """The error without the room that past promises called for."""
    told = next((v for v in estimate.verdicts if v.code == CALIBRATED and RAW in v.evidence), None)
    return _error(estimate) if told is None else float(told.evidence[RAW])


def _name(question: str, created: datetime, gain: float) -> str:
    digest = hashlib.sha256(f"{question}|{created.isoformat()}|{gain!r}".encode()).hexdigest()
    return f"{created:%Y%m%d}-{digest[:6]}"


def _meaning(card: Decision, failed: list[Verdict], no_interval: str) -> str:
    sure = f"({card.level:.0%} confidence)"
    low, high = (math.nan if b is None else b for b in (card.lower, card.upper))
    over = f", which is over the {card.margin:.3g} that is needed" if card.margin else ""
    return {
        "gain_shown": f"the gain is at least {low:.3g} {sure}{over}, and no check failed",
        "gain_ruled_out": f"the gain is at most {high:.3g} {sure}, "
        + (f"below the {card.margin:.3g} that is needed" if card.margin else "a loss"),
        "gain_uncertain": f"the gain lies between {low:.3g} and {high:.3g} {sure}, on both sides of "
        + (f"the {card.margin:.3g} that is needed" if card.margin else "0"),
        "check_failed": "the gain looks sure, but a check failed: " + "; ".join(v.check for v in failed),
        "no_interval": f"the gain of {card.gain:.3g} has no valid interval: {no_interval or 'it is not bounded'}",
    }[card.reason]


def _reversals(card: Decision) -> list[Reversal]:
    """What would turn the card, from its own numbers."""
    if card.lower is None or card.upper is None or card.reason == "check_failed":
        return []
    per = f" per {card.unit}" if card.unit else ""
    low, mid, high = (b - card.margin for b in (card.lower, card.gain, card.upper))
    if card.choice == "ship":
        told = f"A further cost{per}, or an estimate too high, by {low:.3g} or more leaves the gain unproven; from "
        return [Reversal(what="cost", threshold=low, meaning=f"{told}{mid:.3g} on it is a loss at the best guess.")]
    if card.choice == "don't ship":
        told = f"Were the estimate too low{per} by {-high:.3g} or more, the gain would be open again."
        return [Reversal(what="pessimism", threshold=-high, meaning=told)]
    found = []
    if low < 0 < mid:
        rows = math.ceil(card.n * ((high - low) / 2 / mid) ** 2)
        told = f"About {rows:,} rows like these {card.n:,} would settle it, if the gain is as it looks."
        found.append(Reversal(what="rows", threshold=float(rows), meaning=told))
    told = (
        f"Needing {card.lower:.3g} instead of {card.margin:.3g} it would ship; needing {card.upper:.3g}, it would not."
    )
    return [*found, Reversal(what="margin", threshold=card.lower, meaning=told)]
