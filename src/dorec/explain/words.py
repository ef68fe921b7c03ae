"""Results in plain words, without the field's jargon."""

from dorec.domain.errors import Refusal
from dorec.domain.estimand import Estimand
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.explain.figures import interval_of
from dorec.explain.numbers import NBSP, formatted, percent, value_and_bounds, with_unit

_STATUS = {"passed": "Passed", "warning": "Needs care", "failed": "Failed"}

_REFUSED = {
    "not_identifiable": "These data can't tell this effect apart from causes that were not recorded",
    "graph_cyclic": "The causal graph runs in a circle, so nothing in it comes first",
    "bad_control": "Holding these columns fixed would distort the effect",
    "no_control_arm": "Everyone got the same, so there is nobody to compare with",
    "arm_too_small": "One of the groups is too small to compare",
    "too_few_units": "There are too few units for an answer",
    "non_finite": "Some values are missing or are no numbers",
    "leakage": "A column gives the outcome away",
    "perfect_prediction_of_treatment": "A column gives away who was treated, so the groups have nobody in common",
    "no_overlap": "The groups differ so much that too few of their members can be compared",
    "no_support": "The rule that is judged does what was never tried",
    "bad_propensity": "The recorded chances of what was shown can't be right",
    "unknown_action": "Something was shown that is not on the list of what can be shown",
    "other_units": "The two results rest on other units and can't be compared",
    "no_interval": "No honest margin of error can be given",
    "collinear": "Some columns say the same thing, so their parts can't be told apart",
    "constant_column": "A column never changes, so it can explain nothing",
    "not_independent": "Rows that belong together were counted as if each stood alone",
    "too_large": "The question needs more memory or time than is set aside for it",
    "sample_ratio_mismatch": "The groups have other sizes than were planned, so the assignment did not work as meant",
}

_STRATEGY = {
    "randomised": "{t} was assigned by chance, so the groups can be compared as they are",
    "back-door": "units that are alike in {z} are compared, so that {z} can't explain the difference",
    "front-door": "the effect is followed through {m}, which carries all of it",
    "instrument": "{i} moves {t} by chance and reaches {y} in no other way, so it stands in for an experiment",
    "mediation": "the effect is split into what runs through {m} and what does not",
    "general": "the effect follows from the graph by the general rules of do-calculus",
    "experiments": "data of experiments on other variables are put together with what was observed",
    "selection": "the selected units are reweighted to the population by what is known of it",
}

_POPULATION = {
    "all": "everyone",
    "treated": "those who got it",
    "control": "those who did not get it",
    "overlap": "those who could have gone either way",
}


def describe_estimate(
    estimate: Estimate, *, treatment: str = "", outcome: str = "", per: str = "user", level: float = 0.95
) -> str:
    """What an estimate says, in a sentence for each of its values.

    With `treatment` and `outcome` it is told as an effect, and an interval with 0 inside as one that can't be told
    apart from zero; otherwise as a value under its name.

    Example:
        >>> import numpy as np
        >>> lift = Estimate.of_mean(np.array([1.0, 2.0, 3.0, 3.0]), name="lift", unit="USD")
        >>> print(describe_estimate(lift, treatment="the voucher", outcome="spend"))
        On average the voucher raised spend by 2.25 USD per user; with 95% confidence between 0.73 and 3.77.
        >>> print(describe_estimate(lift - 2.0))
        lift: 0.25 USD; with 95% confidence between −1.27 and 1.77. It can't be told apart from zero.
    """
    told = [_sentence(one, treatment, outcome, per, level) for one in estimate.scalars()]
    return " ".join(told).replace(NBSP, " ")  # a sentence breaks where it must


def describe_verdict(verdict: Verdict) -> str:
    """What a check found and what to do about it.

    Example:
        >>> describe_verdict(Verdict(check="placebo", status="passed", meaning="a shuffled treatment has no effect"))
        'Passed: placebo. A shuffled treatment has no effect.'
    """
    return " ".join(
        [f"{_STATUS[verdict.status]}: {verdict.check}.", sentence(verdict.meaning), sentence(verdict.remedy)]
    ).strip()


