"""`dorec evaluate`: a log with propensities and policies -> what they are worth, and whether one should take over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.domain.decision import Decision, TrackRecord
from dorec.domain.errors import ConfigError, ConstantColumn, InputError, Refusal, TooFewUnits
from dorec.domain.estimate import Estimate
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.run import RunContext
from dorec.domain.table import column
from dorec.domain.verdict import Verdict
from dorec.evaluate import context_drift, rolling_value, value_by_segment
from dorec.loop.bandit_log import read_log
from dorec.loop.deciding import decide
from dorec.loop.evaluate_request import LOGGED, EvaluateRequest, check_request, check_sides
from dorec.loop.policies import Log, is_learned, propensities_of
from dorec.loop.policy_promise import promise_of_best
from dorec.loop.policy_values import ESTIMATORS, Valued, less_logged, logged_value, value_policy
from dorec.numeric.arrays import FloatArray
from dorec.numeric.even_folds import even_folds
from dorec.store import StudyFolder

PARTS = 5  # of a log in the order of time
MANY_SEGMENTS = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """Values, diagnostics and the card; made by `evaluate_log`."""

    request: EvaluateRequest
    log: Log  # on which policies were judged
    dropped_rows: int
    learned_on: int  # rows that learned policies learned from, apart from the log
    incumbent: Estimate
    policies: tuple[Valued, ...]
    refused: Mapping[str, Refusal]  # policies that the log can't judge
    segments: Estimate | None  # value of the best policy in each
    segment_gains: Estimate | None
    drift: tuple[Verdict, ...]
    decision: Decision
    record: TrackRecord
    entered: bool

    @property
    def best(self) -> Valued:
        """The policy that the card is about."""
        return next(one for one in self.policies if one.name == self.decision.candidate)

    @property
    def checks(self) -> tuple[Verdict, ...]:
        """What speaks for and against the value of the best policy, each thing once."""
        segments = () if self.segments is None else self.segments.verdicts
        found = (*self.best.value.verdicts, *self.drift, *segments)
        return tuple({(v.check, v.meaning): v for v in found}.values())

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        parts = {"values": self.segments, "gains": self.segment_gains}
        return {
            "rows": self.log.feedback.n,
            "rows_dropped": self.dropped_rows,
            "rows_learned_on": self.learned_on,
            "actions": self.log.feedback.n_actions,
            "incumbent": self.incumbent.to_dict(),
            "policies": [one.to_dict() for one in self.policies],
            "refused": {name: refusal.to_dict() for name, refusal in self.refused.items()},
            "segments": {
                name: None if one is None else [part.to_dict() for part in one.scalars()] for name, one in parts.items()
            },
            "verdicts": [v.to_dict() for v in self.checks],
            "decision": self.decision.to_dict(),
            "track_record": str(self.record),
            "entered": self.entered,
        }


def evaluate_log(request: EvaluateRequest, *, context: RunContext) -> Evaluated:
    r"""Read the log, judge each policy on it, and write the card of the best.

    Policies that learn from rewards learn on one half of the log (of its users) and are judged on the other. Of several
    policies the card is about the one with the highest lower bound, and the bounds of all hold at once.

    Raises:
        ConfigError, InputError: an option, a column or a policy is not known.
        Refusal: the log can't judge any of the policies, with the row and the remedy.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from dorec.loop.bandit_log import LogColumns
        >>> rng = np.random.default_rng(0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "log.csv")
        ...     rows = "\n".join(f"{a},{0.3 * a + rng.random():.3f},0.5,1" for a in rng.integers(2, size=1000))
        ...     _ = file.write_text("a,r,p,new\n" + rows)
        ...     columns = LogColumns(action="a", reward="r", propensity="p")
        ...     found = evaluate_log(EvaluateRequest(source=file, columns=columns, policies=("new",)),
        ...                          context=RunContext())
        >>> found.decision.choice, round(found.best.gain.value, 2)
        ('ship', 0.12)
    """
    check_request(request)
    whole = read_log(request.source, request.columns)
    check_sides(request, whole)
    judged, learning = _halves(request, whole)
    _check_varies(request, judged.feedback)
    base_policy = None
    if request.incumbent != LOGGED:
        base_policy = propensities_of(request.incumbent, judged, learning, context)
    made: list[Valued] = []
    matrices: dict[str, FloatArray] = {}
    refused: dict[str, Refusal] = {}
    for name in context.track(request.policies, "judging policies", len(request.policies)):
        matrices[name] = propensities_of(name, judged, learning, context)
        if base_policy is not None and np.array_equal(matrices[name], base_policy):
            raise ConfigError(f"{name} does in every row what {request.incumbent} does: there is nothing to decide.")
        try:
            made.append(_valued(request, judged.feedback, name, matrices[name], base_policy))
        except Refusal as refusal:
            refused[name] = refusal
    if not made:
        raise next(iter(refused.values()))
    record, folder = TrackRecord(()), None if request.study is None else StudyFolder.create(request.study)
    if folder is not None:
        record = folder.decisions.record()
    base = _incumbent(request, judged, base_policy, made[0].chosen)
    best, promise = promise_of_best(request, judged, made, base, matrices, record)
    decision = decide(promise, margin=request.margin, record=record)
    segments, gains = _segments(request, judged, best, matrices[best.name])
    drift = _drift(request, judged, best, matrices[best.name])
    if folder is not None:  # last, so that a refusal leaves no card behind
        folder.decisions.enter(decision)
    return Evaluated(
        request=request,
        log=judged,
        dropped_rows=whole.total - whole.feedback.n,
        learned_on=0 if learning is None else learning.feedback.n,
        incumbent=base,
        policies=tuple(made),
        refused=refused,
        segments=segments,
        segment_gains=gains,
        drift=drift,
        decision=decision,
        record=record.of_kind(decision.kind),
        entered=folder is not None,
    )


def _check_varies(request: EvaluateRequest, feedback: LoggedFeedback) -> None:
    if np.ptp(feedback.reward) == 0:
        raise ConstantColumn(
            f"every one of the {feedback.n:,} rows that judge has a {request.columns.reward!r} of "
            f"{feedback.reward[0]:g}, so no policy can be told from another",
            remedy="log on until something else happens, or take another reward",
        )


def _halves(request: EvaluateRequest, log: Log) -> tuple[Log, Log | None]:
    """The rows on which policies are judged, and those from which they learn, where any does."""
    if not any(is_learned(name, log) for name in (*request.policies, request.incumbent)):
        return log, None
    if log.feedback.n < 20:
        raise TooFewUnits(f"{log.feedback.n} rows are too few to learn a policy and to judge it", remedy="log more")
    fold = even_folds(log.feedback.n, 2, log.feedback.cluster)
    return log.take(np.flatnonzero(fold == 0)), log.take(np.flatnonzero(fold == 1))


def _valued(
    request: EvaluateRequest, feedback: LoggedFeedback, name: str, policy: FloatArray, base_policy: FloatArray | None
) -> Valued:
    return value_policy(
        feedback,
        name,
        policy,
        estimators=request.estimators,
        base_policy=base_policy,
        incumbent=request.incumbent,
        max_unsupported=request.max_unsupported,
    )


def _incumbent(request: EvaluateRequest, log: Log, base_policy: FloatArray | None, chosen: str) -> Estimate:
    if base_policy is None:
        return logged_value(log.feedback)
    made = ESTIMATORS[chosen].evaluate(log.feedback, base_policy)
    return replace(made, name=f"value of {request.incumbent}")


def _segments(
    request: EvaluateRequest, log: Log, best: Valued, policy: FloatArray
) -> tuple[Estimate | None, Estimate | None]:
    if request.segment is None:
        return None, None
    labels = column(log.table, request.segment)
    text = np.array(["missing" if v is None or v != v else str(v) for v in labels.tolist()])
    if len(np.unique(text)) > MANY_SEGMENTS:
        raise InputError(
            f"--segment {request.segment!r} has {len(np.unique(text)):,} values; give a column of at most "
            f"{MANY_SEGMENTS}, as a region or a device."
        )
    values = value_by_segment(ESTIMATORS[best.chosen], log.feedback, policy, text)
    if request.incumbent != LOGGED or values.no_interval:
        return values, None
    gains = [less_logged(values[str(name)], logged_value(log.feedback, text == name)) for name in values.name]
    told = [replace(gain, name=name, verdicts=()) for gain, name in zip(gains, values.name, strict=True)]
    return values, Estimate.concat(told)


def _drift(request: EvaluateRequest, log: Log, best: Valued, policy: FloatArray) -> tuple[Verdict, ...]:
    """Whether the value and the contexts stayed the same over time, where the log says what its order is."""
    feedback = log.feedback
    if request.columns.time is None or feedback.n < 100 * PARTS:
        return ()
    found: list[Verdict] = []
    try:
        rolling = rolling_value(ESTIMATORS[best.chosen], feedback, policy, window=feedback.n // PARTS)
        found += [replace(v, check="value over time") for v in rolling.verdicts if v.code == "parts_differ"]
    except Refusal as refusal:
        found.append(
            Verdict(check="value over time", status="warning", code=refusal.code, meaning=f"{refusal.reason}.")
        )
    if feedback.context.shape[1]:
        half = feedback.n // 2
        early, late = feedback.take(np.arange(half)), feedback.context[half:]
        found.append(replace(context_drift(early, late), check="contexts, early and late"))
    return tuple(found)
