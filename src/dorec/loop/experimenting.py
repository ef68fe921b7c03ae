"""`dorec experiment`: a table of randomised units -> what each arm changed; a plan; or the end of a promise."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dorec.domain.decision import Decision, Settlement, TrackRecord, TrialPlan
from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.table import column
from dorec.domain.verdict import Verdict
from dorec.experiment import Mean, Metric, Proportion, Ratio, analyze, arm_values, design
from dorec.loop.deciding import WATCH, Promise, decide, settle
from dorec.loop.results import hash_file
from dorec.loop.tables import read_table
from dorec.store import StudyFolder

ASSUMPTIONS = (
    "chance alone decided which arm a unit was in",
    "one unit's arm does not change what another unit does",
    "the gain goes on as it was during the experiment",
)


@dataclass(frozen=True, kw_only=True)
class ExperimentRequest:
    """What `dorec experiment FILE` is asked.

    Example:
        >>> ExperimentRequest(source=Path("test.csv"), variant="arm", metrics=("spend", "clicks/views")).margin
        0.0
    """

    source: Path
    variant: str
    metrics: tuple[str, ...]  # a column, or NUMERATOR/DENOMINATOR; the first decides
    unit: str | None = None
    covariate: str | None = None
    control: str | None = None
    relative: bool = False
    expected: Mapping[str, float] | None = None  # planned shares of the arms
    margin: float = 0.0
    arm: str | None = None  # which arm settles a decision, where there are several
    decision: str | None = None
    study: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Experimented:
    """Differences between arms, the values in each, the card, and the promise that this settled.

    Example:
        >>> lift = Estimate.of_mean(np.array([0.1, 0.3, 0.2]), name="spend: B - A")
        >>> asked = ExperimentRequest(source=Path("test.csv"), variant="arm", metrics=("spend",))
        >>> card = decide(Promise(question="B?", gain=lift, kind="experiment"))
        >>> found = Experimented(request=asked, rows=3, lifts={"spend": lift}, arms={}, decision=card, promise=None,
        ...                      settlement=None, record=TrackRecord(()))
        >>> found.to_dict()["decision"]["choice"]  # of three units
        'test'
    """

    request: ExperimentRequest
    rows: int
    lifts: Mapping[str, Estimate]
    arms: Mapping[str, Estimate]
    decision: Decision
    promise: Decision | None
    settlement: Settlement | None
    record: TrackRecord

    @property
    def checks(self) -> tuple[Verdict, ...]:
        """The sample ratio and what else was looked at, each thing once."""
        found = [v for lift in self.lifts.values() for v in lift.verdicts]
        return tuple({(v.check, v.meaning): v for v in found}.values())

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "rows": self.rows,
            "units": next(iter(self.lifts.values())).n,
            "metrics": {name: [one.to_dict() for one in lift.scalars()] for name, lift in self.lifts.items()},
            "joint_intervals": {name: joint_bounds(lift) for name, lift in self.lifts.items()},
            "arms": {name: [one.to_dict() for one in arm.scalars()] for name, arm in self.arms.items()},
            "verdicts": [v.to_dict() for v in self.checks],
            "decision": self.decision.to_dict(),
            "promise": None if self.promise is None else self.promise.to_dict(),
            "settlement": None if self.settlement is None else self.settlement.to_dict(),
            "track_record": str(self.record),
        }


def experiment_file(request: ExperimentRequest) -> Experimented:
    r"""Analyse an experiment: the sample ratio first, then each metric, then the card of the first.

    Raises:
        SampleRatioMismatch: the arms have other sizes than planned; nothing is read before the cause is found.
        PostTreatmentCovariate: the covariate was moved by the treatment.
        ColumnNotFound, ConfigError, InputError: a column or an option does not fit.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "test.csv")
        ...     _ = file.write_text("arm,spend\n" + "\n".join(f"{'AB'[i % 2]},{i % 7 + i % 2}" for i in range(400)))
        ...     found = experiment_file(ExperimentRequest(source=file, variant="arm", metrics=("spend",)))
        >>> found.decision.choice, round(found.decision.gain, 2)
        ('ship', 0.98)
    """
    table = read_table(request.source)
    metrics = [_metric(name, table, request.source) for name in request.metrics]
    for name in (request.variant, request.unit, request.covariate):
        if name is not None and name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, request.source.name)
    control = _level(request.control, table, request.variant)
    shared: dict[str, Any] = {"treatment": request.variant, "metrics": metrics, "control": control}
    shared |= {"unit": request.unit, "covariate": request.covariate}
    expected = None if request.expected is None else _shares(request.expected, table, request.variant)
    lifts = analyze(table, **shared, relative=request.relative, expected=expected)
    arms = arm_values(table, **shared)
    first = metrics[0].name
    card = _card(request, first, lifts, arms[first])
    promise, settlement, record = _settled(request, lifts[first])
    return Experimented(
        request=request,
        rows=table.num_rows,
        lifts=lifts,
        arms=arms,
        decision=card,
        promise=promise,
        settlement=settlement,
        record=record,
    )


def plan_experiment(
    *,
    effect: float,
    baseline: float | None = None,
    sd: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    share: float = 0.5,
    per_day: float | None = None,
    unit: str = "user",
) -> TrialPlan:
    """The sizes of an experiment that sees an effect, and how long it takes; arguments as in `design`.

    Example:
        >>> print(plan_experiment(baseline=0.10, effect=0.02, per_day=700))
        3,841 users an arm see a gain of 0.02 with 80% power: 11 days at 700 users a day
    """
    made = design(effect=effect, baseline=baseline, sd=sd, power=power, alpha=alpha, share=share)
    if per_day is not None and not per_day > 0:
        raise ConfigError(f"--per-day is {per_day}; give how many units come in a day, a number above 0.")
    return TrialPlan(
        effect=effect,
        power=power,
        alpha=alpha,
        n_control=made.n_control,
        n_treatment=made.n_treatment,
        unit=unit,
        per_day=per_day,
        days=None if per_day is None else int(np.ceil(made.n_total / per_day)),
        watch=WATCH,
    )


def joint_bounds(lift: Estimate) -> list[list[float]] | None:
    """Bounds of each arm that hold at once; None for two arms, or without an interval.

    >>> joint_bounds(Estimate.of_mean(np.array([1.0, 2.0]), name="lift")) is None
    True
    """
    if not np.ndim(lift.value) or lift.no_interval:
        return None
    bounds = lift.interval(joint=True)
    return [[float(low), float(high)] for low, high in zip(bounds.lower, bounds.upper, strict=True)]


def _metric(name: str, table: Any, source: Path) -> Metric:
    """A column of 0 and 1 is a proportion, another a mean, and a/b a ratio."""
    top, slash, bottom = name.partition("/")
    parts = [name] if name in table.column_names or not slash else [top.strip(), bottom.strip()]
    for part in parts:
        if part not in table.column_names:
            raise ColumnNotFound(part, table.column_names, source.name)
    if len(parts) == 2:
        return Ratio(parts[0], parts[1])
    values = column(table, name)
    binary = values.dtype != object and np.isin(values[~_gap(values)], (0, 1)).all()
    return Proportion(name) if binary else Mean(name)


def _gap(values: Any) -> Any:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _level(given: str | None, table: Any, variant: str) -> Any:
    """The level of the arms' column that an option's text names; the text itself where none does."""
    if given is None:
        return None
    levels = {str(level): level for level in np.unique(column(table, variant).astype(str)).tolist()}
    own = {str(value): value for value in column(table, variant).tolist()} if given in levels else {}
    return own.get(given, given)


def _shares(expected: Mapping[str, float], table: Any, variant: str) -> dict[Any, float]:
    return {_level(name, table, variant): share for name, share in expected.items()}


def _card(request: ExperimentRequest, name: str, lifts: Mapping[str, Estimate], arms: Estimate) -> Decision:
    lift = lifts[name]
    best, bounds = lift, None
    if np.ndim(lift.value):
        joint = None if lift.no_interval else lift.interval(joint=True)
        at = int(np.argmax(lift.value if joint is None else joint.lower))
        best, bounds = lift[at], None if joint is None else Interval(joint.lower[at], joint.upper[at])
    candidate, _, control = str(best.name).removeprefix(f"{name}: ").removesuffix(", relative").partition(" - ")
    base = arms[0]
    others = {other: _of_candidate(e, candidate) for other, e in lifts.items() if other != name}
    promise = Promise(
        question=f"Should {candidate} replace {control}, by {name}?",
        gain=replace(best, verdicts=(*best.verdicts, *what_fell(others))),
        bounds=bounds,
        incumbent_value=base,
        kind="experiment",
        candidate=candidate,
        incumbent=control,
        assumptions=ASSUMPTIONS,
        inputs={str(request.source): hash_file(request.source)},
    )
    return decide(promise, margin=request.margin)


def _of_candidate(lift: Estimate, candidate: str) -> Estimate:
    """The lift of one arm."""
    if not np.ndim(lift.value):
        return lift
    return next(one for one in lift.scalars() if f": {candidate} - " in str(one.name))


def what_fell(lifts: Mapping[str, Estimate]) -> tuple[Verdict, ...]:
    """A warning where other metrics are lower by more than chance, all of them looked at together.

    Whether lower is worse is for people to say, so it does not stop a launch by itself; it stands on the card.

    Example:
        >>> fell = Estimate.of_mean(np.array([-1.0, -1.2, -0.9, -1.1]), name="visits")
        >>> [v.code for v in what_fell({"visits": fell})]
        ['other_metric_fell']
    """
    known = {name: lift for name, lift in lifts.items() if not lift.no_interval}
    if not known:
        return ()
    p = Estimate.concat(list(known.values())).adjusted_p_values(method="holm")
    fell = [name for name, one in zip(known, p, strict=True) if one < 0.05 and known[name].value < 0]
    if not fell:
        return ()
    told = "; ".join("{} by {:.4g} ({:.4g} to {:.4g})".format(n, -known[n].value, *known[n].interval()) for n in fell)
    return (
        Verdict(
            check="other metrics",
            status="warning",
            code="other_metric_fell",
            meaning=f"Lower by more than chance: {told}.",
            remedy="Say whether that is worse; if so, don't ship on the first metric alone.",
        ),
    )


def _settled(request: ExperimentRequest, lift: Estimate) -> tuple[Decision | None, Settlement | None, TrackRecord]:
    if request.decision is None:
        return None, None, TrackRecord(())
    if request.study is None:
        raise ConfigError("--decision needs the study that holds it: --study FOLDER.")
    if request.relative:
        raise ConfigError("--relative measures a share, the promise is an absolute gain: leave --relative out.")
    decisions = StudyFolder.open(request.study).decisions
    promise = decisions.card(request.decision)
    end = settle(promise, _arm(request, lift), inputs={str(request.source): hash_file(request.source)})
    decisions.settle(end)
    return replace(promise, status="settled"), end, decisions.record().of_kind(promise.kind)


def _arm(request: ExperimentRequest, lift: Estimate) -> Estimate:
    if not np.ndim(lift.value):
        return lift
    names = [str(name).rpartition(": ")[2].partition(" - ")[0] for name in lift.name]
    if request.arm not in names:
        raise InputError(f"The experiment has several arms: say by --arm which one was promised: {', '.join(names)}.")
    return lift[names.index(request.arm)]