def describe_refusal(refusal: Refusal, question: str = "") -> str:
    """Why a question got no number, and the cheapest thing that would help.

    Example:
        >>> from dorec.domain.errors import OneArm
        >>> print(describe_refusal(OneArm("all 90 users got it", remedy="add users without it"), "Does it work?"))
        Does it work? No answer: everyone got the same, so there is nobody to compare with (all 90 users got it). What
        would help: add users without it.
    """
    general = plain_reason(refusal)
    told = f"No answer: {general[0].lower()}{general[1:]}" if general else "No answer"
    told += f" ({refusal.reason})." if general and refusal.reason else f": {refusal.reason}." if refusal.reason else "."
    remedy = f" What would help: {refusal.remedy}." if refusal.remedy else ""
    return f"{question} {told}{remedy}".strip()


def plain_reason(refusal: Refusal) -> str:
    """What this kind of refusal means in general; a kind without words of its own gets its definition."""
    definition = (type(refusal).__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return _REFUSED.get(refusal.code, definition if type(refusal) is not Refusal else "")


def describe_estimand(estimand: Estimand) -> str:
    """How the data answer the question, and for whom.

    Example:
        >>> from dorec.domain.expression import Probability
        >>> from dorec.domain.query import CausalQuery
        >>> e = Estimand(query=CausalQuery("voucher", "spend"), strategy="back-door", adjustment_set=("income", "age"),
        ...              expression=Probability(("spend",), ("voucher",)))
        >>> print(describe_estimand(e))
        What voucher does to spend, on average over everyone: units that are alike in income and age are compared, so
        that income and age can't explain the difference.
    """
    query = estimand.query
    names = {"t": query.treatments, "y": query.outcomes, "z": estimand.adjustment_set}
    names |= {"m": estimand.mediators or query.mediators, "i": estimand.instruments}
    strategy = _STRATEGY[estimand.strategy]
    if estimand.strategy == "back-door" and not estimand.adjustment_set:
        strategy = "nothing that is known causes both {t} and {y}, so the groups can be compared as they are"
    how = strategy.format(**{key: listing(value) or "other variables" for key, value in names.items()})
    given = f", where {listing(query.conditions)} are known" if query.conditions else ""
    whom = _POPULATION[query.population]
    return f"What {listing(query.treatments)} does to {listing(query.outcomes)}, on average over {whom}{given}: {how}."


def listing(names: tuple[str, ...] | list[str], limit: int = 8) -> str:
    """Names as a list in words, the rest counted after `limit`.

    >>> listing(["a", "b", "c"]), listing(["a", "b", "c"], limit=1)
    ('a, b and c', 'a and 2 others')
    """
    shown = [str(n) for n in names]
    if len(shown) > limit + 1:
        shown = [*shown[:limit], f"{len(shown) - limit} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def sentence(text: str) -> str:
    """The text with a capital and a full stop; nothing for nothing."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def _sentence(estimate: Estimate, treatment: str, outcome: str, per: str, level: float) -> str:
    lower, upper = interval_of(estimate, level)
    unit = "" if estimate.unit == "share" else estimate.unit
    sure = percent(level)
    if lower is None or upper is None:
        value = with_unit(formatted(abs(estimate.value) if treatment else estimate.value, "number"), unit)
        if estimate.unit == "share":
            value = percent(abs(estimate.value) if treatment else estimate.value)
        told = _effect(estimate.value, value, treatment, outcome, per) if treatment else f"{_name(estimate)}: {value}"
        return f"{told}. How sure that is can't be said: {estimate.no_interval}."
    value, low, high = value_and_bounds(estimate.value, lower, upper, estimate.unit)
    if not treatment:
        told = f"{_name(estimate)}: {with_unit(value, unit)}; with {sure} confidence between {low} and {high}."
        return told + (" It can't be told apart from zero." if lower <= 0 <= upper else "")
    if lower <= 0 <= upper:
        return (
            f"The effect of {treatment} on {outcome or 'the outcome'} can't be told apart from zero: the estimate is "
            f"{with_unit(value, unit)} per {per}, and with {sure} confidence it lies between {low} and {high}."
        )
    if estimate.value < 0:
        value, low, high = value_and_bounds(-estimate.value, -upper, -lower, estimate.unit)
    told = _effect(estimate.value, with_unit(value, unit), treatment, outcome, per)
    return f"{told}; with {sure} confidence between {low} and {high}."


def _effect(value: float, size: str, treatment: str, outcome: str, per: str) -> str:
    verb = "raised" if value >= 0 else "lowered"
    return f"On average {treatment} {verb} {outcome or 'the outcome'} by {size} per {per}"


def _name(estimate: Estimate) -> str:
    return str(estimate.name) or estimate.method or "The estimate"
