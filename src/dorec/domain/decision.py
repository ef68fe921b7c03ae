"""The decision card: what to do with a promise, what it rests on, what would change it, and how it turned out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from dorec.domain.errors import InputError

Choice = Literal["ship", "don't ship", "test"]
Reason = Literal["gain_shown", "gain_ruled_out", "gain_uncertain", "check_failed", "no_interval"]


def choose(
    lower: float | None, upper: float | None, *, margin: float = 0.0, failed: bool = False
) -> tuple[Choice, Reason]:
    """The rule of every card: what to do, and the reason by name.

    Ship where the gain's lower bound is above the margin and no check failed, don't where its upper bound is below the
    margin, and test otherwise.

    Args:
        lower: bound of the gain over the incumbent; None where there is no valid interval.
        upper: the other bound.
        margin: the gain that is needed, as for what the change costs.
        failed: whether a check of the gain failed.

    Example:
        >>> choose(0.1, 0.4), choose(-0.4, -0.1), choose(-0.1, 0.4)
        (('ship', 'gain_shown'), ("don't ship", 'gain_ruled_out'), ('test', 'gain_uncertain'))
        >>> choose(0.1, 0.4, margin=0.2), choose(0.1, 0.4, failed=True)
        (('test', 'gain_uncertain'), ('test', 'check_failed'))
    """
    if not math.isfinite(margin):
        raise InputError(f"margin is {margin}; give a number, the gain below which shipping does not pay.")
    if lower is None or upper is None or not (math.isfinite(lower) and math.isfinite(upper)):
        return "test", "no_interval"
    if upper < margin:
        return "don't ship", "gain_ruled_out"
    if lower > margin:
        return ("test", "check_failed") if failed else ("ship", "gain_shown")
    return "test", "gain_uncertain"


@dataclass(frozen=True, kw_only=True)
class Reversal:
    """What would turn a decision: a quantity, the value from which on it turns, and that in words.

    Example:
        >>> Reversal(what="cost", threshold=0.2, meaning="A cost above 0.2 leaves the gain unproven.").threshold
        0.2
    """

    what: str
    threshold: float
    meaning: str


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """The experiment that would settle a decision: its size, its length, and what else it watches.

    Example:
        >>> plan = TrialPlan(effect=0.02, power=0.8, alpha=0.05, n_control=3841, n_treatment=3841, unit="user",
        ...                  per_day=700, days=11)
        >>> plan.n_total, str(plan)
        (7682, '3,841 users an arm see a gain of 0.02 with 80% power: 11 days at 700 users a day')
    """

    effect: float  # treatment less control that the trial is sized for
    power: float
    alpha: float  # two-sided
    n_control: int
    n_treatment: int
    unit: str = "decision"
    per_day: float | None = None
    days: int | None = None
    guardrails: Mapping[str, float] = field(default_factory=dict)  # metric -> smallest change that the trial would see
    watch: tuple[str, ...] = ()  # what ends the trial or its reading, in words

    @property
    def n_total(self) -> int:
        """Units of both arms."""
        return self.n_control + self.n_treatment

    def __str__(self) -> str:
        told = f"{max(self.n_control, self.n_treatment):,} {self.unit}s an arm see a gain of {self.effect:.3g} with "
        told += f"{self.power:.0%} power"
        if self.days is None or self.per_day is None:
            return told
        return f"{told}: {self.days:,} day{'s' if self.days != 1 else ''} at {self.per_day:,.0f} {self.unit}s a day"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The card: ship, don't ship or test, with the promise, what it assumes, and the trial that would settle it.

    `std_error`, `lower` and `upper` are those of the promise as it was made, widened where past promises called for
    it; `raw_std_error` is the estimate's own. `scale` is what the errors of promises are compared in, across metrics:
    the size of the incumbent's value.

    Example:
        >>> card = Decision(decision_id="d1", question="new ranking?", choice="ship", reason="gain_shown", gain=0.3,
        ...                 meaning="the gain is 0.1 or more", std_error=0.1, raw_std_error=0.1, lower=0.1, upper=0.5)
        >>> Decision.from_dict(card.to_dict()) == card, card.status
        (True, 'open')
    """

    decision_id: str
    question: str
    choice: Choice
    reason: Reason
    meaning: str  # the reason in words, with its numbers
    gain: float  # over the incumbent
    std_error: float | None = None
    raw_std_error: float | None = None
    lower: float | None = None
    upper: float | None = None
    level: float = 0.95
    margin: float = 0.0
    kind: str = "policy value"  # promises are calibrated by those of their kind
    candidate: str = ""
    incumbent: str = ""
    value: float | None = None  # of the candidate
    value_lower: float | None = None
    value_upper: float | None = None
    incumbent_value: float | None = None
    scale: float = 1.0
    method: str = ""
    unit: str = ""
    n: int = 0
    assumptions: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()  # checks that did not pass, in words
    reversals: tuple[Reversal, ...] = ()
    plan: TrialPlan | None = None
    calibration: str = ""  # what past promises did to this one
    inputs: Mapping[str, str] = field(default_factory=dict)  # path -> SHA-256
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: Literal["open", "settled"] = "open"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gain) and self.scale > 0 and math.isfinite(self.scale)):
            raise InputError(f"gain is {self.gain} and scale {self.scale}; give finite numbers, and a scale above 0.")

    def to_dict(self) -> dict[str, Any]:
        """The card as plain data."""
        return {**asdict(self), "created": self.created.isoformat(), "inputs": dict(self.inputs)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Decision":
        """The card that `to_dict` described; keys that are not known are left out."""
        known = {f.name for f in fields(cls)}
        given = {k: v for k, v in record.items() if k in known}
        given["created"] = datetime.fromisoformat(given["created"])
        given["reversals"] = tuple(Reversal(**r) for r in given.get("reversals", ()))
        if given.get("plan") is not None:
            given["plan"] = TrialPlan(**{**given["plan"], "watch": tuple(given["plan"].get("watch", ()))})
        for name in ("assumptions", "doubts"):
            given[name] = tuple(given.get(name, ()))
        return cls(**given)


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What was measured after a promise, and how far the promise was off.

    Example:
        >>> card = Decision(decision_id="d1", question="?", choice="test", reason="gain_uncertain", meaning="",
        ...                 gain=0.3, std_error=0.3, raw_std_error=0.3, lower=-0.3, upper=0.9)
        >>> made = Settlement.of(card, measured=-0.1, std_error=0.4)
        >>> round(made.error, 2), round(made.standardised, 2), made.held
        (0.4, 0.8, True)
    """

    decision_id: str
    measured: float
    std_error: float
    error: float  # promised less measured
    standardised: float | None  # by the errors of both; None where the promise had none
    held: bool | None  # whether promise and measurement agree within their errors
    method: str = ""
    name: str = ""
    n: int = 0
    settled: datetime = field(default_factory=lambda: datetime.now(UTC))
    inputs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, decision: Decision, measured: float, std_error: float, **told: Any) -> "Settlement":
        """The measurement held against the promise; `told` holds the fields that say how it was measured."""
        if not (math.isfinite(measured) and math.isfinite(std_error) and std_error >= 0):
            raise InputError(f"measured is {measured} ± {std_error}; give a finite value and an error of 0 or more.")
        error = decision.gain - measured
        both = None if decision.std_error is None else math.hypot(decision.std_error, std_error)
        standardised = error / both if both else None
        held = None
        if both and decision.lower is not None and decision.upper is not None and decision.std_error:
            # the card's own bounds say how many of its errors make its level
            held = abs(error) <= (decision.upper - decision.lower) / 2 / decision.std_error * both
        given: dict[str, Any] = {"measured": measured, "std_error": std_error, "error": error, "held": held, **told}
        return cls(decision_id=decision.decision_id, standardised=standardised, **given)

    def to_dict(self) -> dict[str, Any]:
        """The settlement as plain data."""
        return {**asdict(self), "settled": self.settled.isoformat(), "inputs": dict(self.inputs)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Settlement":
        """The settlement that `to_dict` described."""
        known = {f.name for f in fields(cls)}
        given = {k: v for k, v in record.items() if k in known}
        return cls(**{**given, "settled": datetime.fromisoformat(given["settled"])})


@dataclass(frozen=True)
class TrackRecord:
    """Cards and what became of them, oldest first.

    Example:
        >>> str(TrackRecord(()))
        'no promise was measured yet'
    """

    entries: Sequence[tuple[Decision, Settlement | None]]

    @property
    def settled(self) -> list[tuple[Decision, Settlement]]:
        """Those that were measured."""
        return [(card, end) for card, end in self.entries if end is not None]

    @property
    def judged(self) -> list[Settlement]:
        """Measurements of promises that had an interval."""
        return [end for _, end in self.settled if end.held is not None]

    @property
    def held(self) -> int:
        """How many promises agreed with their measurement."""
        return sum(bool(end.held) for end in self.judged)

    def of_kind(self, kind: str) -> "TrackRecord":
        """The cards of one kind."""
        return TrackRecord(tuple(pair for pair in self.entries if pair[0].kind == kind))

    def __str__(self) -> str:
        n = len(self.judged)
        if not n:
            return "no promise was measured yet"
        mean = sum(end.standardised or 0.0 for end in self.judged) / n
        way = "too high" if mean > 0 else "too low"
        told = f"{self.held} of {n} promise{'s' if n != 1 else ''} held"
        return f"{told}; on average {abs(mean):.1f} standard errors {way}"
