"""One tree of exceptions. A refusal is a result: it has a code, a reason, evidence and the cheapest remedy.

DorecError
├── InputError                what was handed in cannot be used as it is
│   ├── ColumnNotFound
│   ├── ConfigError           a key or value of dorec.toml, of the command line, of a constructor
│   ├── UnknownUser, UnknownItem
│   └── UnreadableSource      a file or a database that cannot be read
├── Refusal                   the data can't answer the question
│   ├── NotIdentifiable       not_identifiable
│   ├── ContradictsGraph      contradicts_graph
│   ├── CyclicGraph           graph_cyclic
│   ├── BadControl            bad_control       (PostTreatmentCovariate is its commonest form)
│   ├── OneArm                no_control_arm
│   ├── ArmTooSmall           arm_too_small
│   ├── TooFewUnits           too_few_units
│   ├── TooLarge              too_large
│   ├── NotFinite             non_finite
│   ├── ConstantColumn        constant_column
│   ├── Collinear             collinear
│   ├── LeakedOutcome         leakage           (MeasuredAfterTreatment is both this and a BadControl)
│   ├── LeakedTreatment       perfect_prediction_of_treatment
│   ├── NoOverlap             no_overlap
│   ├── NoSupport             no_support
│   ├── WeakInstrument        weak_instrument
│   ├── BadPropensity         bad_propensity
│   ├── UnknownAction         unknown_action
│   ├── OtherUnits            other_units
│   ├── NotIndependent        not_independent
│   ├── NoInterval            no_interval
│   ├── NoHeterogeneity       no_heterogeneity
│   ├── NoFeasiblePlan        no_feasible_plan
│   └── SampleRatioMismatch   sample_ratio_mismatch
└── IntegrityError            stored bytes are not the bytes that were written
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar


class DorecError(Exception):
    """Every error that dorec raises on purpose."""


class InputError(DorecError, ValueError):
    """What was handed in cannot be used; the message says what, got, allowed and the next step."""


class ColumnNotFound(InputError):
    """A named column is not in the table.

    >>> print(ColumnNotFound("purchse", ["user_id", "purchase"], where="events.csv"))
    Column 'purchse' is not in events.csv. Columns: user_id, purchase. Did you mean 'purchase'?
    """

    def __init__(self, name: str, columns: Iterable[str], where: str = "the table") -> None:
        columns = list(columns)
        shown = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
        super().__init__(f"Column {name!r} is not in {where}. Columns: {shown}.{did_you_mean(name, columns)}")


class ConfigError(InputError):
    """A setting is unknown or out of its bounds."""


class UnknownUser(InputError):
    """A user id that the data do not hold, where no fallback makes sense."""


class UnknownItem(InputError):
    """An item id that the data do not hold."""


class UnreadableSource(InputError):
    """A file, folder or database that cannot be read as asked."""


class IntegrityError(DorecError):
    """Stored bytes differ from the bytes that were written: nothing was parsed."""


class Refusal(DorecError):
    """The data can't answer: `code`, `reason`, `evidence` and `remedy` instead of a number.

    >>> refusal = OneArm("every one of 1,000 units is treated", remedy="add units without treatment")
    >>> refusal.code, str(refusal)
    ('no_control_arm', 'no_control_arm: every one of 1,000 units is treated. Remedy: add units without treatment.')
    """

    code: ClassVar[str] = "refused"

    def __init__(self, reason: str, *, remedy: str = "", evidence: Mapping[str, Any] | None = None) -> None:
        self.reason = reason.rstrip(".")
        self.remedy = remedy.rstrip(".")
        self.evidence = dict(evidence or {})
        super().__init__(f"{self.code}: {self.reason}." + (f" Remedy: {self.remedy}." if remedy else ""))

    def to_dict(self) -> dict[str, Any]:
        """The refusal as plain data, for reports and `--json`."""
        return {"code": self.code, "reason": self.reason, "remedy": self.remedy, "evidence": self.evidence}


class NotIdentifiable(Refusal):
    """The effect is not a function of what was observed, given the graph."""

    code = "not_identifiable"


class ContradictsGraph(Refusal):
    """No model of the graph has the distribution that was observed."""

    code = "contradicts_graph"


class CyclicGraph(Refusal):
    """A causal graph has a directed cycle."""

    code = "graph_cyclic"


class BadControl(Refusal):
    """A set handed in for adjustment opens or blocks the wrong paths."""

    code = "bad_control"


class PostTreatmentCovariate(BadControl):
    """A covariate was measured after the treatment, or descends from it."""


class OneArm(Refusal):
    """Every unit has the same treatment."""

    code = "no_control_arm"


class ArmTooSmall(Refusal):
    """An arm has too few units for cross-fitting."""

    code = "arm_too_small"


class TooFewUnits(Refusal):
    """There are too few units (or clusters) for what was asked."""

    code = "too_few_units"


class TooLarge(Refusal):
    """The method needs more memory or time than is allowed for data of this size."""

    code = "too_large"


class NotFinite(Refusal):
    """A NaN or an infinity stands where a number is needed."""

    code = "non_finite"


class ConstantColumn(Refusal):
    """A column has the same value in every row."""

    code = "constant_column"


class Collinear(Refusal):
    """Columns are linear functions of one another."""

    code = "collinear"


class LeakedOutcome(Refusal):
    """A covariate carries the outcome itself."""

    code = "leakage"


class MeasuredAfterTreatment(PostTreatmentCovariate, LeakedOutcome):
    """A covariate has a time of its own, and it is later than the treatment."""

    code = "leakage"


class LeakedTreatment(Refusal):
    """A covariate predicts the treatment perfectly, so the arms share no units to compare."""

    code = "perfect_prediction_of_treatment"


class NoOverlap(Refusal):
    """The arms have too few comparable units."""

    code = "no_overlap"


class NoSupport(Refusal):
    """The policy that is judged does what the log never did."""

    code = "no_support"


class WeakInstrument(Refusal):
    """The instruments do not move the treatment at all."""

    code = "weak_instrument"


class BadPropensity(Refusal):
    """A propensity is missing, not in (0, 1], or rows of a policy don't sum to one."""

    code = "bad_propensity"


class UnknownAction(Refusal):
    """A logged action is not among the actions."""

    code = "unknown_action"


class OtherUnits(Refusal):
    """Two estimates rest on other units, so their influences can't be paired."""

    code = "other_units"


class NotIndependent(Refusal):
    """Rows of one unit were to be taken as independent."""

    code = "not_independent"


class NoInterval(Refusal):
    """The method has no interval that holds its level."""

    code = "no_interval"


class NoHeterogeneity(Refusal):
    """Effects are not shown to differ between units, so what describes differences would describe noise."""

    code = "no_heterogeneity"


class SampleRatioMismatch(Refusal):
    """The arms of an experiment have other sizes than were planned."""

    code = "sample_ratio_mismatch"


class NoFeasiblePlan(Refusal):
    """The limits of a budget contradict each other: no plan keeps them all."""

    code = "no_feasible_plan"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` when a known name is near, else nothing.

    >>> did_you_mean("n_fold", ["n_folds", "seed"])
    " Did you mean 'n_folds'?"
    """
    near = get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""
